import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, deviceName, guestAt, join, parseLink, remembered } from "../../../proxim/web/proxim.js";
import { FakeChannel, FakePeerConnection, FakeSocket, freshBrowser, ICE, ID, LINK, pass, session, settle } from "./fakes.js";

beforeEach(freshBrowser);

const pending = (more = {}) => ({
  type: "pair_pending",
  session_id: ID,
  resume_token: "r",
  expires_in: 40,
  session_type: "persistent",
  ...more,
});
const approved = {
  type: "pair_result",
  session_id: ID,
  status: "approved",
  device_info: { name: "P", id: "1" },
  ice_servers: ICE,
};
const ended = (reason) => ({ type: "session_ended", session_id: ID, status: "expired", reason });

async function asked(options, more) {
  const guest = new Guest(LINK, options);
  const asking = guest.ask();
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("pair_request", pending(more));
  await asking;
  return guest;
}

test("links", () => {
  assert.deepEqual(parseLink(` ${LINK}\n`), { nodeUrl: "http://node", sessionId: ID, token: "t".repeat(43) });
  assert.equal(parseLink(LINK.replace("node", "node/sub")).nodeUrl, "http://node/sub");
  for (const wrong of ["", "http://node/join", "http://node/#a.b", LINK.replace("http", "ftp"), `${LINK}!`, LINK.slice(0, 40)]) {
    assert.throws(() => parseLink(wrong), { code: "invalid_link" });
  }
});

test("nothing goes to the node before it is asked", async () => {
  const guest = new Guest(LINK, { name: "Phone" });
  await settle();
  assert.equal(FakeSocket.all.length, 0);
  assert.throws(() => guest.send(1), { code: "connection_lost" });
});

test("a handler that throws stops nothing: the page is told, and it goes on", async () => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  const guest = new Guest(LINK);
  for (const type of ["pending", "approved"]) {
    guest[`on${type}`] = () => {
      throw new Error(type);
    };
  }
  const asking = guest.ask();
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("pair_request", pending());
  await asking;
  await FakeSocket.last.hears(approved);
  assert.ok(guest.pc);
  assert.deepEqual(reported, ["pending", "approved"]);
});

test("asking, as whoever it says", async () => {
  const guest = await asked({ name: "Phone", deviceId: "d" });
  const { session_id, token, device_info } = FakeSocket.last.sent[0];
  assert.deepEqual([session_id, token, device_info], [ID, "t".repeat(43), { name: "Phone", id: "d" }]);
  assert.equal(guest.expiresAt, Date.now() + 40_000);
  assert.equal(guest.type, "persistent");
  assert.equal(FakePeerConnection.all.length, 0);
});

test("a device has one id, and a name from its browser", async () => {
  await asked();
  const { device_info } = FakeSocket.last.sent[0];
  await asked();
  assert.deepEqual(FakeSocket.last.sent[0].device_info, device_info);
  assert.equal(device_info.name, deviceName());
});

for (const code of ["unknown_session", "token_used", "link_lapsed", "host_offline"]) {
  test(`${code} is said to who asks`, async () => {
    const guest = new Guest(LINK);
    const asking = guest.ask();
    await FakeSocket.last.opens();
    await FakeSocket.last.answers("pair_request", { type: "error", code, message: "no" });
    await assert.rejects(asking, { code });
    await assert.rejects(guest.connected, { code });
    assert.deepEqual(remembered(), []);
  });
}

test("a no, and an unanswered question", async () => {
  for (const [status, reason] of [["rejected", "rejected"], ["expired", "approval_timeout"]]) {
    const guest = await asked();
    await FakeSocket.last.hears({ ...approved, status, ice_servers: undefined });
    await FakeSocket.last.hears({ ...ended(reason), status });
    await assert.rejects(guest.approved, { code: "session_ended", status, reason });
    assert.equal(FakePeerConnection.all.length, 0);
    assert.deepEqual(remembered(), []);
  }
});

test("a yes: WebRTC begins with the servers that the node gave", async () => {
  const guest = await asked();
  await FakeSocket.last.hears(approved);
  await guest.approved;
  assert.deepEqual(FakePeerConnection.last.configuration, { iceServers: ICE });
  const channel = new FakeChannel("proxim");
  FakePeerConnection.last.ondatachannel({ channel });
  channel.opens();
  assert.equal(await guest.connected, channel);
});

test("a loss: it resumes, with the proof that it was given", async () => {
  await asked();
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens();
  const { type, session_id, resume_token } = FakeSocket.last.sent[0];
  assert.deepEqual([type, session_id, resume_token], ["resume", ID, "r"]);
});

test("a loss, and the node knows nothing any more", async () => {
  const guest = await asked();
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("resume", { type: "error", code: "unknown_session", message: "no" });
  assert.deepEqual([guest.over.code, guest.over.reason], ["session_ended", "lost"]);
  await pass(120_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("where a seat is remembered depends on the session's type", async () => {
  const kept = (kind) => Object.keys(JSON.parse(globalThis[kind].getItem("proxim.guest.http://node") ?? "{}"));
  await asked({}, { session_type: "one_time" });
  assert.deepEqual([kept("sessionStorage"), kept("localStorage")], [[ID], []]);
  for (const session_type of ["persistent", "temporary"]) {
    await asked({}, { session_type });
    assert.deepEqual([kept("sessionStorage"), kept("localStorage")], [[ID], [ID]]);
    await FakeSocket.last.hears(ended("closed"));
    assert.deepEqual([kept("sessionStorage"), kept("localStorage")], [[], []]);
  }
});

test("a remembered seat is taken again, by another page", async () => {
  await asked();
  const [seat] = remembered();
  assert.deepEqual([seat.sessionId, seat.thisTab], [ID, true]);
  globalThis.sessionStorage.removeItem("proxim.guest.http://node");
  assert.equal(remembered()[0].thisTab, false);
  const guest = new Guest(seat);
  const resuming = guest.resume();
  await FakeSocket.last.opens();
  const resumed = session({ status: "approved", guest_online: true });
  await FakeSocket.last.answers("resume", { type: "resumed", session: resumed, host_online: true, ice_servers: ICE });
  await resuming;
  await guest.approved;
  assert.deepEqual(FakePeerConnection.last.configuration, { iceServers: ICE });
});

test("leaving keeps the seat", async () => {
  const guest = await asked();
  guest.leave();
  assert.equal(remembered().length, 1);
  assert.equal(guest.over.code, "connection_lost");
  await pass(120_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("join takes the link out of the address bar, and finds the seat of its tab after a reload", async () => {
  const replaced = [];
  Object.defineProperty(globalThis, "history", {
    configurable: true,
    value: { state: null, replaceState: (_state, _title, url) => replaced.push(url) },
  });
  const page = { href: LINK, hash: new URL(LINK).hash, pathname: "/join", search: "?x", reload() {} };
  page.toString = () => page.href;
  const joining = join(page, { name: "Phone" });
  assert.deepEqual(replaced, ["/join?x"]);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("pair_request", pending());
  await FakeSocket.last.hears(approved);
  const channel = new FakeChannel("proxim");
  FakePeerConnection.last.ondatachannel({ channel });
  channel.opens();
  assert.equal(await joining, channel);
  const reloaded = guestAt({ ...page, href: "http://node/join", hash: "" });
  assert.equal(reloaded.id, ID);
  assert.throws(() => guestAt({ ...page, href: "http://join.other/join", hash: "" }), {
    message: /a link looks like/,
  });
  assert.throws(() => guestAt({ ...page, href: "http://other/join", hash: "" }), { code: "invalid_link" });
});

for (const type of ["ask", "resume"]) {
  test(`a session that has ended meanwhile says why: ${type}`, async () => {
    const seat = { nodeUrl: "http://node", sessionId: ID, resumeToken: "r", type: "persistent", since: 0 };
    const guest = new Guest(type === "ask" ? LINK : seat);
    const trying = guest[type]();
    await FakeSocket.last.opens();
    await FakeSocket.last.answers(type === "ask" ? "pair_request" : "resume", ended("closed"));
    await assert.rejects(trying, { code: "session_ended", reason: "closed" });
    await assert.rejects(guest.connected, { code: "session_ended", reason: "closed" });
  });
}
