// The number that the guest shows and the person at the host types, and seats whose token changes.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host, guestAt, remembered } from "../../../proxim/web/proxim.js";
import { FakeSocket, freshBrowser, ID, LINK, pass, session, settle } from "./fakes.js";

beforeEach(freshBrowser);

const prompt = { type: "pair_prompt", session_id: ID, device_info: { name: "P", id: "1" }, expires_in: 40 };

async function registered(features) {
  const host = new Host("http://node", { rtc: false });
  await FakeSocket.last.opens(64 * 1024, features);
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  return host;
}

/** Return a session with `confirm: "code"`, and its prompt. */
async function prompted() {
  const host = await registered();
  const opening = host.open({ type: "persistent", confirm: "code" });
  await settle();
  assert.equal(FakeSocket.last.sent.at(-1).confirm, "code");
  const created = { type: "session_created", session: session({ confirm: "code" }), pair_within: 300, link: LINK };
  await FakeSocket.last.answers("create_session", created);
  const mine = await opening;
  await FakeSocket.last.hears({ ...prompt, confirm: "code" });
  return { mine, asked: mine.prompt };
}

test("a session without a number is opened as before", async () => {
  const host = await registered([]);
  host.open().catch(() => {});
  await settle();
  assert.equal(FakeSocket.last.sent.at(-1).confirm, undefined);
});

test("the host gives its device a name, and the guest sees it", async () => {
  const host = await registered([]);
  host.open({ hostName: "Work laptop" }).catch(() => {});
  await settle();
  assert.equal(FakeSocket.last.sent.at(-1).host_name, "Work laptop");
  const guest = new Guest(LINK, { rtc: false });
  guest.ask();
  await FakeSocket.last.opens();
  const pending = { type: "pair_pending", session_id: ID, resume_token: "r", expires_in: 40, host_name: "Work laptop" };
  await FakeSocket.last.answers("pair_request", pending);
  assert.equal(guest.hostName, "Work laptop");
});

test("a node that does not know numbers is refused before a session is opened", async () => {
  for (const features of [[], undefined, ["rotate"]]) {
    const host = await registered(features === undefined ? null : features);
    await assert.rejects(host.open({ confirm: "code" }), { code: "not_supported" });
    assert.ok(!FakeSocket.last.types().includes("create_session"));
  }
});

test("an approval needs three digits, and without them nothing is sent", async () => {
  const { mine, asked } = await prompted();
  assert.equal(mine.confirm, "code");
  for (const code of [undefined, "", "12", "012", "1234", "12x", "１２３"]) {
    await assert.rejects(asked.approve(code), { code: "code_required", sessionId: ID });
  }
  assert.ok(!FakeSocket.last.types().includes("pair_decision"));
  assert.equal(mine.prompt, asked);
});

test("the right number approves", async () => {
  const { asked } = await prompted();
  const approving = asked.approve("482");
  await settle();
  const { approve, code } = FakeSocket.last.sent.at(-1);
  assert.deepEqual([approve, code], [true, "482"]);
  await FakeSocket.last.answers("pair_decision", { type: "pair_result", session_id: ID, status: "approved", device_info: null });
  await approving;
});

test("a wrong number is an error of its own, and the session is over", async () => {
  const { mine, asked } = await prompted();
  const approving = asked.approve("482");
  await settle();
  await FakeSocket.last.answers("pair_decision", { type: "pair_result", session_id: ID, status: "rejected", device_info: null });
  await FakeSocket.last.hears({ type: "session_ended", session_id: ID, status: "rejected", reason: "rejected" });
  await assert.rejects(approving, { code: "wrong_code", sessionId: ID });
  assert.equal(mine.over.reason, "rejected");
});

test("a decline needs no number", async () => {
  const { asked } = await prompted();
  const declining = asked.decline();
  await settle();
  assert.deepEqual([FakeSocket.last.sent.at(-1).approve, FakeSocket.last.sent.at(-1).code], [false, undefined]);
  await FakeSocket.last.answers("pair_decision", { type: "pair_result", session_id: ID, status: "rejected", device_info: null });
  await declining;
});

test("the host hears that another device has shown the link", async () => {
  const { mine } = await prompted();
  let heard = 0;
  mine.oncontested = () => (heard += 1);
  assert.equal(mine.contested, false);
  await FakeSocket.last.hears({ type: "contested", session_id: ID });
  assert.deepEqual([heard, mine.contested], [1, true]);
});

const pending = (more) => ({ type: "pair_pending", session_id: ID, resume_token: "r1", expires_in: 40, session_type: "persistent", ...more });
const resumed = (more) => ({ type: "resumed", session: session({ status: "approved" }), host_online: true, ...more });
const stored = () => remembered()[0].resumeToken;

async function asked(more) {
  const guest = new Guest(LINK, { rtc: false });
  guest.ask();
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("pair_request", pending(more));
  return guest;
}

/** Break the connection, and let the guest come back; return the token that it shows. */
async function comesBack(reply) {
  await FakeSocket.last.breaks();
  await pass(2_000);
  await FakeSocket.last.opens();
  const { resume_token } = FakeSocket.last.sent.at(-1);
  await FakeSocket.last.answers("resume", resumed(reply));
  return resume_token;
}

test("the guest has its number while it waits, also after it came back", async () => {
  const guest = await asked({ code: "482" });
  assert.equal(guest.code, "482");
  await comesBack({ session: session(), expires_in: 30, code: "482" });
  assert.equal(guest.code, "482");
  assert.equal((await asked()).code, null);
  for (const code of ["12", "<b>482</b>", 482.5, {}]) assert.equal((await asked({ code })).code, null);
});

test("a new resume token is stored before anything else is told, and used the next time", async () => {
  const guest = await asked();
  let early;
  guest.onapproved = () => (early = stored());
  assert.equal(await comesBack({ resume_token: "r2" }), "r1");
  assert.equal(early, "r2");
  assert.equal(await comesBack({ resume_token: "r3" }), "r2");
  assert.equal(stored(), "r3");
});

test("a node that gives no new token goes on with the old one", async () => {
  await asked();
  assert.equal(await comesBack({}), "r1");
  assert.equal(await comesBack({}), "r1");
  assert.equal(stored(), "r1");
});

test("a guest comes back with the newest token, which another tab may have got", async () => {
  await asked();
  const key = "proxim.guest.http://node";
  const seats = JSON.parse(globalThis.localStorage.getItem(key));
  seats[ID].resumeToken = "r9";
  globalThis.localStorage.setItem(key, JSON.stringify(seats));
  assert.equal(stored(), "r9");
  assert.equal(await comesBack({ resume_token: "r10" }), "r9");
});

test("a guest without storage keeps its newest token", async () => {
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get() {
        throw new Error("forbidden");
      },
    });
  }
  await asked();
  await comesBack({ resume_token: "r2" });
  assert.equal(await comesBack({ resume_token: "r3" }), "r2");
});

test("a used-up token ends the session with its reason, and the seat is forgotten", async () => {
  const guest = await asked();
  await FakeSocket.last.hears({ type: "session_ended", session_id: ID, status: "expired", reason: "token_reused" });
  assert.equal(guest.over.reason, "token_reused");
  assert.deepEqual(remembered(), []);
});

test("the host hears that the guest came by another connection", async () => {
  const { mine } = await prompted();
  const heard = [];
  mine.onpresence = ({ online, replaced }) => heard.push([online, replaced]);
  for (const more of [{}, {}, { replaced: true }]) await FakeSocket.last.hears({ type: "peer_online", session_id: ID, ...more });
  assert.deepEqual(heard, [[true, false], [true, true]]);
});

test("whoever scans a code again comes back to the seat", async () => {
  await asked();
  const guest = guestAt(LINK, { rtc: false });
  guest.ask();
  await FakeSocket.last.opens();
  assert.deepEqual([FakeSocket.last.sent[0].type, FakeSocket.last.sent[0].resume_token], ["resume", "r1"]);
});
