// WebRTC by the perfect-negotiation pattern, and when it starts again.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Host } from "../../../proxim/web/proxim.js";
import { FakeChannel, FakePeerConnection, FakeSocket, freshBrowser, ID, pass, session, settle } from "./fakes.js";
import { answer, answersRefresh, approved, guest, hears, host, negotiates, offer, said } from "./pair.js";

beforeEach(freshBrowser);

test("the host opens the channel and offers; the guest announces itself and answers", async () => {
  const desk = await host();
  await negotiates();
  const [{ from, to, description }] = said();
  assert.equal(to, undefined);
  assert.deepEqual(description, desk.pc.localDescription);
  await hears({ from: "g1", to: from, description: answer });
  FakePeerConnection.last.channels[0].opens();
  assert.equal((await desk.connected).label, "proxim");

  freshBrowser();
  await guest();
  assert.deepEqual(Object.keys(said()[0]), ["from"]);
  await hears({ from: "h1", description: offer });
  assert.equal(said()[1].to, "h1");
  assert.equal(said()[1].description.type, "answer");
});

test("candidates trickle both ways", async () => {
  await guest();
  await hears({ from: "h1", description: offer });
  await hears({ from: "h1", candidate: { candidate: "c" } });
  await hears({ from: "h1", candidate: null });
  assert.deepEqual(FakePeerConnection.last.did.slice(-2), ["candidate c", "candidate end"]);
  FakePeerConnection.last.onicecandidate({ candidate: { candidate: "mine" } });
  assert.deepEqual(said().at(-1).candidate, { candidate: "mine" });
});

test("when both offer at once the host ignores the guest's offer, and the guest gives way", async () => {
  await host();
  await negotiates();
  await hears({ from: "g1", description: offer });
  await hears({ from: "g1", candidate: { candidate: "c" } });
  assert.deepEqual(FakePeerConnection.last.did, ["local offer"]);

  freshBrowser();
  await guest();
  await negotiates();
  await hears({ from: "h1", description: offer });
  assert.deepEqual(FakePeerConnection.last.did, ["local offer", "remote offer", "local answer"]);
});

test("a side starts again when the other side has", async () => {
  const desk = await host();
  await negotiates();
  const { from } = said()[0];
  await hears({ from: "g1", to: from, description: answer });
  const first = FakePeerConnection.last;
  first.channels[0].opens();
  const channel = await desk.connected;
  let lost = 0;
  desk.ondisconnected = () => (lost += 1);
  await hears({ from: "g2" });
  assert.equal(lost, 1);
  assert.equal(channel.readyState, "closed");
  assert.ok(first.did.includes("close"));
  assert.notEqual(FakePeerConnection.last, first);
  await negotiates();
  assert.equal(said().at(-1).to, "g2");
  FakePeerConnection.last.channels[0].opens();
  assert.equal(await desk.connected, FakePeerConnection.last.channels[0]);
});

test("connected stays pending when the connection starts again before the channel opens", async () => {
  const desk = await host();
  const { connected } = desk;
  let lost = 0;
  desk.ondisconnected = () => (lost += 1);
  await hears({ from: "g1" });
  await hears({ from: "g2" });
  FakePeerConnection.last.channels[0].opens();
  assert.equal(await Promise.race([connected, settle()]), FakePeerConnection.last.channels[0]);
  assert.equal(lost, 0);
});

test("after the end of the session connected rejects", async () => {
  const desk = await host();
  FakePeerConnection.last.channels[0].opens();
  await desk.connected;
  await FakeSocket.last.hears({ type: "session_ended", session_id: ID, status: "expired", reason: "closed" });
  await assert.rejects(desk.connected, { code: "session_ended", reason: "closed" });
});

test("an open channel is the page's only once it can send", async () => {
  const desk = await host();
  const emitted = [];
  desk.onconnected = () => emitted.push("connected");
  let resolve;
  FakePeerConnection.last.getStats = () => new Promise((found) => (resolve = found));
  FakePeerConnection.last.channels[0].opens();
  await settle();
  assert.deepEqual(emitted, []);
  resolve();
  await settle();
  assert.deepEqual(emitted, ["connected"]);
});

test("a channel that closes before it can send is not announced", async () => {
  const desk = await host();
  const emitted = [];
  for (const type of ["connected", "disconnected"]) desk.addEventListener(type, () => emitted.push(type));
  FakePeerConnection.last.channels[0].opens();
  FakePeerConnection.last.channels[0].close();
  await settle();
  assert.deepEqual(emitted, []);
});

test("a second channel named proxim is the page's", async () => {
  const desk = await host();
  const emitted = [];
  for (const type of ["connected", "channel", "disconnected"]) {
    desk.addEventListener(type, () => emitted.push(type));
  }
  FakePeerConnection.last.channels[0].opens();
  const other = new FakeChannel("proxim");
  await settle();
  FakePeerConnection.last.ondatachannel({ channel: other });
  other.opens();
  assert.deepEqual(emitted, ["connected", "channel"]);
  FakePeerConnection.last.channels[0].close();
  assert.deepEqual(emitted, ["connected", "channel", "disconnected"]);
});

test("the host reopens a channel that was closed alone, three times", async () => {
  const desk = await host();
  const pc = FakePeerConnection.last;
  await pc.becomes("connected");
  await FakeSocket.last.hears({ type: "peer_online", session_id: ID });
  const errors = [];
  desk.onunreachable = ({ error }) => errors.push(error.code);
  for (const count of [1, 2, 3, 4]) {
    assert.equal(pc.channels.length, count);
    pc.channels.at(-1).opens();
    assert.equal(await desk.connected, pc.channels.at(-1));
    pc.channels.at(-1).close();
    await pass(500);
  }
  assert.equal(pc.channels.length, 4);
  assert.equal(FakePeerConnection.all.length, 1);
  assert.deepEqual(errors, ["unreachable"]);
  await assert.rejects(desk.connected, { code: "unreachable" });
});

test("a channel is not reopened if more is broken, the other side is offline, or this is the guest", async () => {
  const breaks = {
    connection: (pc) => pc.becomes("disconnected"),
    transport: async (pc) => void (pc.sctp = { transport: { state: "closed" } }),
    presence: () => FakeSocket.last.hears({ type: "peer_offline", session_id: ID }),
  };
  for (const [what, breakIt] of Object.entries(breaks)) {
    freshBrowser();
    await host();
    const pc = FakePeerConnection.last;
    await pc.becomes("connected");
    pc.channels[0].opens();
    await breakIt(pc);
    pc.channels[0].close();
    await pass(1_000);
    assert.equal(pc.channels.length, 1, what);
  }
  freshBrowser();
  await guest();
  const channel = new FakeChannel("proxim");
  FakePeerConnection.last.ondatachannel({ channel });
  await FakePeerConnection.last.becomes("connected");
  channel.opens();
  channel.close();
  await pass(1_000);
  assert.equal(FakePeerConnection.last.channels.length, 0);
});

test("a signal to an earlier connection is dropped", async () => {
  await guest();
  await hears({ from: "h1", to: "somebody else", description: offer });
  assert.deepEqual(FakePeerConnection.last.did, []);
});

test("an invalid signal is an error event, and the next one is handled", async () => {
  const phone = await guest();
  const errors = [];
  phone.onerror = ({ error }) => errors.push(`${error.name}, ${error.code}: ${error.message}`);
  for (const data of [{ rtc: "x" }, { rtc: null }, null, "x", 7]) {
    await FakeSocket.last.hears({ type: "signal", session_id: ID, data });
  }
  await hears({ from: 7 });
  await hears({ from: "h1", description: { type: "offer", sdp: "broken" } });
  await hears({ from: "h1", description: offer });
  assert.deepEqual(errors, ["ProximError, webrtc_failed: no such SDP"]);
  assert.equal(said().at(-1).description.type, "answer");
});

for (const [state, wait] of [["failed", 0], ["disconnected", 2_500]]) {
  test(`ICE restarts with fresh servers after ${state}`, async () => {
    await host();
    await FakePeerConnection.last.becomes("connected");
    await FakePeerConnection.last.becomes(state);
    await pass(wait);
    await answersRefresh();
    assert.equal(FakePeerConnection.last.did.at(-1), "restart");
    assert.deepEqual(FakePeerConnection.last.configuration, { iceServers: [{ urls: "turn:t" }] });
  });
}

test("a connection that recovers is left alone", async () => {
  await host();
  await FakePeerConnection.last.becomes("connected");
  await FakePeerConnection.last.becomes("disconnected");
  await pass(2_000);
  await FakePeerConnection.last.becomes("connected");
  await pass(60_000);
  assert.ok(!FakeSocket.last.types().includes("refresh_ice"));
  assert.equal(FakePeerConnection.all.length, 1);
});

test("while the other side is offline ICE does not restart; its return restarts it", async () => {
  await host();
  await FakePeerConnection.last.becomes("connected");
  await FakeSocket.last.hears({ type: "peer_offline", session_id: ID });
  await FakePeerConnection.last.becomes("failed");
  await pass(10_000);
  assert.ok(!FakeSocket.last.types().includes("refresh_ice"));
  await FakeSocket.last.hears({ type: "peer_online", session_id: ID });
  await pass(500);
  await answersRefresh();
  assert.equal(FakePeerConnection.last.did.at(-1), "restart");
});

test("after a reload the host first asks for ICE servers", async () => {
  const desk = new Host("http://node");
  await FakeSocket.last.opens();
  const sessions = [session({ status: "approved", guest_online: true })];
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions });
  assert.equal(FakePeerConnection.all.length, 0);
  await answersRefresh();
  assert.deepEqual(FakePeerConnection.last.configuration, { iceServers: [{ urls: "turn:t" }] });
  assert.equal(desk.sessions.get(ID).pc, FakePeerConnection.last);
});

test("a signal that is not the SDK's goes to the page", async () => {
  const desk = await host();
  const heard = [];
  desk.onsignal = ({ data }) => heard.push(data);
  await FakeSocket.last.hears({ type: "signal", session_id: ID, data: { hello: 1 } });
  assert.deepEqual(heard, [{ hello: 1 }]);
});

test("with rtc false the page gets every signal and no connection is made", async () => {
  for (const make of [host, guest]) {
    freshBrowser();
    const mine = await make({ rtc: false });
    const heard = [];
    mine.onsignal = ({ data }) => heard.push(data);
    await hears({ from: "x" });
    assert.deepEqual(heard, [{ rtc: { from: "x" } }]);
    assert.equal(FakePeerConnection.all.length, 0);
    assert.equal(mine.pc, null);
  }
});

test("the end of the session closes the connection", async () => {
  const desk = await host();
  const pc = FakePeerConnection.last;
  await FakeSocket.last.hears({ type: "session_ended", session_id: ID, status: "expired", reason: "expired" });
  assert.equal(pc.did.at(-1), "close");
  assert.equal(desk.pc, null);
  await pass(120_000);
  assert.equal(FakePeerConnection.all.length, 1);
});

test("other channels go to the page", async () => {
  const desk = await host();
  const channels = [];
  desk.onchannel = ({ channel }) => channels.push(channel.label);
  FakePeerConnection.last.ondatachannel({ channel: new FakeChannel("file") });
  assert.deepEqual(channels, ["file"]);
});

for (const [kinds, via] of [
  [["host", "host"], "host"],
  [["host", "srflx"], "srflx"],
  [["srflx", "prflx"], "srflx"],
  [["prflx", "host"], "prflx"],
  [["host", "prflx"], "prflx"],
  [["srflx", "relay"], "relay"],
]) {
  test(`the path of ${kinds} is ${via}`, async () => {
    const desk = await host();
    assert.equal(await desk.path().catch(() => null), null);
    const candidates = kinds.map((candidateType, index) => ({ id: `c${index}`, type: "x", candidateType, protocol: "udp" }));
    const pairs = [
      { id: "other", type: "candidate-pair", nominated: true, localCandidateId: "?", remoteCandidateId: "?" },
      { id: "p", type: "candidate-pair", localCandidateId: "c0", remoteCandidateId: "c1", currentRoundTripTime: 0.025 },
    ];
    const transport = { id: "t", type: "transport", selectedCandidatePairId: "p" };
    FakePeerConnection.last.stats = new Map([...candidates, ...pairs, transport].map((each) => [each.id, each]));
    const [local, remote] = kinds;
    assert.deepEqual(await desk.path(), { via, local, remote, rtt: 25, protocol: "udp" });
    FakePeerConnection.last.getStats = () => Promise.reject(new Error("closed"));
    assert.equal(await desk.path(), null);
  });
}

/** Return a desktop and a phone; `cross` delivers their signals until both are silent, and returns the rounds. */
async function bothSides() {
  const desk = await host();
  const deskSocket = FakeSocket.last;
  const phone = await guest();
  const phoneSocket = FakeSocket.last;
  const heard = new Map([[deskSocket, 0], [phoneSocket, 0]]);
  const negotiated = new Set();
  const cross = async (most = 40) => {
    for (let round = 0; round < most; round += 1) {
      for (const pc of FakePeerConnection.all) {
        if (negotiated.has(pc) || !pc.channels.length) continue;
        negotiated.add(pc);
        pc.onnegotiationneeded?.();
      }
      await settle();
      let moved = 0;
      for (const [from, to] of [[deskSocket, phoneSocket], [phoneSocket, deskSocket]]) {
        const signals = from.sent.filter(({ type }) => type === "signal");
        for (const signal of signals.slice(heard.get(from))) {
          moved += 1;
          await to.hears(structuredClone(signal));
        }
        heard.set(from, signals.length);
      }
      if (!moved) return round;
    }
    return most;
  };
  return { desk, phone, deskSocket, phoneSocket, cross };
}

const isNegotiated = ({ pc }) => pc.did.some((step) => step.startsWith("remote")) && pc.signalingState === "stable";

test("when one side starts again the other follows once", async () => {
  const { desk, phone, cross } = await bothSides();
  assert.ok((await cross()) < 10);
  assert.ok(isNegotiated(desk) && isNegotiated(phone));
  const before = FakePeerConnection.all.length;
  await pass(15_000); // neither has connected, and the host loses patience
  assert.ok((await cross()) < 10, "they start again without end");
  assert.ok(isNegotiated(desk) && isNegotiated(phone));
  assert.ok(FakePeerConnection.all.length - before <= 3);
});

test("a side with a new id in each signal costs one connection, and the true one is found again", async () => {
  const { desk, phone, deskSocket, cross } = await bothSides();
  await cross();
  const before = FakePeerConnection.all.length;
  for (const from of ["x", "y", "__proto__", "z"]) {
    await deskSocket.hears({ type: "signal", session_id: ID, data: { rtc: { from } } });
  }
  assert.ok((await cross()) < 10);
  assert.equal(FakePeerConnection.all.length - before, 1);
  await pass(15_000);
  assert.ok((await cross()) < 10);
  assert.ok(isNegotiated(desk) && isNegotiated(phone));
});

const servers = (name) => [{ urls: "turn:t", username: name, credential: "c" }];
const approvedFor = (seconds) => ({ ...approved, ice_servers: servers("first"), ice_ttl: seconds });
const refreshes = () => FakeSocket.last.types().filter((type) => type === "refresh_ice").length;

async function refreshed(name, seconds) {
  const fresh = { type: "ice_servers", session_id: ID, ice_servers: servers(name), ttl: seconds };
  await FakeSocket.last.answers("refresh_ice", fresh);
}

async function hostFor(seconds, options) {
  const desk = new Host("http://node", options);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [session()] });
  await FakeSocket.last.hears(approvedFor(seconds));
  return desk.sessions.get(ID);
}

test("ICE servers are refreshed before they expire, and the connection uses them", async () => {
  const desk = await hostFor(8);
  await FakePeerConnection.last.becomes("connected");
  desk.pc.configuration.iceTransportPolicy = "relay";
  const heard = [];
  desk.onice = ({ iceServers }) => heard.push(iceServers[0].username);
  await pass(5_999);
  assert.equal(refreshes(), 0);
  await pass(1);
  assert.equal(refreshes(), 1);
  await refreshed("second", 8);
  assert.deepEqual(desk.pc.configuration, { iceServers: servers("second"), iceTransportPolicy: "relay" });
  await pass(6_000);
  await refreshed("third", 8);
  assert.deepEqual(heard, ["second", "third"]);
  assert.equal(FakePeerConnection.all.length, 1);
  assert.ok(!FakePeerConnection.last.did.includes("restart"));
});

test("ICE servers that expire with the session are refreshed once", async () => {
  await hostFor(8);
  await FakePeerConnection.last.becomes("connected");
  await pass(6_000);
  await refreshed("second", 2);
  await pass(10_000);
  assert.equal(refreshes(), 1);
});

test("a gain of a second is worth a refresh, despite the time of the reply", async () => {
  await hostFor(2);
  await FakePeerConnection.last.becomes("connected");
  await pass(1_500);
  await refreshed("second", 1.49);
  await pass(1_500);
  assert.equal(refreshes(), 2);
});

test("a refused refresh is retried, but not after the end of the session", async () => {
  const desk = await hostFor(8, { rtc: false });
  await pass(6_000);
  await FakeSocket.last.answers("refresh_ice", { type: "error", code: "rate_limited", message: "slowly" });
  await pass(10_000);
  assert.equal(refreshes(), 2);
  await refreshed("second", 8);
  assert.deepEqual(desk.iceServers, servers("second"));
  await FakeSocket.last.hears({ type: "session_ended", session_id: ID, status: "expired", reason: "closed" });
  await pass(20_000);
  assert.equal(refreshes(), 2);
});
