// A web application on an origin of its own: the files of docs/howto/own-page.md as they stand.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { launch, scan } from "./lib/browser.js";
import { ProximNode } from "./lib/node.js";
import { APP, filesOf, Origins } from "./lib/origins.js";

const files = filesOf("howto/own-page.md");
assert.deepEqual(Object.keys(files), ["/desk.html", "/pair.html"]);
const complaints = [];
let origins, strict, browser;

before(async () => {
  origins = await Origins.open(files, "--allow-origin", APP);
  browser = await launch(...origins.flags);
});
after(async () => {
  await browser?.close();
  await origins?.close();
});
afterEach(() => assert.deepEqual(complaints.splice(0), []));

/** Open a page of the application as another person's browser does. */
async function open(url, by = browser) {
  const page = await (await by.newContext({ ignoreHTTPSErrors: true })).newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return page;
}

const tells = (page, words) => page.getByRole("status").getByText(words).waitFor();

async function says(page, words) {
  await page.getByLabel("Message").fill(words);
  await page.getByRole("button", { name: "Send" }).click();
}

async function pairs(desk) {
  await tells(desk, "Scan the code");
  await desk.locator("#code").evaluate((image) => image.decode());
  const link = await scan(desk);
  assert.match(link, /^https:\/\/app\.example\/pair\.html#/);
  const phone = await open(link);
  await phone.getByRole("button", { name: "Connect" }).click();
  const told = await phone.getByRole("status").getByText(/^Type \d{3} /).textContent();
  await tells(desk, "A device asks to connect.");
  return { phone, number: told.slice(5, 8) };
}

test("two pages of an application pair across origins, and talk", async () => {
  const desk = await open(`${APP}/desk.html`);
  const { phone, number } = await pairs(desk);
  assert.equal(phone.url(), `${APP}/pair.html`);
  await desk.getByLabel("Number that the phone shows").fill(number);
  await desk.getByRole("button", { name: "Approve" }).click();
  await Promise.all([tells(desk, "Connected."), tells(phone, "Connected.")]);
  await says(desk, "from the desk");
  await says(phone, "from the phone");
  await desk.getByText("from the phone").waitFor();
  await phone.getByText("from the desk").waitFor();
  await phone.context().close();
  await tells(desk, "Not connected: disconnected");
});

test("a new code takes the place of the old one, and a guest can be declined", async () => {
  const desk = await open(`${APP}/desk.html`);
  await tells(desk, "Scan the code");
  const first = await desk.locator("#code").getAttribute("src");
  await desk.getByRole("button", { name: "New code" }).click();
  await desk.waitForFunction((before) => document.querySelector("#code").src !== before, first);
  const { phone } = await pairs(desk);
  await desk.getByRole("button", { name: "Decline" }).click();
  await Promise.all([tells(desk, "Not connected: rejected"), tells(phone, "Not connected: rejected")]);
});

test("a guest page that is opened without a link says so", async () => {
  await tells(await open(`${APP}/pair.html`), "a link looks like");
});

test("an isolated page with a strict policy may load the SDK and pair", async () => {
  const desk = await open(`${APP}/isolated/desk.html`);
  assert.equal(await desk.evaluate(() => crossOriginIsolated), true);
  await tells(desk, "Scan the code");
  await desk.locator("#code").evaluate((image) => image.decode());
});

test("on one machine the pages work without certificates", async () => {
  const own = (file) => file.replaceAll("https://node.example", node.url);
  const app = createServer(({ url }, answer) => answer.setHeader("Content-Type", "text/html").end(own(files[url] ?? "")));
  await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
  const here = `http://localhost:${app.address().port}`;
  const node = await ProximNode.start("--allow-origin", here);
  try {
    await tells(await open(`${here}/desk.html`), "Scan the code");
  } finally {
    app.closeAllConnections();
    app.close();
    await node.stop();
  }
});

test("a page of an origin that is not allowed hears why, and the node's log says what lets it in", async () => {
  strict = await Origins.open(files);
  const other = await launch(...strict.flags);
  try {
    const page = await open(`${APP}/desk.html`, other);
    await tells(page, `it probably refuses pages of ${APP}: start it with --allow-origin ${APP}`);
    await page.reload();
    await tells(page, `--allow-origin ${APP}`);
    assert.equal(strict.node.log.match(/a page of https:\/\/app\.example was refused/g).length, 1);
    assert.match(strict.node.log, /--allow-origin https:\/\/app\.example/);
  } finally {
    await other.close();
    await strict.close();
  }
});
