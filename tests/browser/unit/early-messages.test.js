// What comes over a data channel before anybody listens is not lost.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeChannel, FakePeerConnection, freshBrowser, settle } from "./fakes.js";
import { guest } from "./pair.js";

beforeEach(freshBrowser);

const MEGA = 1024 * 1024;

/** A guest whose channel is open, and nobody has looked at it. */
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
  test(`messages wait for ${how}, and come in order, before what comes later`, async () => {
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

test("who listens for one message at a time gets each", async () => {
  const { channel } = await connected();
  for (const data of ["a", "b", "c"]) await channel.hears(data);
  const one = () => new Promise((resolve) => channel.addEventListener("message", resolve, { once: true }));
  const heard = [];
  for (let count = 0; count < 3; count += 1) heard.push((await one()).data);
  assert.deepEqual(heard, ["a", "b", "c"]);
});

test("every listener hears what has waited, and a listener for something else releases nothing", async () => {
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

test("what waits is bounded, and what is dropped is told", async () => {
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

test("small messages are counted, too: nothing is free", async () => {
  const { channel } = await connected();
  for (let count = 0; count < 100_000; count += 1) {
    channel.dispatchEvent(new MessageEvent("message", { data: "" }));
  }
  let heard = 0;
  channel.onmessage = () => (heard += 1);
  for (let turn = 0; turn < 3_000; turn += 1) await settle();
  assert.ok(heard > 1_000 && heard < 100_000, `${heard}`);
});

test("other channels wait for who listens for them, with what came over them", async () => {
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

test("a flood of channels to which nobody listens is turned away", async () => {
  const { phone } = await connected();
  const flood = Array.from({ length: 200 }, () => arrives("file"));
  assert.equal(flood.filter(({ readyState }) => readyState !== "closed").length, 32);
  let told = 0;
  phone.onchannel = () => (told += 1);
  await settle();
  assert.equal(told, 32);
});
