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

test("a link is parsed, and anything else is refused", () => {
  assert.deepEqual(parseLink(` ${LINK}\n`), { nodeUrl: "http://node", sessionId: ID, token: "t".repeat(43) });
  assert.equal(parseLink(LINK.replace("node", "node/sub")).nodeUrl, "http://node/sub");
  const elsewhere = LINK.replace("http://node/join", "https://app.example/pair?x=1");
  assert.throws(() => parseLink(elsewhere), { code: "invalid_link" });
  assert.deepEqual(parseLink(elsewhere, "http://node/"), parseLink(LINK));
  assert.deepEqual(parseLink("https://app.example#" + LINK.split("#")[1], "http://node"), parseLink(LINK));
  for (const wrong of ["", "http://node/join", "http://node/#a.b", LINK.replace("http", "ftp"), `${LINK}!`, LINK.slice(0, 40)]) {
    assert.throws(() => parseLink(wrong), { code: "invalid_link" });
  }
});

test("a guest sends nothing before it asks", async () => {
  const guest = new Guest(LINK, { name: "Phone" });
  await settle();
  assert.equal(FakeSocket.all.length, 0);
  assert.throws(() => guest.send(1), { code: "connection_lost" });
});

test("an error of a handler is reported and stops nothing", async () => {
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

test("a guest asks with the name and the id that it is given", async () => {
  const guest = await asked({ name: "Phone", deviceId: "d" });
  const { session_id, token, device_info } = FakeSocket.last.sent[0];
  assert.deepEqual([session_id, token, device_info], [ID, "t".repeat(43), { name: "Phone", id: "d" }]);
  assert.equal(guest.expiresAt, Date.now() + 40_000);
  assert.equal(guest.type, "persistent");
  assert.equal(FakePeerConnection.all.length, 0);
});

test("a guest that closes before the approval cancels its request, at a node that knows how", async () => {
  for (const features of [["pair_cancel"], ["confirm"], null]) {
    const guest = new Guest(LINK);
    const asking = guest.ask();
    await FakeSocket.last.opens(64 * 1024, features);
    await FakeSocket.last.answers("pair_request", pending());
    await asking;
    await guest.close();
    await guest.close();
    const sent = FakeSocket.last.sent.slice(1);
    const types = features?.includes("pair_cancel") ? ["pair_cancel", "close_session"] : ["close_session"];
    assert.deepEqual(sent, types.map((type) => ({ type, session_id: ID })));
    assert.equal(guest.over.reason, "closed");
    assert.equal(FakeSocket.last.readyState, 3);
    assert.deepEqual(remembered("http://node"), []);
  }
});

test("a device keeps one id, and takes its name from the browser", async () => {
  await asked();
  const { device_info } = FakeSocket.last.sent[0];
  await asked();
  assert.deepEqual(FakeSocket.last.sent[0].device_info, device_info);
  assert.equal(device_info.name, deviceName());
});

for (const code of ["unknown_session", "token_used", "link_lapsed", "host_offline"]) {
  test(`asking rejects with ${code}`, async () => {
    const guest = new Guest(LINK);
    const asking = guest.ask();
    await FakeSocket.last.opens();
    await FakeSocket.last.answers("pair_request", { type: "error", code, message: "no" });
    await assert.rejects(asking, { code });
    await assert.rejects(guest.connected, { code });
    assert.deepEqual(remembered(), []);
  });
}

test("approved rejects when the host declines or does not answer", async () => {
  for (const [status, reason] of [["rejected", "rejected"], ["expired", "approval_timeout"]]) {
    const guest = await asked();
    await FakeSocket.last.hears({ ...approved, status, ice_servers: undefined });
    await FakeSocket.last.hears({ ...ended(reason), status });
    await assert.rejects(guest.approved, { code: "session_ended", status, reason });
    assert.equal(FakePeerConnection.all.length, 0);
    assert.deepEqual(remembered(), []);
  }
});

test("after the approval WebRTC starts with the node's ICE servers", async () => {
  const guest = await asked();
  await FakeSocket.last.hears(approved);
  await guest.approved;
  assert.deepEqual(FakePeerConnection.last.configuration, { iceServers: ICE });
  const channel = new FakeChannel("proxim");
  FakePeerConnection.last.ondatachannel({ channel });
  channel.opens();
  assert.equal(await guest.connected, channel);
});

test("after a loss the guest resumes with its resume token", async () => {
  await asked();
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens();
  const { type, session_id, resume_token } = FakeSocket.last.sent[0];
  assert.deepEqual([type, session_id, resume_token], ["resume", ID, "r"]);
});

test("a session that the node no longer knows is lost", async () => {
  const guest = await asked();
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("resume", { type: "error", code: "unknown_session", message: "no" });
  assert.deepEqual([guest.over.code, guest.over.reason], ["session_ended", "lost"]);
  await pass(120_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("the seat of a one-time session is remembered only in its tab", async () => {
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

test("another page can take a remembered seat again", async () => {
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

test("a guest that leaves keeps its seat", async () => {
  const guest = await asked();
  guest.leave();
  assert.equal(remembered().length, 1);
  assert.equal(guest.over.code, "connection_lost");
  await pass(120_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("join removes the link from the address bar, and finds the tab's seat after a reload", async () => {
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
  test(`${type} rejects with the reason if the session has ended`, async () => {
    const seat = { nodeUrl: "http://node", sessionId: ID, resumeToken: "r", type: "persistent", since: 0 };
    const guest = new Guest(type === "ask" ? LINK : seat);
    const trying = guest[type]();
    await FakeSocket.last.opens();
    await FakeSocket.last.answers(type === "ask" ? "pair_request" : "resume", ended("closed"));
    await assert.rejects(trying, { code: "session_ended", reason: "closed" });
    await assert.rejects(guest.connected, { code: "session_ended", reason: "closed" });
  });
}
