// A page and a Python program, at either side, by the channel of the Python SDK.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { PythonSide } from "./lib/python.js";
import { world } from "./lib/world.js";

const here = world();
const sides = [];
afterEach(() => sides.splice(0).forEach((side) => side.kill()));

/** In a page: keep its connections in `pcs`. */
function keepConnections() {
  const Real = globalThis.RTCPeerConnection;
  globalThis.pcs = [];
  globalThis.RTCPeerConnection = class extends Real {
    constructor(configuration) {
      super(configuration);
      globalThis.pcs.push(this);
    }
  };
}

async function context(width) {
  const made = await here.context({ viewport: { width, height: 1000 } });
  await made.addInitScript(keepConnections);
  return made;
}

/** The page of a desktop, and a Python guest. */
async function pythonGuest(...options) {
  const page = await here.desk(await context(1280));
  await page.opens("persistent");
  const python = new PythonSide("guest", await page.link(), options);
  sides.push(python);
  await page.page.getByRole("dialog").getByText("Python", { exact: true }).waitFor();
  await page.approves(python);
  return { page, python };
}

/** A Python host, and the page of a phone. */
async function pythonHost(...options) {
  const python = new PythonSide("host", here.node.url, options);
  sides.push(python);
  const page = await here.phone(await python.prints("http").then((rest) => `http${rest}`), await context(390));
  await page.asks();
  return { page, python };
}

async function talk({ page, python }, word) {
  python.does(`send ${word} from Python`);
  await page.sees(`${word} from Python`);
  await page.says(`${word} from the page`);
  assert.equal(await python.prints("got"), `${word} from the page`);
}

for (const pair of [pythonGuest, pythonHost]) {
  test(`${pair.name}: both sides talk, and open further channels`, async () => {
    const both = await pair();
    const { page, python } = both;
    await python.prints("open");
    await page.isConnected();
    await talk(both, "Hello");
    python.does("path");
    assert.match(await python.prints("path"), /^(host|prflx) (host|prflx) udp False$/);
    await page.page.evaluate(() => {
      const channel = pcs.at(-1).createDataChannel("extra");
      channel.onopen = () => channel.send("over another one");
      globalThis.extra = channel;
    });
    assert.equal(await python.prints("channel"), "extra");
    assert.equal(await python.prints("extra"), "over another one");
    await page.page.evaluate(() => globalThis.extra.close());
    assert.equal(await python.prints("closed"), "extra");
    assert.equal(await python.ends(), 0);
  });

  test(`${pair.name}: the page restarts ICE, and the Python side follows by a new connection`, async () => {
    const both = await pair();
    const { page, python } = both;
    await python.prints("open");
    await talk(both, "Before");
    assert.equal(await page.page.evaluate(() => pcs.length), 1);
    await page.page.evaluate(() => pcs.at(-1).restartIce());
    await python.prints("gap");
    await python.prints("open");
    await talk(both, "After");
    assert.equal(await page.page.evaluate(() => pcs.length), 2);
    assert.equal(await python.ends(), 0);
  });

  test(`${pair.name}: the page is loaded again`, async () => {
    const both = await pair();
    const { page, python } = both;
    await python.prints("open");
    await talk(both, "Before");
    await page.page.reload();
    await python.prints("gap");
    await python.prints("open");
    await page.isConnected();
    await talk(both, "After");
    assert.equal(await python.ends(), 0);
  });
}
