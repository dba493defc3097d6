// What a hostile peer sends: nothing of it throws, grows without end, or stops the SDK.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { FakeChannel, FakePeerConnection, FakeSocket, freshBrowser, ID, pass, settle } from "./fakes.js";
import { Incoming } from "../../../proxim/web/pages/incoming.js";
import { answer, guest, hears, host, offer, said } from "./pair.js";

beforeEach(freshBrowser);

/** Return a random function by a seed, which a failure names (mulberry32). */
function randomBy(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SEEDS = [1, 2, 3, 4, 5, 6];

/** Return a random JSON value. */
function anything(random, depth = 0) {
  const pick = (...values) => values[Math.floor(random() * values.length)];
  const leaf = () =>
    pick(null, true, 0, -1, 1e308, "", "x", "offer", "rollback", "__proto__", "\u202e\ud800", "v".repeat(2_000), []);
  if (depth > 3 || random() < 0.4) return leaf();
  if (random() < 0.3) return Array.from({ length: Math.floor(random() * 4) }, () => anything(random, depth + 1));
  const names = ["from", "to", "description", "candidate", "type", "sdp", "rtc", "__proto__", "then", "constructor", "toString"];
  return Object.fromEntries(names.filter(() => random() < 0.4).map((name) => [name, anything(random, depth + 1)]));
}

/** Return a random signal that is nearly right. */
function signal(random) {
  const pick = (...values) => values[Math.floor(random() * values.length)];
  const oneOf = (...values) => (random() < 0.1 ? anything(random) : pick(...values));
  return {
    rtc: oneOf({
      from: oneOf("g1", "g2", "g3", `g${Math.floor(random() * 1e6)}`),
      to: oneOf(undefined, said()[0]?.from),
      description: oneOf(undefined, offer, answer, { type: "offer", sdp: "broken" }),
      candidate: oneOf(undefined, null, { candidate: "c" }),
    }),
  };
}

for (const side of [host, guest]) {
  for (const seed of SEEDS) {
    test(`random signals are errors at most, and the next right one is followed: ${side.name}, seed ${seed}`, async () => {
      const random = randomBy(seed);
      const session = await side();
      const unhandled = [];
      const note = (error) => unhandled.push(error);
      process.on("unhandledRejection", note);
      for (let count = 0; count < 1_000; count += 1) {
        await FakeSocket.last.hears({ type: "signal", session_id: ID, data: signal(random) });
        if (random() < 0.01) FakePeerConnection.last.channels.at(-1)?.close();
      }
      await new Promise((resolve) => setImmediate(resolve));
      process.off("unhandledRejection", note);
      assert.deepEqual(unhandled, []);
      assert.ok(FakePeerConnection.all.length <= 1 + 20, `${FakePeerConnection.all.length} connections`);
      assert.equal(session.over, null);
      await pass(60_000);
      const before = FakePeerConnection.all.length;
      await hears({ from: "right", description: offer });
      await hears({ from: "right2", description: answer });
      assert.ok(session.pc);
      assert.ok(FakePeerConnection.all.length >= before);
    });
  }
}

for (const [what, sdp] of [
  ["media", "v=0" + "\nm=audio 9 UDP/TLS/RTP/SAVPF 0".repeat(65)],
  ["candidates", "v=0" + "\na=candidate:1 1 udp 1 192.0.2.1 9 typ host".repeat(257)],
]) {
  test(`a description with too many ${what} is not given to WebRTC`, async () => {
    const phone = await guest();
    const errors = [];
    phone.onerror = ({ error }) => errors.push(error.code);
    await hears({ from: "h1", description: { type: "offer", sdp } });
    assert.deepEqual(errors, ["limit_reached"]);
    assert.equal(FakePeerConnection.last.remoteDescription ?? null, null);
    await hears({ from: "h1", description: offer });
    assert.ok(said().some((rtc) => rtc.description?.type === "answer"));
  });
}

test("descriptions that never end are applied at a bounded rate", async () => {
  const phone = await guest();
  let errors = 0;
  phone.onerror = ({ error }) => (errors += Number(error.code === "limit_reached"));
  for (let count = 0; count < 200; count += 1) await hears({ from: "h1", description: offer });
  assert.equal(said().filter((rtc) => rtc.description?.type === "answer").length, 60);
  assert.equal(errors, 140);
});

test("thousands of starts of the other side make a bounded number of connections", async () => {
  const desk = await host();
  let errors = 0;
  desk.onerror = ({ error }) => (errors += Number(error.code === "limit_reached"));
  for (let count = 0; count < 2_000; count += 1) await hears({ from: `g${count}`, description: answer });
  assert.ok(FakePeerConnection.all.length <= 21, `${FakePeerConnection.all.length} connections`);
  assert.ok(errors > 1_900);
  await pass(60_000);
  await hears({ from: "later" });
  await hears({ from: "later", description: answer });
  assert.ok(FakePeerConnection.last.did.includes("remote answer"));
});

test("signals that wait for a slow browser are bounded", async () => {
  const phone = await guest();
  let errors = 0;
  phone.onerror = ({ error }) => (errors += Number(error.code === "limit_reached"));
  let goOn;
  FakePeerConnection.last.setRemoteDescription = () => new Promise((resolve) => (goOn = resolve));
  await hears({ from: "h1", description: offer });
  for (let count = 0; count < 1_000; count += 1) {
    FakeSocket.last.onmessage({ data: JSON.stringify({ type: "signal", session_id: ID, data: { rtc: { from: "h1", candidate: { candidate: "c" } } } }) });
  }
  assert.equal(errors, 1_000 - 256);
  goOn();
  await settle();
  await pass(1);
  assert.ok(FakePeerConnection.last.did.filter((each) => each === "candidate c").length <= 256);
});

test("candidates of one connection are bounded", async () => {
  await guest();
  await hears({ from: "h1", description: offer });
  for (let count = 0; count < 1_000; count += 1) await hears({ from: "h1", candidate: { candidate: "c" } });
  assert.equal(FakePeerConnection.last.did.filter((each) => each === "candidate c").length, 256);
});

test("messages that no node sends end nothing but the connection", async () => {
  for (const seed of SEEDS) {
    freshBrowser();
    const random = randomBy(seed);
    const desk = await host({ rtc: false });
    for (let count = 0; count < 200; count += 1) {
      const data = anything(random);
      await FakeSocket.last.hears({ type: "signal", session_id: ID, data });
    }
    assert.equal(desk.over, null);
  }
});

test("channels that wait for a listener are bounded", async () => {
  const phone = await guest();
  const channels = Array.from({ length: 1_000 }, () => new FakeChannel("x"));
  for (const channel of channels) FakePeerConnection.last.ondatachannel({ channel });
  assert.equal(channels.filter(({ readyState }) => readyState !== "closed").length, 32);
  let heard = 0;
  phone.onchannel = () => (heard += 1);
  await settle();
  assert.equal(heard, 32);
});

/** Send messages to a file that is received, and return it. */
function receives(messages, refusal) {
  const channel = Object.assign(new FakeChannel("file"), { send: mock.fn() });
  channel.opens();
  let floods = 0;
  const transfer = new Incoming(channel, () => (floods += 1), refusal);
  for (const data of messages) channel.dispatchEvent(new MessageEvent("message", { data }));
  return { transfer, channel, floods };
}

test("a file's header may say anything", () => {
  for (const seed of SEEDS) {
    const random = randomBy(seed);
    for (let count = 0; count < 500; count += 1) {
      const { transfer } = receives([JSON.stringify(anything(random)) ?? "", new ArrayBuffer(10), "{}"]);
      assert.ok(["cancelled", "refused"].includes(transfer.state), transfer.state);
    }
  }
});

for (const size of [-1, 0.5, 1e308, 2 ** 53, null, "5", [], NaN]) {
  test(`a file of ${JSON.stringify(size)} bytes is refused`, () => {
    assert.equal(receives([JSON.stringify({ name: "x", size })]).transfer.state, "cancelled");
  });
}

test("a file that is larger than the room for it is refused", () => {
  const header = JSON.stringify({ name: "x", size: 1_001 });
  const refusal = (size) => (size > 1_000 ? "too_large" : null);
  assert.equal(receives([header], refusal).transfer.state, "cancelled");
  assert.equal(receives([header]).transfer.state, "offered");
});

test("a file that does not end where it said is cancelled, and its channel closed", () => {
  const { transfer, channel } = receives([JSON.stringify({ name: "x", size: 10 })]);
  transfer.accept();
  for (let count = 0; count < 20; count += 1) {
    channel.dispatchEvent(new MessageEvent("message", { data: new ArrayBuffer(6) }));
  }
  assert.equal(transfer.state, "cancelled");
  assert.equal(channel.readyState, "closed");
});

const NAMES = { "\u3164\u2800\u115f\u034f": "", "   ": "", "a\u202egnp.exe": "agnp.exe", " x ": "x", ["n".repeat(100_000)]: "n".repeat(255) };
for (const [name, shown] of Object.entries(NAMES)) {
  test(`a file's name is cleaned: ${JSON.stringify(name.slice(0, 20))}`, () => {
    assert.equal(receives([JSON.stringify({ name, size: 5 })]).transfer.name, shown);
  });
}

test("a file's name is not cut within a character", () => {
  const { transfer } = receives([JSON.stringify({ name: "😀".repeat(300), size: 5 })]);
  assert.equal(transfer.name, "😀".repeat(255));
});
