import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Host, HostSession, ProximError } from "../../../proxim/web/proxim.js";
import { FakeSocket, freshBrowser, ICE, ID, LINK, pass, session, settle } from "./fakes.js";

beforeEach(freshBrowser);

async function registered(options, sessions = []) {
  const host = new Host("http://node", options);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("register", { type: "registered", uuid: host.uuid, sessions });
  return host;
}

async function opened(host, more = {}) {
  const opening = host.open({ type: "persistent" });
  await settle();
  await FakeSocket.last.answers("create_session", {
    type: "session_created",
    session: session(more),
    pair_within: 300,
    link: LINK,
    token: "t",
    qr_svg: "<svg>é</svg>",
  });
  return opening;
}

const prompt = { type: "pair_prompt", session_id: ID, device_info: { name: "P", id: "1" }, expires_in: 40 };

test("a host registers at once, with the identity that it remembers", async () => {
  const host = await registered();
  const { url, protocols, sent } = FakeSocket.last;
  assert.equal(url, "ws://node/ws");
  assert.deepEqual(protocols, ["proxim.v1"]);
  assert.match(sent[0].uuid, /^[0-9a-f]{32}$/);
  assert.match(sent[0].key, /^[0-9a-f]{64}$/);
  await host.ready;
  host.leave();
  await registered();
  const again = FakeSocket.last.sent[0];
  assert.deepEqual([again.uuid, again.key], [sent[0].uuid, sent[0].key]);
});

test("a host works without storage", async () => {
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get() {
        throw new Error("forbidden");
      },
    });
  }
  const host = await registered();
  await opened(host);
  assert.equal(host.sessions.size, 1);
});

test("a new session has a link, a QR code and their expiry", async () => {
  const host = await registered();
  const opening = await opened(host);
  assert.ok(opening instanceof HostSession);
  assert.equal(opening.link, LINK);
  assert.equal(opening.qr, "data:image/svg+xml,%3Csvg%3E%C3%A9%3C%2Fsvg%3E");
  assert.equal(opening.lapsesAt, Date.now() + 300_000);
  assert.equal(host.sessions.get(ID), opening);
});

test("a request waits until the host is registered", async () => {
  const host = new Host("http://node/");
  const opening = host.open();
  await FakeSocket.last.opens();
  assert.deepEqual(FakeSocket.last.types(), ["register"]);
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  assert.deepEqual(FakeSocket.last.types(), ["register", "create_session"]);
  FakeSocket.last.breaks();
  await assert.rejects(opening, { code: "connection_lost" });
});

test("an error has the code and the fields of the wire", async () => {
  const host = await registered();
  const opening = host.open();
  await settle();
  const error = { type: "error", code: "rate_limited", message: "slowly", retry_after: 2.5 };
  await FakeSocket.last.answers("create_session", error);
  await assert.rejects(opening, (failure) => {
    assert.ok(failure instanceof ProximError);
    assert.deepEqual([failure.code, failure.message, failure.retryAfter], ["rate_limited", "slowly", 2.5]);
    return true;
  });
});

test("a temporary session's expiry is right even if the device's clock is wrong", async () => {
  const host = await registered();
  const opening = host.open({ type: "temporary", ttl: 60 });
  await settle();
  const now = Date.now() - 3_600_000;
  await FakeSocket.last.answers("create_session", {
    type: "session_created",
    session: session({
      session_type: "temporary",
      created_at: new Date(now).toISOString(),
      expires_at: new Date(now + 60_000).toISOString(),
    }),
    pair_within: 60,
  });
  assert.equal((await opening).expiresAt, Date.now() + 60_000);
});

test("a prompt is emitted and can be approved", async () => {
  const host = await registered();
  const mine = await opened(host);
  const asked = [];
  mine.onprompt = (each) => asked.push(each);
  mine.addEventListener("prompt", (each) => asked.push(each));
  await FakeSocket.last.hears(prompt);
  assert.equal(asked.length, 2);
  assert.equal(asked[0], asked[1]);
  assert.deepEqual(asked[0].deviceInfo, { name: "P", id: "1" });
  assert.equal(asked[0].expiresAt, Date.now() + 40_000);
  const approving = asked[0].approve();
  await settle();
  const { type, session_id, approve } = FakeSocket.last.sent.at(-1);
  assert.deepEqual([type, session_id, approve], ["pair_decision", ID, true]);
  await FakeSocket.last.answers("pair_decision", { type: "error", code: "already_decided", message: "late" });
  await assert.rejects(approving, { code: "already_decided" });
});

test("WebRTC does not start before the approval", async () => {
  const host = await registered();
  const mine = await opened(host);
  await FakeSocket.last.hears(prompt);
  assert.equal(mine.pc, null);
  assert.ok(!FakeSocket.last.types().includes("signal"));
});

test("after a loss the host takes its sessions again and sends the waiting signals in order", async () => {
  const host = await registered();
  const mine = await opened(host, { status: "approved" });
  const reached = [];
  host.onreachable = ({ online }) => reached.push(online);
  await FakeSocket.last.breaks();
  mine.send(1);
  mine.send(2);
  await pass(1_000);
  await FakeSocket.last.opens();
  assert.deepEqual(FakeSocket.last.types(), ["register"]);
  const sessions = [session({ status: "approved" })];
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions });
  const said = FakeSocket.last.sent.filter(({ type, data }) => type === "signal" && !data.rtc);
  assert.deepEqual(said.map(({ data }) => data), [1, 2]);
  assert.deepEqual(reached, [false, true]);
  assert.equal(host.sessions.get(ID), mine);
});

test("what is sent on a socket that is closing is sent on the next one", async () => {
  const host = await registered({ rtc: false });
  const mine = await opened(host, { status: "approved" });
  const closing = FakeSocket.last;
  closing.readyState = 2;
  mine.send(1);
  await closing.breaks(1012);
  await pass(1_000);
  await FakeSocket.last.opens();
  const sessions = [session({ status: "approved" })];
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions });
  assert.deepEqual([closing.types().includes("signal"), FakeSocket.last.types()], [false, ["register", "signal"]]);
});

test("nothing is sent before the approval", async () => {
  const mine = await opened(await registered());
  await FakeSocket.last.hears(prompt);
  assert.throws(() => mine.send(1), { code: "not_approved", sessionId: ID });
  assert.ok(!FakeSocket.last.types().includes("signal"));
  await FakeSocket.last.hears({ ...session({ status: "approved" }), type: "pair_result", session_id: ID });
  mine.send(1);
  assert.ok(FakeSocket.last.types().includes("signal"));
});

test("at most 256 signals wait for the node", async () => {
  const host = await registered({ rtc: false });
  const mine = await opened(host, { status: "approved" });
  await FakeSocket.last.breaks();
  for (let count = 0; count < 256; count += 1) mine.send(count);
  assert.throws(() => mine.send(256), { code: "limit_reached" });
});

test("a signal that is too large for the node is refused at once", async () => {
  const host = new Host("http://node");
  await FakeSocket.last.opens(1000);
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  const mine = await opened(host, { status: "approved" });
  mine.send("x".repeat(800));
  assert.throws(() => mine.send("é".repeat(500)), { code: "bad_message" });
});

test("the pauses grow by half, are shortened at random, and start again after a success", async () => {
  mock.method(Math, "random", () => 1);
  await registered();
  const pauses = [1_000, 1_500, 2_250];
  await FakeSocket.last.breaks();
  for (const pause of pauses) {
    const before = FakeSocket.all.length;
    await pass(pause - 1);
    assert.equal(FakeSocket.all.length, before);
    await pass(1);
    assert.equal(FakeSocket.all.length, before + 1);
    await FakeSocket.last.breaks();
  }
  await pass(60_000);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  Math.random.mock.mockImplementation(() => 0);
  await FakeSocket.last.breaks();
  const before = FakeSocket.all.length;
  await pass(500);
  assert.equal(FakeSocket.all.length, before + 1);
  mock.restoreAll();
});

test("an attempt to connect times out", async () => {
  await registered();
  await FakeSocket.last.breaks();
  await pass(1_000);
  const hanging = FakeSocket.last;
  await pass(15_000);
  assert.equal(hanging.readyState, 3);
  await pass(1_500);
  assert.notEqual(FakeSocket.last, hanging);
});

for (const code of [4000, 1002, 1007, 1009]) {
  test(`after close code ${code} the host does not reconnect`, async () => {
    const host = await registered();
    const mine = await opened(host);
    let failure;
    host.onfailed = ({ error }) => (failure = error);
    await FakeSocket.last.breaks(code);
    await pass(120_000);
    assert.equal(FakeSocket.all.length, 1);
    assert.deepEqual([failure.code, failure.closeCode], ["connection_lost", code]);
    assert.equal(mine.over, failure);
    assert.throws(() => mine.send(1), { code: "connection_lost" });
    await assert.rejects(host.open(), { code: "connection_lost" });
  });
}

test("ready rejects at once if the first connection fails", async () => {
  const host = new Host("http://node");
  await FakeSocket.last.breaks();
  await assert.rejects(host.ready, { code: "connection_lost" });
  await pass(120_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("ready rejects if the access token is wrong", async () => {
  const host = new Host("http://node", { accessToken: "wrong" });
  await FakeSocket.last.opens();
  assert.equal(FakeSocket.last.sent[0].access_token, "wrong");
  await FakeSocket.last.answers("register", { type: "error", code: "access_denied", message: "no" });
  await assert.rejects(host.ready, { code: "access_denied" });
});

test("after rate_limited the host waits as long as the node says", async () => {
  await registered();
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens();
  const slowly = { type: "error", code: "rate_limited", message: "slowly", retry_after: 30 };
  await FakeSocket.last.answers("register", slowly);
  const count = FakeSocket.all.length;
  await pass(29_999);
  assert.equal(FakeSocket.all.length, count);
  await pass(1);
  assert.equal(FakeSocket.all.length, count + 1);
});

test("a silent connection is pinged, and closed without a pong", async () => {
  await registered();
  const socket = FakeSocket.last;
  await pass(25_000);
  assert.equal(socket.types().at(-1), "ping");
  await socket.hears({ type: "pong" });
  await pass(24_999);
  assert.equal(socket.sent.length, 2);
  await pass(1);
  await pass(8_000);
  assert.equal(socket.readyState, 3);
  await pass(1_000);
  assert.notEqual(FakeSocket.last, socket);
});

test("the host reconnects at once when the network is back", async () => {
  await registered();
  await FakeSocket.last.breaks();
  globalThis.dispatchEvent(new Event("online"));
  assert.equal(FakeSocket.all.length, 2);
  await pass(60_000);
});

test("sessions that the node no longer lists are lost, ended ones have their reason", async () => {
  const host = await registered();
  const lost = await opened(host);
  const other = await opened(host, { session_id: "o".repeat(22) });
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens();
  const ended = session({ session_id: "o".repeat(22), status: "expired", reason: "closed" });
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [ended] });
  assert.deepEqual([lost.over.reason, other.over.reason], ["lost", "closed"]);
  assert.equal(host.sessions.size, 0);
  assert.equal(await lost.ended, lost.over);
  await assert.rejects(lost.connected, { code: "session_ended", reason: "lost" });
});

test("restored sessions are emitted, but not ended ones", async () => {
  const found = [];
  const host = new Host("http://node");
  host.onsession = (event) => found.push(event.session.id);
  await FakeSocket.last.opens();
  const sessions = [session(), session({ session_id: "e".repeat(22), status: "expired", reason: "closed" })];
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions });
  assert.deepEqual(found, [ID]);
});

test("close resolves with the end of the session, also the second time", async () => {
  const host = await registered();
  const mine = await opened(host);
  const closing = mine.close();
  await settle();
  const end = { type: "session_ended", session_id: ID, status: "expired", reason: "closed" };
  await FakeSocket.last.answers("close_session", end);
  await closing;
  assert.equal(mine.over.reason, "closed");
  const again = mine.close();
  await settle();
  await FakeSocket.last.answers("close_session", { type: "error", code: "unknown_session", message: "gone" });
  await again;
});

test("a link is one that a page may use as an address", async () => {
  const host = await registered();
  const mine = await opened(host);
  const renewing = mine.renew();
  await settle();
  const renewed = { type: "link_renewed", session_id: ID, pair_within: 10, link: "javascript:alert(1)//", qr_svg: "<svg/>" };
  await FakeSocket.last.answers("renew_link", renewed);
  await renewing;
  assert.equal(mine.link, null);
});

test("a host renews a link, refreshes ICE servers and lists its sessions", async () => {
  const host = await registered();
  const mine = await opened(host);
  let emitted = 0;
  mine.onlink = () => (emitted += 1);
  const renewing = mine.renew();
  await settle();
  assert.equal(FakeSocket.last.sent.at(-1).qr, "svg");
  const link = LINK.replace("/join", "/new");
  const renewed = { type: "link_renewed", session_id: ID, pair_within: 10, link, qr_svg: "<svg/>" };
  await FakeSocket.last.answers("renew_link", renewed);
  await renewing;
  assert.deepEqual([mine.link, emitted], [link, 1]);
  const fresh = mine.refreshIce();
  await settle();
  await FakeSocket.last.answers("refresh_ice", { type: "ice_servers", session_id: ID, ice_servers: ICE, ttl: 60 });
  assert.deepEqual(await fresh, { iceServers: ICE, ttl: 60 });
  const listing = host.list();
  await settle();
  await FakeSocket.last.answers("list_sessions", { type: "sessions", sessions: [session()] });
  assert.equal((await listing).length, 1);
});

test("with a token hash, only the hash is sent and no QR code is made", async () => {
  const host = await registered();
  host.open({ tokenHash: "h".repeat(43) }).catch(() => {});
  await settle();
  const { token_hash, qr } = FakeSocket.last.sent.at(-1);
  assert.deepEqual([token_hash, qr], ["h".repeat(43), undefined]);
});

test("an invalid node URL is refused", () => {
  for (const url of ["", "node", "ftp://node", "ws://node"]) {
    assert.throws(() => new Host(url), { code: "invalid_link" });
  }
});

test("a request waits while the node is offline", async () => {
  const host = await registered();
  await FakeSocket.last.breaks();
  const opening = host.open();
  await pass(1_000);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  await FakeSocket.last.answers("create_session", { type: "session_created", session: session(), pair_within: 1 });
  assert.equal((await opening).id, ID);
});

test("a host with seats takes only these and its new sessions again", async () => {
  const other = "o".repeat(22);
  const host = await registered({ seats: [other] });
  assert.deepEqual(FakeSocket.last.sent[0].seats, [other]);
  await opened(host);
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens();
  assert.deepEqual(FakeSocket.last.sent[0].seats, [other, ID]);
});

test("a decided prompt is gone, and an ended session sends nothing", async () => {
  const host = await registered({ rtc: false });
  const mine = await opened(host);
  await FakeSocket.last.hears(prompt);
  assert.ok(mine.prompt);
  const result = { type: "pair_result", session_id: ID, status: "approved", device_info: null, ice_servers: [] };
  await FakeSocket.last.hears(result);
  assert.equal(mine.prompt, null);
  await FakeSocket.last.hears({ type: "session_ended", session_id: ID, status: "expired", reason: "closed" });
  assert.throws(() => mine.send(1), { code: "session_ended", reason: "closed" });
});

test("the size limit leaves room for a ref", async () => {
  const host = new Host("http://node", { rtc: false });
  await FakeSocket.last.opens(1000);
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  const mine = await opened(host, { status: "approved" });
  const frame = JSON.stringify({ type: "signal", session_id: ID, data: "" }).length;
  mine.send("x".repeat(968 - frame));
  assert.throws(() => mine.send("x".repeat(969 - frame)), { code: "bad_message" });
});

test("a replaced host rejects with that reason", async () => {
  const host = await registered();
  await FakeSocket.last.breaks(4000);
  await assert.rejects(host.ready.then(() => host.open()), /took over/);
});
