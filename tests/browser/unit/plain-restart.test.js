// Sessions of the SDK that are not sealed, over a restart of a node that remembers nothing.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host } from "../../../proxim/web/proxim.js";
import { FakeChannel, FakePeerConnection, FakeSocket, freshBrowser, ICE, ID, LINK, pass, session, settle } from "./fakes.js";

beforeEach(freshBrowser);

const FEATURES = ["confirm", "rotate", "join_url"];
const NEXT = "n".repeat(22);
const device = (name) => ({ name, id: name });

/** Open the last socket at a node of this `boot`, which has these sessions. */
async function registers(boot, sessions = []) {
  await FakeSocket.last.opens(64 * 1024, FEATURES, boot);
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions });
}

/** Let the node answer the last request for a session. */
const opens = (id, more = {}) =>
  FakeSocket.last.answers("create_session", {
    type: "session_created",
    session: session({ session_id: id, ...more }),
    pair_within: 300,
    link: LINK.replace(ID, id),
    token: "t",
    qr_svg: `<svg>${id}</svg>`,
  });

/** Return a host with a session, and what it tells. */
async function opened({ options = {}, host: more = {} } = {}) {
  const host = new Host("http://node", { rtc: false, ...more });
  await registers("boot 1");
  const opening = host.open({ type: "persistent", ...options });
  await settle();
  const { ttl } = FakeSocket.last.sent.at(-1);
  const expires_at = ttl ? new Date(Date.now() + ttl * 1000).toISOString() : null;
  await opens(ID, { session_type: options.type ?? "persistent", expires_at, confirm: options.confirm });
  const desk = await opening;
  const told = [];
  for (const type of ["prompt", "approved", "presence", "disconnected", "link", "over"]) desk.addEventListener(type, () => told.push(type));
  return { host, desk, told };
}

const asks = (id, name) =>
  FakeSocket.last.hears({ type: "pair_prompt", session_id: id, device_info: device(name), expires_in: 40 });
const approves = (id, name) =>
  FakeSocket.last.hears({ type: "pair_result", session_id: id, status: "approved", device_info: device(name), ice_servers: ICE, ice_ttl: 600 });

/** The node is killed; a node of this `boot` is at its URL some seconds later, and has these sessions. */
async function restarts(boot, sessions = [], seconds = 1) {
  await FakeSocket.last.breaks();
  await pass(seconds * 1_000);
  await registers(boot, sessions);
}

const created = () => FakeSocket.all.flatMap(({ sent }) => sent).filter(({ type }) => type === "create_session");

for (const options of [{ type: "persistent" }, { type: "temporary", ttl: 600, confirm: "code", hostName: "Desk", joinUrl: "https://pair.example/join" }]) {
  test(`a ${options.type} session is opened again as it was opened, and waits for a guest`, async () => {
    const { host, desk, told } = await opened({ options });
    await asks(ID, "Phone");
    await approves(ID, "Phone");
    const { approved, expiresAt } = desk;
    told.length = 0;
    await restarts("boot 2");
    assert.deepEqual([told, desk.status, desk.peerOnline], [["presence"], "approved", false]);
    await opens(NEXT, { session_type: options.type });
    assert.deepEqual(told, ["presence", "link"]);
    const [first, second] = created();
    if (options.ttl) assert.equal(second.ttl, 599);
    const fields = ({ session_type, confirm = "none", host_name, join_url, qr }) => [session_type, confirm, host_name, join_url, qr];
    assert.deepEqual(fields(second), fields(first));
    assert.deepEqual([desk.id, desk.status, desk.over, desk.deviceInfo, desk.prompt, desk.iceServers], [NEXT, "pending", null, null, null, null]);
    assert.deepEqual([desk.link, decodeURIComponent(desk.qr).includes(NEXT)], [LINK.replace(ID, NEXT), true]);
    assert.deepEqual([desk.expiresAt, [...host.sessions]], [expiresAt, [[NEXT, desk]]]);
    assert.notEqual(desk.approved, approved);
    assert.throws(() => desk.send(1), { code: "not_approved" });
    await asks(NEXT, "Tablet");
    await approves(NEXT, "Tablet");
    await desk.approved;
    assert.deepEqual([desk.status, desk.deviceInfo.name, desk.peerOnline], ["approved", "Tablet", true]);
    // And once more.
    await restarts("boot 3");
    await opens("m".repeat(22), { session_type: options.type });
    assert.deepEqual([desk.id, desk.status], ["m".repeat(22), "pending"]);
  });
}

test("nothing of the earlier link and its ICE servers stays", async () => {
  const { desk } = await opened();
  await approves(ID, "Phone");
  await FakeSocket.last.hears({ type: "contested", session_id: ID });
  assert.ok(desk.contested);
  await restarts("boot 2");
  await opens(NEXT);
  assert.ok(!desk.contested);
  await pass(500_000);
  assert.ok(!FakeSocket.all.some((socket) => socket.types().includes("refresh_ice")));
  await approves(NEXT, "Tablet");
  assert.deepEqual(desk.iceServers, ICE);
});

test("a prompt of before the restart decides about no other guest", async () => {
  const { desk } = await opened();
  await asks(ID, "Phone");
  const { prompt } = desk;
  await restarts("boot 2");
  assert.equal(desk.prompt, null);
  await opens(NEXT);
  await asks(NEXT, "Tablet");
  for (const answer of ["approve", "approveUnchecked", "decline"]) {
    await assert.rejects(prompt[answer](), { code: "already_decided", sessionId: ID });
  }
  assert.ok(!FakeSocket.last.types().includes("pair_decision"));
  desk.prompt.approve();
  await settle();
  assert.equal(FakeSocket.last.sent.at(-1).session_id, NEXT);
});

test("what was sent to the guest before does not go to the next one", async () => {
  const { desk } = await opened();
  await approves(ID, "Phone");
  await FakeSocket.last.breaks();
  desk.send("for the phone");
  await pass(1_000);
  await registers("boot 2");
  await opens(NEXT);
  const said = FakeSocket.last.sent.filter(({ type }) => type === "signal");
  assert.deepEqual(said.map(({ session_id }) => session_id), [ID]);
});

test("the connection to the guest before is closed, and the next guest gets another one", async () => {
  const { desk, told } = await opened({ host: { rtc: true } });
  await approves(ID, "Phone");
  await settle();
  const { pc } = desk;
  const [main] = FakePeerConnection.last.channels;
  main.opens();
  await settle();
  const channel = await desk.connected;
  assert.ok(channel instanceof FakeChannel);
  told.length = 0;
  await restarts("boot 2");
  await opens(NEXT);
  assert.deepEqual([told, channel.readyState, desk.pc], [["presence", "disconnected", "link"], "closed", null]);
  await approves(NEXT, "Tablet");
  await settle();
  assert.notEqual(desk.pc, pc);
  FakePeerConnection.last.channels[0].opens();
  await settle();
  assert.notEqual(await desk.connected, channel);
});

for (const [what, options] of [
  ["for once", { type: "one_time" }],
  ["with a token of the page", { tokenHash: "A".repeat(43) }],
  ["whose time is over", { type: "temporary", ttl: 60 }],
]) {
  test(`a session ${what} is over after a restart`, async () => {
    const { host, desk, told } = await opened({ options });
    await restarts("boot 2", [], 61);
    assert.deepEqual([desk.over?.reason, told, host.sessions.size, created().length], ["lost", ["over"], 0, 1]);
  });
}

test("a session whose link the page has renewed with a token of its own is over", async () => {
  const { desk } = await opened();
  const renewing = desk.renew({ tokenHash: "A".repeat(43) });
  await settle();
  await FakeSocket.last.answers("renew_link", { type: "link_renewed", session_id: ID, pair_within: 300 });
  await renewing;
  await restarts("boot 2");
  assert.deepEqual([desk.over?.reason, created().length], ["lost", 1]);
});

for (const boot of ["boot 1", undefined]) {
  test(`a session that ${boot ? "ended while the host was away" : "an older node does not know"} is over`, async () => {
    const { desk } = await opened();
    await restarts(boot);
    assert.deepEqual([desk.over?.reason, created().length], ["lost", 1]);
  });
}

test("a session that the page closes meanwhile is not opened again", async () => {
  const { desk } = await opened();
  await FakeSocket.last.breaks();
  const closing = desk.close();
  await pass(1_000);
  await registers("boot 2");
  assert.deepEqual([desk.over?.reason, created().length], ["lost", 1]);
  await FakeSocket.last.answers("close_session", { type: "error", code: "unknown_session", message: "" });
  await closing;
});

test("a session that ends after it was opened again stays closed", async () => {
  const { desk } = await opened();
  await restarts("boot 2");
  await opens(NEXT);
  await restarts("boot 2");
  assert.deepEqual([desk.over?.reason, created().length], ["lost", 2]);
});

test("a session is opened again later if the node cannot open it yet, also after another restart", async () => {
  const { desk, told } = await opened();
  await restarts("boot 2");
  await FakeSocket.last.answers("create_session", { type: "error", code: "unavailable", message: "" });
  await restarts("boot 3");
  await opens(NEXT);
  assert.deepEqual([desk.id, told, created().length], [NEXT, ["link"], 3]);
});

test("a session that the node does not open again is over", async () => {
  const { desk } = await opened();
  await restarts("boot 2");
  await FakeSocket.last.answers("create_session", { type: "error", code: "bad_message", message: "" });
  assert.equal(desk.over.reason, "lost");
});

test("a session that was restored is opened again, too", async () => {
  const host = new Host("http://node", { rtc: false });
  await registers("boot 1", [session({ status: "approved", device_info: device("Phone"), guest_online: true })]);
  const desk = host.sessions.get(ID);
  await restarts("boot 2");
  await opens(NEXT);
  assert.deepEqual([desk.id, desk.status, desk.link === null], [NEXT, "pending", false]);
});

test("a host with seats keeps the seat", async () => {
  const seats = [];
  const { desk } = await opened({ host: { seats } });
  await restarts("boot 2");
  await opens(NEXT);
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens(64 * 1024, FEATURES, "boot 2");
  assert.ok(FakeSocket.last.sent[0].seats.includes(NEXT));
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [session({ session_id: NEXT })] });
  assert.deepEqual([desk.over, desk.status], [null, "pending"]);
});

test("the guest of before has lost the session", async () => {
  const phone = new Guest(LINK, { rtc: false, name: "Phone" });
  phone.ask();
  await FakeSocket.last.opens(64 * 1024, FEATURES, "boot 1");
  await FakeSocket.last.answers("pair_request", { type: "pair_pending", session_id: ID, resume_token: "r".repeat(65), expires_in: 40, session_type: "persistent" });
  await approves(ID, "Phone");
  await FakeSocket.last.breaks();
  await pass(1_000);
  await FakeSocket.last.opens(64 * 1024, FEATURES, "boot 2");
  await FakeSocket.last.answers("resume", { type: "error", code: "unknown_session", message: "" });
  assert.equal(phone.over?.reason, "lost");
});
