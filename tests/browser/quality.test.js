// The quality of the pages in every state: accessible, not cut off, and small.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { ProximNode } from "./lib/node.js";
import { Desk } from "./lib/people.js";
import { world } from "./lib/world.js";

const here = world();
const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHAPES = [
  { width: 1280, height: 900, colorScheme: "light", reducedMotion: "no-preference" },
  { width: 320, height: 640, colorScheme: "dark", reducedMotion: "reduce" },
];

/** Check that axe finds nothing serious, and that nothing is wider than the screen. */
async function isSound(person, state) {
  const { page } = person;
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(found, [], state);
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(widths[0] <= widths[1], `${state}: ${widths[0]} px on a screen of ${widths[1]}`);
}

for (const { width, height, ...tastes } of SHAPES) {
  test(`every state is accessible at ${width} px, ${tastes.colorScheme}`, async () => {
    const look = { viewport: { width, height }, ...tastes };
    const desk = await here.desk(await here.context(look));
    await desk.hasCode();
    await isSound(desk, "the first code");
    await desk.unfolds("Can’t scan?");
    await desk.opens("persistent");
    await desk.unfolds("Keep connected longer…");
    await isSound(desk, "the code");
    const phone = await here.phone(await desk.link(), await here.context(look));
    await phone.sees("This page has sent nothing yet.");
    await isSound(phone, "asking");
    const name = `An awfully long name ${"x".repeat(43)}`;
    await phone.asksAndWaits(name);
    await isSound(phone, "waiting");
    await desk.page.getByRole("dialog").waitFor();
    await isSound(desk, "the question");
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    await phone.says("w".repeat(200));
    await desk.says("i".repeat(200));
    const file = { name: `${"f".repeat(60)}.txt`, mimeType: "text/plain", buffer: Buffer.from("x") };
    await phone.page.locator('input[type="file"]:not([capture])').setInputFiles(file);
    await desk.offer("f.txt").waitFor();
    await isSound(desk, "an offer");
    await desk.accepts(file.name);
    await desk.sees("Complete");
    await isSound(desk, "the workbench");
    await isSound(phone, "the workbench");
    await phone.page.getByRole("button", { name: "End connection" }).click();
    await phone.sees("The connection has ended");
    await desk.ended("The other device ended it.");
    await isSound(desk, "the end");
    await isSound(phone, "the end");
  });
}

for (const { width, height, ...tastes } of SHAPES) {
  test(`chat through the server and many offers are accessible at ${width} px, ${tastes.colorScheme}`, async () => {
    const look = { viewport: { width, height }, ...tastes };
    const desk = await here.desk(await here.context(look));
    const context = await here.context(look);
    const phone = await here.phone(await desk.opens("persistent"), context);
    await phone.asksAndWaits("A phone");
    await desk.approves(phone);
    await phone.isConnected();
    const files = Array.from({ length: 30 }, (_, index) => ({ name: `${index}${"f".repeat(60)}.txt`, mimeType: "", buffer: Buffer.from("x") }));
    await phone.page.locator('input[type="file"]:not([capture])').setInputFiles(files);
    // A page offers 24 files at a time.
    await desk.page.getByRole("button", { name: "Accept all 24 (24 B)" }).waitFor();
    await isSound(desk, "many offers");
    await isSound(phone, "many offers");
    await context.addInitScript(() => delete globalThis.RTCPeerConnection);
    await phone.page.reload();
    await Promise.all([phone.sees("Messages go through the server"), desk.sees("Messages go through the server")]);
    await phone.says("w".repeat(200));
    await desk.sees("w".repeat(200));
    await isSound(desk, "chat through the server");
    await isSound(phone, "chat through the server");
  });
}

/** What each page loads at once of the code of sealed sessions: the host's page opens one, the guest's has no link yet. */
const SEALS = { "/": ["/sdk/seal/index.js", "/sdk/seal/qr.js", "/vendor/qr.js", "/vendor/seal.js"], "/join": [] };

for (const [path, seals] of Object.entries(SEALS)) {
  test(`the first load of ${path} is under 100 KB, all from the node`, async () => {
    const page = await (await here.context()).newPage();
    const requests = [];
    page.on("request", (request) => requests.push(request));
    await page.goto(here.node.url + path, { waitUntil: "networkidle" });
    const sizes = await Promise.all(
      requests
        .filter((request) => request.url().startsWith("http"))
        .map(async (request) => {
          assert.ok(request.url().startsWith(here.node.url), request.url());
          assert.equal((await request.response()).status(), 200);
          return (await request.sizes()).responseBodySize + (await request.sizes()).responseHeadersSize;
        }),
    );
    const paths = requests.map((request) => new URL(request.url()).pathname);
    assert.deepEqual(paths.filter((each) => /^\/(sdk|vendor)\//.test(each)).sort(), seals);
    const total = sizes.reduce((sum, each) => sum + each, 0);
    assert.ok(sizes.length > 5 && total < 100_000, `${total} bytes`);
  });
}

test("path and round-trip time are shown while connected", async () => {
  const { desk, phone } = await here.pair("one_time");
  for (const person of [desk, phone]) {
    await person.press("About this connection");
    await person.sees(/^Direct$/);
    assert.match(await person.page.locator(".about p").first().textContent(), /^Direct Here: own address. There: (own address|address found on the way). UDP.$/);
    await person.sees(/Round trip (under )?\d+ ms/);
    const line = person.page.locator(".spark polyline");
    await person.page.waitForFunction(
      (each) => each.getAttribute("points").split(" ").length > 2,
      await line.elementHandle(),
    );
  }
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

test("the pages work on plain http", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    for (const name of ["subtle", "randomUUID"]) {
      Object.defineProperty(Crypto.prototype, name, { value: undefined });
    }
    Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined });
    Object.defineProperty(globalThis, "isSecureContext", { value: false });
  });
  const desk = await here.desk(context);
  await desk.opens("one_time");
  await desk.pressesBehind("Copy link");
  await desk.sees("Copied");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("the guest sends nothing before it asks, and WebRTC does not start before the approval", async () => {
  const desk = await here.desk();
  await desk.opens("one_time");
  const context = await here.context();
  await context.addInitScript(() => {
    globalThis.made = [];
    for (const name of ["WebSocket", "RTCPeerConnection"]) {
      const Real = globalThis[name];
      globalThis[name] = class extends Real {
        constructor(...args) {
          super(...args);
          globalThis.made.push(name);
        }
      };
    }
  });
  const phone = await here.phone(await desk.link(), context);
  const made = () => phone.page.evaluate(() => globalThis.made);
  await phone.sees("This page has sent nothing yet.");
  assert.deepEqual(await made(), []);
  await phone.asksAndWaits();
  assert.deepEqual(await made(), ["WebSocket"]);
  await desk.approves(phone);
  await phone.isConnected();
  assert.deepEqual(await made(), ["WebSocket", "RTCPeerConnection"]);
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
