// A language of the test: each text is longer and in brackets. So a text that is not in the table shows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./lib/world.js";

const here = world();

/** What the tests put behind the table. */
const TRANSLATE = `
const longer = (words) => "⟦" + words + " ~" + words.replace(/[a-z]/g, "õ").slice(0, Math.ceil(words.length * 0.4)) + "⟧";
const translate = (table) => {
  for (const [name, words] of Object.entries(table)) {
    if (name === "language") table[name] = "eo";
    else if (typeof words === "string") table[name] = longer(words);
    else if (typeof words === "function") table[name] = (...parts) => longer(words(...parts));
    else translate(words);
  }
};
translate(text);
translate(problems);
`;

/** Names, numbers, links and commands, which are in no language. */
const UNTRANSLATED = /^[\s\d:.,·#%]*( [AP]M)?$|^https?:|^[\w-]{8,}$|^(A phone|Linux PC|a\.txt|hello|[0-9.:]+)$/;

/** Return the visible texts of a page that are not from the table. */
const strangers = ({ page }) =>
  page.evaluate((pattern) => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode;
      const inTable = parentElement.closest("noscript, template, script") || parentElement.textContent.includes("⟦");
      const isPart = parentElement.closest("bdi");
      if (!inTable && !isPart && !new RegExp(pattern).test(data.trim())) found.push(data.trim());
    }
    for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], img[alt]")) {
      for (const name of ["aria-label", "title", "placeholder", "alt"]) {
        const words = element.getAttribute(name);
        if (words && !words.includes("⟦")) found.push(`${name}: ${words}`);
      }
    }
    return found;
  }, UNTRANSLATED.source);

async function isTranslated(person, state) {
  assert.deepEqual(await strangers(person), [], state);
  const [wide, width] = await person.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= width, `${state}: ${wide} px on a screen of ${width}`);
  const cut = await person.page.evaluate(() =>
    [...document.querySelectorAll("button, summary, label, h1, h2")]
      .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
      .map(({ outerHTML }) => outerHTML),
  );
  assert.deepEqual(cut, [], `${state}: cut off`);
}

for (const width of [320, 1280]) {
  test(`every text is in the table, and longer ones fit at ${width} px`, async () => {
    const context = async () => {
      const made = await here.context({ viewport: { width, height: 800 } });
      await made.route(/\/web\/(host|join)\.js$/, async (route) => {
        const response = await route.fetch();
        const script = await response.text();
        const [table] = /^const problems = \{[^]*?^\};\n/m.exec(script);
        await route.fulfill({ response, body: script.replace(table, () => table + TRANSLATE) });
      });
      return made;
    };
    const desk = await here.desk(await context());
    const { page } = desk;
    await desk.hasCode();
    assert.equal(await page.locator("html").getAttribute("lang"), "eo");
    for (const summary of await page.locator("summary").all()) await summary.click();
    await isTranslated(desk, "the code");
    const phone = await here.phone(await desk.link(), await context());
    await phone.page.locator("#asking").waitFor();
    await isTranslated(phone, "asking");
    await phone.page.locator("#name").fill("A phone");
    await phone.page.locator("#ask").click();
    await phone.page.locator("#waiting").waitFor();
    await isTranslated(phone, "waiting");
    await page.locator("#prompt[open]").waitFor();
    await page.locator("#remember-on").check();
    await isTranslated(desk, "the question");
    await page.locator("#number").fill(await phone.number());
    await page.locator("#approve").click();
    for (const person of [desk, phone]) await person.page.locator(".bench .say button[type=submit]:not([disabled])").waitFor();
    await phone.page.locator(".say textarea").fill("hello");
    await phone.page.locator(".say button[type=submit]").click();
    await page.locator(".talk").getByText("hello").waitFor();
    await phone.page.locator('input[type="file"]:not([capture])').setInputFiles({ name: "a.txt", mimeType: "", buffer: Buffer.from("x") });
    await page.locator(".offers li").waitFor();
    await isTranslated(desk, "an offer");
    await page.locator(".accept:not([aria-disabled])").click();
    await page.locator(".transfer.ok").waitFor();
    for (const person of [desk, phone]) {
      await person.page.locator(".bench .icon").click();
      await isTranslated(person, "connected");
    }
    await phone.page.locator(".bench-top .second").click();
    await phone.page.locator("#over").waitFor();
    await page.locator("#ended-list li").waitFor();
    await isTranslated(desk, "the end");
    await isTranslated(phone, "the end");
    await phone.page.reload();
    await phone.page.locator("#host-list button").first().waitFor();
    await isTranslated(phone, "the known hosts");
    await phone.page.locator("#host-list button").first().click();
    await page.locator("#prompt[open]").waitFor();
    await isTranslated(desk, "the question about a known device");
    await isTranslated(phone, "a visit");
    await page.waitForTimeout(700);
    await page.locator("#decline").click();
    await page.locator("#known .quiet.bad").click();
    await page.locator("dialog[open]").waitFor();
    await isTranslated(desk, "the question whether to forget");
  });
}
