// The examples of the documentation run unchanged: in Chromium, and in Python.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { scan } from "./lib/browser.js";
import { ProximNode, PYTHON } from "./lib/node.js";
import { Site } from "./lib/site.js";
import { world } from "./lib/world.js";

const here = world();
let site;
before(async () => {
  site = await Site.open();
  site.node = await ProximNode.start("--public-url", site.url);
});
after(async () => {
  site.close();
  await site.node.stop();
});

const DOCS = new URL("../../docs/", import.meta.url);

/** Return the `js` blocks of a page in pairs of host and guest. */
function pairs(page) {
  const text = readFileSync(new URL(page, DOCS), "utf8");
  const blocks = [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);
  assert.ok(blocks.length > 0 && blocks.length % 2 === 0, page);
  return blocks.flatMap((code, index) => (index % 2 ? [] : [[code, blocks[index + 1]]]));
}

/** The number that a guest prints, for the person at the host. */
const numbers = {
  found: () => {},
  /** @type {Promise<string>} */
  next: Promise.resolve(""),
  restart() {
    this.next = new Promise((resolve) => (this.found = resolve));
  },
};

/** Run a block in an empty page, and return the page and what it prints. */
async function run(code, path) {
  const page = await (await here.context()).newPage();
  const printed = [];
  page.on("console", (message) => {
    printed.push(message.text());
    if (/^\d{3}$/.test(message.text())) numbers.found(message.text());
  });
  page.on("pageerror", (error) => printed.push(`failed: ${error}`));
  page.on("dialog", async (dialog) => dialog.accept(dialog.type() === "prompt" ? await numbers.next : undefined));
  await page.goto(path);
  await page.addScriptTag({ type: "module", content: code });
  const expected = [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, words]) => words);
  return { page, printed, expected };
}

/** Wait for what a page prints, for as long as the SDK retries: on a busy machine the first attempt may fail. */
async function prints({ printed, expected }) {
  for (let tries = 0; tries < 900; tries += 1) {
    if (expected.every((words) => printed.includes(words))) return;
    if (printed.some((words) => words.startsWith("failed"))) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`expected ${JSON.stringify(expected)}, printed ${JSON.stringify(printed)}`);
}

for (const page of ["../README.md", "howto/browser.md", "reference/proxim-js.md"]) {
  for (const [index, [host, guest]] of pairs(page).entries()) {
    test(`${page}, example ${index + 1}`, async () => {
      numbers.restart();
      const desk = await run(host, `${site.url}/example`);
      const image = desk.page.locator('img[src^="data:"]');
      await image.waitFor();
      await image.evaluate((each) => each.decode());
      const phone = await run(guest, await scan(desk.page));
      assert.ok(desk.expected.length + phone.expected.length > 0, "an example prints something");
      await Promise.all([prints(desk), prints(phone)]);
    });
  }
}

test("the guest in Python opens a data channel with the host page", async () => {
  const desk = await here.desk(await here.context({ viewport: { width: 1280, height: 1000 } }));
  await desk.opens("one_time");
  const example = fileURLToPath(new URL("examples/aiortc_guest.py", DOCS));
  const guest = spawn(PYTHON, [example, await desk.link()], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = new Promise((resolve) => guest.once("exit", resolve));
  const printed = [];
  const lines = createInterface({ input: guest.stdout });
  lines.on("line", (line) => printed.push(line));
  const told = new Promise((resolve) => lines.on("line", (line) => line.startsWith("It needs") && resolve(line.slice(-3))));
  try {
    await desk.isAskedBy("Python");
    await desk.approves({ number: () => told });
    await desk.isConnected();
    await desk.sees("Hello from Python");
    await desk.says("Are you there?");
    await desk.sees("You said: Are you there?");
    await desk.press("End connection");
    assert.equal(await gone, 0);
    assert.deepEqual(printed, ["The host is being asked.", `It needs this number: ${await told}`, "connected", "host: Are you there?", "over: closed"]);
  } finally {
    guest.kill();
  }
});
