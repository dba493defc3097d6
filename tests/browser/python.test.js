// A page and a Python program, at either side, by the channel of the Python SDK.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Wire } from "./lib/cut.js";
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
  await page.isAskedBy("Python");
  await page.approves(python);
  return { page, python };
}

/** A Python host, and the page of a phone. */
function pythonHost(...options) {
  return pythonHostAt(here.node.url, ...options);
}

async function pythonHostAt(url, ...options) {
  const python = new PythonSide("host", url, options);
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

  test(`${pair.name}: the page adds sound, which Python does not take, and the connection stays`, async () => {
    const both = await pair();
    const { page, python } = both;
    await python.prints("open");
    await page.page.evaluate(() => {
      globalThis.sound = pcs.at(-1).addTransceiver("audio");
    });
    await page.page.waitForFunction(() => globalThis.sound.currentDirection === "inactive");
    await talk(both, "With sound");
    assert.ok(!python.lines.includes("gap"));
    assert.equal(await page.page.evaluate(() => pcs.length), 1);
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

for (const pair of [pythonGuest, pythonHost]) {
  test(`${pair.name}: without aiortc the page does not wait`, async () => {
    const { page, python } = await pair("--without-aiortc");
    assert.equal(await python.prints("error"), "not_supported");
    await page.sees("WebRTC is missing or switched off there");
    await page.page.reload();
    await page.sees("WebRTC is missing or switched off there");
  });
}

test("a Python guest that is killed takes its seat again as a new program", async () => {
  const { page, python } = await pythonGuest();
  const seat = await python.prints("seat");
  await python.prints("open");
  await page.isConnected();
  python.kill();
  const again = new PythonSide("resume", seat);
  sides.push(again);
  await again.prints("open");
  await talk({ page, python: again }, "After");
  assert.equal(await again.ends(), 0);
});

test("the channel goes on while the Python side has lost the node", async () => {
  const wire = await Wire.to(here.node.port);
  try {
    const both = await pythonHostAt(wire.url);
    const { page, python } = both;
    await python.prints("open");
    await talk(both, "Before");
    wire.cut();
    await talk(both, "While");
    wire.mend();
    await talk(both, "After");
    assert.ok(!python.lines.includes("gap"));
    assert.equal(await page.page.evaluate(() => pcs.length), 1);
    assert.equal(await python.ends(), 0);
  } finally {
    wire.close();
  }
});

test("a page that sends faster than Python receives has to wait, and nothing is lost", async () => {
  const { page, python } = await pythonGuest("--idle");
  await python.prints("open");
  await page.isConnected();
  const MESSAGES = 600;
  const SIZE = 50_000;
  await page.page.evaluate(
    ([count, size]) => {
      const channel = pcs.at(-1).createDataChannel("bulk");
      globalThis.sent = 0;
      const pump = () => {
        for (; sent < count && channel.bufferedAmount < 4_000_000; sent += 1) {
          channel.send(String(sent).padStart(size, "0"));
        }
        if (sent < count) setTimeout(pump, 20);
      };
      channel.onopen = pump;
    },
    [MESSAGES, SIZE],
  );
  assert.equal(await python.prints("channel"), "bulk");
  let waiting = 0;
  for (let last = -1; waiting < 4_000_000 || waiting !== last; ) {
    last = waiting;
    await page.page.waitForTimeout(2_000);
    python.does("waiting");
    waiting = Number(await python.prints("waiting"));
  }
  assert.ok(waiting < 9_000_000, String(waiting));
  assert.ok((await page.page.evaluate(() => sent)) < MESSAGES);
  python.does("read");
  for (let number = 0; number < MESSAGES; number += 1) assert.equal(Number(await python.prints("bulk")), number);
});
