// Messages that arrive before the page listens are not lost.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeChannel, FakePeerConnection, freshBrowser, settle } from "./fakes.js";
import { guest } from "./pair.js";

beforeEach(freshBrowser);

const MEGA = 1024 * 1024;

/** Return a guest with an open channel that has no listener. */
async function connected() {
  const phone = await guest();
  const channel = arrives("proxim");
  channel.opens();
  return { phone, channel };
}

function arrives(label) {
  const channel = new FakeChannel(label);
  FakePeerConnection.last.ondatachannel({ channel });
  return channel;
}

for (const how of ["onmessage", "addEventListener"]) {
  test(`messages wait for ${how}, and are delivered in order`, async () => {
    const { channel } = await connected();
    const heard = [];
    const listen = ({ data }) => heard.push(data);
    for (const data of ["a", "b"]) await channel.hears(data);
    if (how === "onmessage") channel.onmessage = listen;
    else channel.addEventListener("message", listen);
    assert.deepEqual(heard, [], "not before the page has run on");
    channel.dispatchEvent(new MessageEvent("message", { data: "c" }));
    await settle();
    await channel.hears("d");
    assert.deepEqual(heard, ["a", "b", "c", "d"]);
  });
}

test("a page that adds a listener for one message at a time gets each", async () => {
  const { channel } = await connected();
  for (const data of ["a", "b", "c"]) await channel.hears(data);
  const one = () => new Promise((resolve) => channel.addEventListener("message", resolve, { once: true }));
  const heard = [];
  for (let count = 0; count < 3; count += 1) heard.push((await one()).data);
  assert.deepEqual(heard, ["a", "b", "c"]);
});

test("every listener gets the waiting messages, and other events release nothing", async () => {
  const { channel } = await connected();
  await channel.hears("a");
  channel.addEventListener("close", () => {});
  channel.onmessage = null;
  await settle();
  const heard = [];
  channel.addEventListener("message", ({ data }) => heard.push(`1 ${data}`));
  channel.onmessage = ({ data }) => heard.push(`2 ${data}`);
  await settle();
  assert.deepEqual(heard, ["1 a", "2 a"]);
  assert.deepEqual(Object.keys(channel).filter((name) => /message|Listener/.test(name)), []);
});

test("the waiting messages are bounded, and a dropped one is an error event", async () => {
  const { phone, channel } = await connected();
  const errors = [];
  phone.onerror = ({ error }) => errors.push(error.code);
  for (let count = 0; count < 20; count += 1) await channel.hears(new ArrayBuffer(MEGA));
  const heard = [];
  channel.onmessage = ({ data }) => heard.push(data.byteLength);
  await settle();
  assert.equal(heard.length, 15);
  assert.deepEqual(errors, Array(5).fill("limit_reached"));
  for (let count = 0; count < 20; count += 1) await channel.hears(new ArrayBuffer(MEGA));
  assert.equal(heard.length, 35);
});

test("empty messages count, too", async () => {
  const { channel } = await connected();
  for (let count = 0; count < 100_000; count += 1) {
    channel.dispatchEvent(new MessageEvent("message", { data: "" }));
  }
  let heard = 0;
  channel.onmessage = () => (heard += 1);
  for (let turn = 0; turn < 3_000; turn += 1) await settle();
  assert.ok(heard > 1_000 && heard < 100_000, `${heard}`);
});

test("other channels wait for a listener, with their messages", async () => {
  for (const how of ["onchannel", "addEventListener"]) {
    freshBrowser();
    const { phone } = await connected();
    await arrives("file").hears("a");
    await arrives("other").hears("b");
    const heard = [];
    const listen = ({ channel }) => {
      channel.onmessage = ({ data }) => heard.push(`${channel.label} ${data}`);
    };
    if (how === "onchannel") phone.onchannel = listen;
    else phone.addEventListener("channel", listen);
    await settle();
    await arrives("third").hears("c");
    assert.deepEqual(heard, ["file a", "other b", "third c"]);
  }
});

test("at most 32 channels wait for a listener", async () => {
  const { phone } = await connected();
  const flood = Array.from({ length: 200 }, () => arrives("file"));
  assert.equal(flood.filter(({ readyState }) => readyState !== "closed").length, 32);
  let emitted = 0;
  phone.onchannel = () => (emitted += 1);
  await settle();
  assert.equal(emitted, 32);
});
