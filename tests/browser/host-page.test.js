// The page that shows the code: what a person finds without looking for it, and what stands behind it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Wire } from "./lib/cut.js";
import { ProximNode } from "./lib/node.js";
import { Desk } from "./lib/people.js";
import { withoutSeal } from "./lib/plain.js";
import { world } from "./lib/world.js";

const here = world();


test("the code is there at once, large, with three steps and the time until it is refreshed", async () => {
  const desk = await here.desk();
  await desk.hasCode();
  const { width, height } = await desk.page.locator("#qr").boundingBox();
  assert.ok(width >= 300 && height >= 300, `${width} by ${height}`);
  assert.equal(await desk.page.locator(".steps li").count(), 3);
  await desk.sees(/^Refreshes in [0-4]:\d\d$/);
  assert.equal(await desk.page.locator("#link").isVisible(), false);
  assert.equal(await desk.page.getByText("Until closed").isVisible(), false);
  const phone = await here.phone(await desk.shows());
  await phone.asksAndWaits();
  await desk.approves(phone);
  await phone.isConnected();
  // Without a choice the connection is for once.
  await desk.page.locator("#list").getByText("Once").waitFor();
});

test("a page that only waits moves nothing, since each frame costs a laptop power", async () => {
  const desk = await here.desk(await here.context({ reducedMotion: "no-preference" }));
  await desk.hasCode();
  const moving = await desk.page.evaluate(async () => {
    let found = 0;
    for (let look = 0; look < 20; look += 1) {
      found += document.getAnimations().length;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return found;
  });
  assert.equal(moving, 0);
});

test("each kind of connection says what a restart of the server means for it", async () => {
  const desk = await here.desk();
  await desk.hasCode();
  await desk.unfolds("Keep connected longer…");
  const kinds = desk.page.locator(".type");
  assert.equal(await kinds.count(), 3);
  for (const kind of await kinds.all()) assert.match(await kind.textContent(), /restart of the server|when the server is stopped/);
});

test("after the approval the card is folded, and another device needs one click", async () => {
  const { desk } = await here.pair("persistent");
  await desk.page.getByRole("heading", { name: "Connect another device" }).waitFor();
  assert.equal(await desk.page.locator("#qr").isVisible(), false);
  const phone = await here.phone(await desk.opens("one_time"));
  await phone.asksAndWaits();
  await desk.approves(phone);
  await phone.isConnected();
  assert.equal(await desk.page.locator(".bench").count(), 2);
});

test("another kind takes the place of the code, and leaves nothing behind", async () => {
  const desk = await here.desk();
  const first = await desk.opens("one_time");
  await desk.chooses("persistent");
  const late = await here.phone(first);
  await late.asks();
  await late.page.locator("#over").waitFor();
  assert.equal(await desk.page.locator("#connections").isVisible(), false);
});

test("a page whose code leads to this computer alone says how to let phones in", async () => {
  const desk = await here.desk();
  await desk.hasCode();
  await desk.sees("Only this computer can open the code");
  // Where the program is, and how it was started, is known to its terminal alone.
  await desk.sees("start it again with the option --lan: its terminal shows the whole command");
});

test("a code for a longer time comes into view, and says with the question how long the connection stays", async () => {
  const desk = await here.desk(await here.context({ viewport: { width: 390, height: 600 } }));
  await desk.opens("temporary", 600);
  const isInView = () => {
    const { top, bottom } = document.querySelector("#qr").getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  };
  await desk.page.waitForFunction(isInView);
  await desk.page.locator("#code-kind").getByText(/^This code is for: For a while \((10:00|9:\d\d) left\)$/).waitFor();
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  await desk.page.locator("#prompt-type").getByText(/^For a while \((10:00|9:\d\d) left\): The connection ends after a set time/).waitFor();
  // The id of a sealed device is another one each time.
  assert.ok(await desk.page.locator("#prompt-id").isHidden());
});

test("what is unfolded comes into view", async () => {
  const desk = await here.desk(await here.context({ viewport: { width: 1280, height: 600 } }));
  await desk.hasCode();
  await desk.unfolds("Can’t scan?");
  await desk.unfolds("Keep connected longer…");
  await desk.page.waitForFunction(() => document.querySelector("#longer").getBoundingClientRect().bottom <= innerHeight + 1);
});

test("a sealed connection that ended elsewhere has no name in the list", async () => {
  const context = await here.context({ viewport: { width: 1280, height: 1000 } });
  const desk = await here.desk(context);
  const phone = await here.phone(await desk.opens("one_time"));
  await phone.asksAndWaits();
  await desk.approves(phone);
  await desk.isConnected();
  await phone.press("End connection");
  await desk.sees("The other device ended it.");
  await desk.page.close();
  const other = await here.desk(context);
  const ended = other.page.locator("#ended-list li").first();
  await ended.waitFor();
  assert.equal(await ended.locator("bdi").textContent(), "A device");
});

test("the guest sees the name of the computer, which is set once", async () => {
  const context = await here.context({ viewport: { width: 1280, height: 1000 } });
  const desk = await here.desk(context);
  await desk.hasCode();
  const first = await desk.link();
  await desk.page.getByLabel("Name of this computer").fill("Work laptop");
  await desk.page.getByLabel("Name of this computer").press("Enter");
  await desk.page.waitForFunction((old) => !["", old].includes(document.querySelector("#link").value), first);
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  // The session is sealed: the host tells its name with the approval, and the server does not know it.
  await phone.page.getByRole("heading", { name: "Waiting for approval" }).waitFor();
  await desk.approves(phone);
  await phone.page.getByRole("heading", { name: "Connected to Work laptop" }).waitFor();
  await desk.page.reload();
  await desk.hasCode();
  assert.equal(await desk.page.getByLabel("Name of this computer").inputValue(), "Work laptop");
});

test("a guest of a session that is not sealed sees the name of the computer while it waits", async () => {
  const context = await withoutSeal(await here.context({ viewport: { width: 1280, height: 1000 } }));
  await context.addInitScript(() => localStorage.setItem("proxim.name", "Work laptop"));
  const desk = await here.desk(context);
  // A connection for once would end by the reload.
  const phone = await here.phone(await desk.opens("persistent"));
  await phone.asksAndWaits();
  await phone.page.getByRole("heading", { name: "Waiting for Work laptop" }).waitFor();
  await phone.page.reload();
  await phone.page.getByRole("heading", { name: "Waiting for Work laptop" }).waitFor();
  await desk.approves(phone);
  await phone.page.getByRole("heading", { name: "Connected to Work laptop" }).waitFor();
});

test("a name that the server refuses does not stop the page", async () => {
  const context = await here.context();
  await context.addInitScript(() => localStorage.setItem("proxim.name", "exe\u202egnp"));
  const desk = await here.desk(context);
  await desk.sees("The server does not take this name.");
  await desk.hasCode();
  assert.equal(await desk.page.getByLabel("Name of this computer").inputValue(), "Linux PC");
});

test("without the server the code is covered and its buttons are off, until the server is back", async () => {
  const wire = await Wire.to(here.node.port);
  try {
    const desk = await Desk.at({ url: wire.url }, await here.context());
    await desk.hasCode();
    wire.cut();
    await desk.sees("The code is back when the server is.");
    for (const id of ["copy", "renew", "pause"]) assert.ok(await desk.page.locator(`#${id}`).isDisabled(), id);
    wire.mend();
    await desk.hasCode();
    assert.ok(await desk.page.locator("#copy").isEnabled());
  } finally {
    wire.close();
  }
});

test("after a denial and after the end of the time there is a new code, and the page says why", async () => {
  const desk = await here.desk();
  const first = await desk.opens("one_time");
  const phone = await here.phone(first);
  await phone.asksAndWaits();
  await desk.hears();
  await desk.press("Decline");
  await desk.sees("You declined the device. This is a new code.");
  await desk.hasCode();
  assert.notEqual(await desk.link(), first);
});

test("a screen reader hears once that the time is nearly up", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    const { now } = performance;
    performance.now = () => now.call(performance) + (globalThis.ahead ?? 0);
  });
  const desk = await here.desk(context);
  const phone = await here.phone(await desk.opens("one_time"));
  await phone.asksAndWaits();
  await desk.page.getByRole("dialog").waitFor();
  const soon = desk.page.locator("#prompt-soon");
  assert.equal(await soon.textContent(), "");
  await desk.page.evaluate(() => (globalThis.ahead = 31_000));
  // Both at one time: they are gone again with the prompt, when its last seconds are over.
  await desk.page.waitForFunction(() => {
    const words = document.querySelector("#prompt-soon").textContent;
    return words === "10 seconds left to answer" && document.querySelectorAll("dialog .late").length === 1;
  });
});

test("the page asks for an access token, and remembers it", async () => {
  const strict = await ProximNode.start("--access-token", "open sesame");
  try {
    const context = await here.context();
    const page = await context.newPage();
    await page.goto(strict.url);
    await page.getByText("This server asks for an access token").waitFor();
    await page.getByLabel("Access token").fill("wrong");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("This access token is wrong").waitFor();
    await page.waitForFunction(() => document.querySelector("#access")?.value === "");
    await page.getByLabel("Access token").fill("open sesame");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.locator("#reach.on").waitFor();
    await page.close();
    const desk = await Desk.at(strict, context);
    await desk.opens("one_time");
  } finally {
    await strict.stop();
  }
});

test("a prompt in a hidden tab changes its title, sounds, and notifies if permitted", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    globalThis.noticed = [];
    globalThis.Notification = class {
      static permission = "granted";
      constructor(title, { body }) {
        globalThis.noticed.push(`${title}: ${body}`);
      }
      close() {
        globalThis.noticed.push("taken away");
      }
    };
    const { start } = AudioScheduledSourceNode.prototype;
    AudioScheduledSourceNode.prototype.start = function (...when) {
      globalThis.noticed.push("sound");
      start.apply(this, when);
    };
    Object.defineProperty(Document.prototype, "hidden", { get: () => globalThis.isAway ?? false });
  });
  const desk = await here.desk(context);
  await desk.opens("persistent");
  // After a reload the browser allows sounds only after the next click.
  await desk.page.reload();
  await desk.hasCode();
  await desk.page.getByRole("heading", { name: "Connect a device" }).click();
  const phone = await here.phone(await desk.link());
  await desk.page.evaluate(() => (globalThis.isAway = true));
  await phone.asksAndWaits("My phone");
  await desk.sees("Does My phone show a number?");
  assert.equal(await desk.page.title(), "● A device asks – Proxim");
  const noticed = () => desk.page.evaluate(() => globalThis.noticed.toSorted());
  // Not the device's name, which could say anything.
  const notice = "A device asks to connect: Open this page to answer.";
  assert.deepEqual(await noticed(), [notice, "sound", "sound"]);
  await desk.hears();
  await desk.press("Decline");
  assert.deepEqual(await noticed(), [notice, "sound", "sound", "taken away"]);
});

test("an offered file in a hidden tab changes its title until it is answered", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    Object.defineProperty(Document.prototype, "hidden", { get: () => globalThis.isAway ?? false });
  });
  const desk = await here.desk(context);
  const phone = await here.phone(await desk.opens("persistent"));
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  const { page } = desk;
  await page.evaluate(() => (globalThis.isAway = true));
  await phone.page.locator('input[type="file"]:not([capture])').setInputFiles({ name: "a.txt", mimeType: "", buffer: Buffer.from("x") });
  await desk.offer("a.txt").waitFor();
  assert.equal(await page.title(), "● A file is offered – Proxim");
  // A request to pair comes in between.
  await page.evaluate(() => (globalThis.isAway = false));
  await desk.opens("one_time");
  const other = await here.phone(await desk.link());
  await other.asksAndWaits();
  await desk.hears();
  assert.equal(await page.title(), "● A device asks – Proxim");
  await desk.approves(other);
  await other.isConnected();
  assert.equal(await page.title(), "● A file is offered – Proxim");
  await desk.accepts("a.txt");
  await desk.file("a.txt").getByText("Complete").waitFor();
  assert.equal(await page.title(), "Proxim – connect a device");
});

test("on a screen of 4K everything stays together in its middle", async () => {
  const shape = { viewport: { width: 3840, height: 2160 } };
  const fits = async ({ page }) => {
    const { width, left, right } = await page.evaluate(() => {
      const { left, right } = document.querySelector("main").getBoundingClientRect();
      return { width: document.documentElement.scrollWidth, left, right: innerWidth - right };
    });
    assert.equal(width, 3840);
    // As wide as lines may be, and with room for a scroll bar.
    assert.ok(left > 1300 && Math.abs(left - right) <= 16, `${left} px on the left, ${right} on the right`);
  };
  const desk = await here.desk(await here.context(shape));
  await desk.hasCode();
  await fits(desk);
  const phone = await here.phone(await desk.link(), await here.context(shape));
  await phone.asksAndWaits();
  await fits(phone);
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await phone.says("w".repeat(2000));
  await desk.sees("w".repeat(2000));
  await Promise.all([fits(desk), fits(phone)]);
});
