// The quality of the pages in every state: accessible, not cut off, and small.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
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

for (const { width, height, ...tastes } of SHAPES) {
  test(`known devices are accessible at ${width} px, ${tastes.colorScheme}`, async () => {
    const look = { viewport: { width, height }, ...tastes };
    const desk = await here.desk(await here.context(look));
    const phone = await here.phone(await desk.opens("one_time"), await here.context(look));
    await phone.asksAndWaits("A phone");
    await desk.hears();
    await desk.page.getByLabel("Remember this device").check();
    await desk.page.getByLabel("Your name for it").fill("w".repeat(64));
    await isSound(desk, "the choice to remember");
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    await isSound(desk, "the known devices");
    await phone.press("End connection");
    await phone.sees("Connect without a code");
    await isSound(phone, "the known hosts");
    await phone.page.reload();
    await phone.page.getByRole("button", { name: /^Connect to/ }).click();
    await desk.sees("wants to connect again");
    await desk.hears();
    await isSound(desk, "the question about a known device");
    await desk.page.evaluate(() => {
      const name = Object.keys(localStorage).find((each) => each.startsWith("proxim.devices."));
      localStorage.setItem(name, JSON.stringify(JSON.parse(localStorage.getItem(name)).map((device) => ({ ...device, policy: "auto" }))));
    });
    await desk.page.reload();
    await desk.sees("has connected by itself");
    await isSound(desk, "a visit without a question");
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
