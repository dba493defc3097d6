// Connections that fail: the SDK retries, and then leaves it to a person.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakePeerConnection, FakeSocket, freshBrowser, ID, pass, settle } from "./fakes.js";
import { answer, hears, host, negotiates, said } from "./pair.js";

beforeEach(freshBrowser);

test("a connection that times out is started again", async () => {
  await host();
  await negotiates();
  await pass(14_999);
  assert.equal(FakePeerConnection.all.length, 1);
  await pass(1);
  assert.equal(FakePeerConnection.all.length, 2);
  assert.ok(FakePeerConnection.all[0].did.includes("close"));
  await pass(22_499);
  assert.equal(FakePeerConnection.all.length, 2);
  await pass(1);
  assert.equal(FakePeerConnection.all.length, 3);
});

/** The timeouts of the host's attempts. */
const TIMEOUTS = [15_000, 22_500, 33_750, 50_625, 75_938];

async function attemptsFail() {
  for (const time of TIMEOUTS) {
    await negotiates();
    await FakePeerConnection.last.becomes("failed");
    await passWithNode(time);
  }
}

/** Advance the clock, while the node stays online. */
async function passWithNode(milliseconds) {
  for (let left = milliseconds; left > 0; left -= 20_000) {
    await FakeSocket.last.hears({ type: "pong" });
    await pass(Math.min(left, 20_000));
  }
}

test("after five attempts the session is unreachable", async () => {
  const desk = await host();
  const emitted = [];
  desk.onunreachable = ({ error }) => emitted.push(error.code);
  const { connected } = desk;
  await attemptsFail();
  assert.equal(FakePeerConnection.all.length, TIMEOUTS.length);
  assert.ok(FakePeerConnection.last.did.includes("close"));
  await assert.rejects(connected, { name: "ProximError", code: "unreachable", sessionId: ID });
  assert.deepEqual(emitted, ["unreachable"]);
  assert.equal(desk.over, null);
  await passWithNode(1_000_000);
  assert.equal(FakePeerConnection.all.length, TIMEOUTS.length);
  assert.ok(!FakeSocket.last.types().includes("refresh_ice"), "a try that fails early is not mended without end");
});

test("reconnect starts with all attempts again", async () => {
  const desk = await host();
  await attemptsFail();
  await assert.rejects(desk.connected);
  desk.reconnect();
  await settle();
  const { connected } = desk;
  FakePeerConnection.last.channels[0].opens();
  assert.equal(await connected, FakePeerConnection.last.channels[0]);
  await attemptsFail();
  assert.equal(FakePeerConnection.all.length, 2 * TIMEOUTS.length);
});

test("the other side's return or new start begins the attempts again", async () => {
  for (const sign of ["returns", "starts again"]) {
    freshBrowser();
    const desk = await host();
    await attemptsFail();
    if (sign === "starts again") await hears({ from: "g7" });
    else {
      await FakeSocket.last.hears({ type: "peer_offline", session_id: ID });
      await FakeSocket.last.hears({ type: "peer_online", session_id: ID });
    }
    assert.equal(FakePeerConnection.all.length, TIMEOUTS.length + 1, sign);
    assert.ok(desk.pc);
  }
});

test("a side without WebRTC is unreachable at once, until it starts a connection or a person tries again", async () => {
  for (const sign of ["starts", "a person"]) {
    freshBrowser();
    const desk = await host();
    const emitted = [];
    desk.onunreachable = ({ error }) => emitted.push(error.code);
    const { connected } = desk;
    await negotiates();
    await hears({ unavailable: true });
    await assert.rejects(connected, { code: "unreachable", reason: "no_webrtc" });
    assert.deepEqual(emitted, ["unreachable"]);
    assert.equal(desk.pc, null);
    await FakeSocket.last.hears({ type: "peer_offline", session_id: ID });
    await FakeSocket.last.hears({ type: "peer_online", session_id: ID });
    await passWithNode(1_000_000);
    assert.equal(FakePeerConnection.all.length, 1, "not by its return alone");
    if (sign === "starts") await hears({ from: "g7" });
    else desk.reconnect();
    await settle();
    assert.equal(FakePeerConnection.all.length, 2, sign);
    FakePeerConnection.last.channels[0].opens();
    assert.equal(await desk.connected, FakePeerConnection.last.channels[0]);
  }
});

test("after a success the attempts count from the first again", async () => {
  const desk = await host();
  await pass(15_000);
  await pass(22_500);
  await FakePeerConnection.last.becomes("connected");
  await hears({ from: "g1", description: answer });
  await hears({ from: "g2" });
  assert.equal(FakePeerConnection.all.length, 4);
  await attemptsFail();
  assert.equal(FakePeerConnection.all.length, 3 + TIMEOUTS.length);
  assert.equal(desk.pc, null);
});

test("a browser without WebRTC rejects connected with webrtc_failed, and tells the other side", async () => {
  const { RTCPeerConnection } = globalThis;
  globalThis.RTCPeerConnection = undefined;
  const desk = await host();
  await assert.rejects(desk.connected, (error) => {
    assert.deepEqual([error.name, error.code], ["ProximError", "webrtc_failed"]);
    assert.ok(error.cause instanceof TypeError);
    return true;
  });
  assert.deepEqual(said(), [{ unavailable: true }]);
  await FakeSocket.last.hears({ type: "peer_offline", session_id: ID });
  await FakeSocket.last.hears({ type: "peer_online", session_id: ID });
  assert.deepEqual(said(), [{ unavailable: true }, { unavailable: true }]);
  globalThis.RTCPeerConnection = RTCPeerConnection;
  desk.reconnect();
  await settle();
  assert.ok(desk.pc);
});
