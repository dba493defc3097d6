// Times that are left, when a clock is set or the page stood still.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host, parseLink } from "../../../proxim/web/proxim.js";
import { FakeSocket, freshBrowser, ICE, ID, LINK, pass, session, setClock, settle } from "./fakes.js";

beforeEach(freshBrowser);

const prompt = (expires_in) => ({ type: "pair_prompt", session_id: ID, device_info: { name: "P", id: "1" }, expires_in });
const left = (moment) => moment - Date.now();

/** Times in seconds for which a browser would not wait: too long for a timer, or no number. */
const ENDLESS = [1e12, 1e308, "soon", {}];

/** Have timers end at once that a browser would end at once. */
function limitTimers() {
  const start = globalThis.setTimeout;
  globalThis.setTimeout = (action, time, ...more) => start(action, Number(time) < 2 ** 31 ? Number(time) : 1, ...more);
}

async function opened() {
  const host = new Host("http://node", { rtc: false });
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  const opening = host.open({ type: "temporary", ttl: 600 });
  await settle();
  const info = session({ session_type: "temporary", expires_at: new Date(Date.now() + 600_000).toISOString() });
  await FakeSocket.last.answers("create_session", { type: "session_created", session: info, pair_within: 300, link: LINK });
  return { host, mine: await opening };
}

for (const hours of [1, -1]) {
  test(`the times left stay right when the clock is set by ${hours} h`, async () => {
    const { mine } = await opened();
    await FakeSocket.last.hears(prompt(40));
    await pass(2_000);
    setClock(hours * 3_600_000);
    assert.deepEqual([mine.lapsesAt, mine.expiresAt, mine.prompt.expiresAt].map(left), [298_000, 598_000, 38_000]);
    assert.equal(left(mine.createdAt), -2_000);
    const guest = new Guest(LINK);
    guest.ask();
    await FakeSocket.last.opens();
    await FakeSocket.last.answers("pair_request", { type: "pair_pending", session_id: ID, resume_token: "r", expires_in: 40 });
    setClock(-hours * 3_600_000);
    assert.equal(left(guest.expiresAt), 40_000);
  });
}

test("a host that asks again hears how much time is left for its prompt", async () => {
  const { host, mine } = await opened();
  await FakeSocket.last.hears(prompt(40));
  const first = mine.prompt;
  const refreshing = host.refresh();
  await settle();
  assert.equal(FakeSocket.all.length, 1);
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [session({ session_type: "temporary" })] });
  await FakeSocket.last.hears(prompt(22));
  await refreshing;
  assert.equal(left(mine.prompt.expiresAt), 22_000);
  assert.notEqual(mine.prompt, first);
});

test("a guest asks again only while it waits", async () => {
  const guest = new Guest(LINK, { rtc: false });
  guest.ask();
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("pair_request", { type: "pair_pending", session_id: ID, resume_token: "r", expires_in: 40 });
  guest.refresh();
  await settle();
  await FakeSocket.last.answers("resume", { type: "resumed", session: session(), host_online: true, expires_in: 22 });
  assert.equal(left(guest.expiresAt), 22_000);
  await FakeSocket.last.hears({ type: "pair_result", session_id: ID, status: "approved", device_info: null, ice_servers: ICE });
  const count = FakeSocket.last.sent.length;
  await guest.refresh();
  assert.equal(FakeSocket.last.sent.length, count);
});

test("a link may have parameters that somebody on the way has added", () => {
  for (const added of ["?fbclid=x", "?a=b&c=d", "/", "/?x"]) {
    assert.equal(parseLink(LINK.replace("/join", `/join${added}`)).sessionId, ID);
  }
});

for (const said of ENDLESS) {
  const name = JSON.stringify(said);

  test(`a node that has a host come back after ${name} s gets no host without a pause`, async () => {
    limitTimers();
    await opened();
    await FakeSocket.last.breaks();
    await pass(1_000);
    await FakeSocket.last.opens();
    await FakeSocket.last.answers("register", { type: "error", code: "rate_limited", message: "slowly", retry_after: said });
    const count = FakeSocket.all.length;
    await pass(500);
    assert.equal(FakeSocket.all.length, count);
  });

  test(`a node whose ICE servers work for ${name} s is not asked for others again and again`, async () => {
    limitTimers();
    const guest = new Guest(LINK, { rtc: false });
    guest.ask();
    await FakeSocket.last.opens();
    await FakeSocket.last.answers("pair_request", { type: "pair_pending", session_id: ID, resume_token: "r", expires_in: 40 });
    const approval = { type: "pair_result", session_id: ID, status: "approved", device_info: null, ice_servers: ICE };
    await FakeSocket.last.hears({ ...approval, ice_ttl: said });
    for (let turn = 0; turn < 10; turn += 1) {
      const asked = FakeSocket.last.types().filter((type) => type === "refresh_ice").length;
      assert.ok(asked <= 1, `asked ${asked} times`);
      if (asked === 1) await FakeSocket.last.answers("refresh_ice", { type: "ice_servers", session_id: ID, ice_servers: ICE, ttl: said });
      await pass(10);
    }
  });
}
