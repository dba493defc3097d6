// The guest of a sealed session after a restart of a node that remembers nothing.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Guest, Host, remembered } from "../../../proxim/web/proxim.js";
import "../../../proxim/web/sdk/seal/index.js";
import "../../../proxim/web/sdk/seal/qr.js";
import { freshBrowser } from "./fakes.js";
import { paired, passes, talk } from "./relay.js";

const { random } = Math;
beforeEach(() => {
  freshBrowser();
  // No jitter.
  Math.random = () => 1;
});
afterEach(() => (Math.random = random));

const pair = (options) => paired(options, { nonces: true });

test("a guest whose page is loaded again meanwhile comes back, too", async () => {
  const { relay, desk, phone } = await pair();
  await relay.restarts();
  phone.leave();
  const again = new Guest(remembered()[0], { rtc: false });
  let isApproved = false;
  again.onapproved = () => (isApproved = true);
  again.resume();
  await relay.runs();
  assert.deepEqual([again.over, isApproved], [null, false]);
  await passes(relay, 10);
  assert.deepEqual([again.status, again.hostName, isApproved], ["approved", "Desk", true]);
  await talk(relay, desk, again);
});

test("a guest asks again until the host is back, and says what is true meanwhile", async () => {
  const { relay, host, desk, phone } = await pair();
  const told = [];
  phone.onreachable = ({ online }) => told.push(`node ${online}`);
  phone.onpresence = ({ online }) => told.push(`desk ${online}`);
  host.leave();
  await relay.restarts();
  await passes(relay, 120);
  assert.deepEqual(told, ["node false", "desk false", "node true"]);
  // It comes back after one second, and asks at once, then after 2, 6, 14, 30 and 62 seconds.
  assert.equal(relay.said("pair_request").length, 1 + 6);
  assert.equal(phone.over, null);
  const again = new Host("http://node", { rtc: false });
  await passes(relay, 60);
  await talk(relay, again.sessions.get(desk.id), phone);
  assert.equal(told.at(-1), "desk true");
});

test("the pauses are shortened at random, by half at most", async () => {
  Math.random = () => 0;
  const { relay, host } = await pair();
  host.leave();
  await relay.restarts();
  await passes(relay, 60);
  assert.equal(relay.said("pair_request").length, 1 + 6);
});

test("a guest gives up after a quarter of an hour", async () => {
  const { relay, host, phone } = await pair();
  host.leave();
  await relay.restarts();
  await passes(relay, 890);
  assert.equal(phone.over, null);
  await passes(relay, 20);
  assert.deepEqual([phone.over.code, phone.over.reason], ["session_ended", "lost"]);
  assert.deepEqual(remembered(), []);
});

test("a guest that waits in a page which was loaded again gives up at the end of a temporary session", async () => {
  const { relay, host, phone } = await pair({ type: "temporary", ttl: 100 });
  host.leave();
  phone.leave();
  await relay.restarts();
  const again = new Guest(remembered()[0], { rtc: false });
  again.resume().catch(() => {});
  await passes(relay, 95);
  assert.equal(again.over, null);
  await passes(relay, 10);
  assert.equal(again.over.reason, "lost");
});

test("a connection that breaks while a guest waits has the guest ask again at once", async () => {
  const { relay, host, phone } = await pair();
  host.leave();
  await relay.restarts();
  await passes(relay, 40);
  const before = relay.said("pair_request").length;
  await relay.loses("guest");
  await passes(relay, 3);
  assert.equal(relay.said("pair_request").length, before + 1);
  await passes(relay, 57);
  // One request in each pause, and not one for each connection.
  assert.ok(relay.said("pair_request").length <= before + 2);
  assert.equal(phone.over, null);
});

test("a request whose reply was lost is sent again unchanged", async () => {
  const { relay, host, desk, phone } = await pair();
  host.leave();
  await relay.restarts();
  await passes(relay, 20);
  const seals = relay.said("pair_request").slice(1).map(({ token, seal }) => `${token} ${seal}`);
  assert.ok(seals.length > 2);
  assert.equal(new Set(seals).size, 1);
  assert.equal(desk.over.code, "connection_lost");
  assert.equal(phone.over, null);
});

test("an approval that the host has not sealed ends the guest's session", async () => {
  const { relay, host, phone } = await pair();
  host.leave();
  await relay.restarts();
  await passes(relay, 2);
  await relay.tells("guest", {
    type: "pair_result", session_id: phone.id, status: "approved", device_info: relay.info.device_info, seal: "A".repeat(160), ice_servers: [],
  });
  assert.equal(phone.over.code, "tampered");
});

for (const code of ["host_offline", "link_lapsed", "rate_limited", "unavailable"]) {
  test(`a guest asks again after ${code}`, async () => {
    const { relay, desk, phone } = await pair();
    await relay.restarts();
    let count = 0;
    relay.change = (message, to) => {
      if (to !== "guest" || message.type !== "error" || count >= 3) return message;
      count += 1;
      return count === 1 ? message : { ...message, code };
    };
    relay.isDeaf = true;
    await passes(relay, 10);
    assert.equal(phone.over, null);
    relay.isDeaf = false;
    await passes(relay, 20);
    await talk(relay, desk, phone);
  });
}

test("a guest in a page that was loaded again knows which node had its session", async () => {
  const { relay, host, phone } = await pair();
  host.leave();
  phone.leave();
  const { boot } = relay;
  await relay.restarts();
  relay.boot = boot;
  const again = new Guest(remembered()[0], { rtc: false });
  again.resume().catch(() => {});
  await relay.runs();
  assert.equal(again.over?.reason, "lost");
});

test("a page that is loaded again while its connection breaks comes back, too", async () => {
  const { relay, host, phone, desk } = await pair();
  host.leave();
  phone.leave();
  await relay.restarts();
  const again = new Guest(remembered()[0], { rtc: false });
  again.resume().catch(() => {});
  await relay.runs();
  await relay.loses("guest");
  await passes(relay, 3);
  assert.equal(again.over, null);
  const back = new Host("http://node", { rtc: false });
  await passes(relay, 30);
  await talk(relay, back.sessions.get(desk.id), again);
});

test("a guest that came back is remembered with its new token, and with the new node", async () => {
  const { relay, phone } = await pair();
  await relay.restarts();
  await passes(relay, 10);
  assert.equal(remembered()[0].boot, relay.boot);
  phone.leave();
});

test("a guest has a quarter of an hour after each restart", async () => {
  const { relay, desk, phone } = await pair();
  for (let count = 0; count < 2; count += 1) {
    await relay.restarts();
    relay.isDeaf = true;
    await passes(relay, 600);
    relay.isDeaf = false;
    await passes(relay, 60);
    await talk(relay, desk, phone);
  }
});

test("a guest is remembered with its new token before the host has answered", async () => {
  const { relay, phone } = await pair();
  await relay.restarts();
  relay.change = (message, to) => (to === "guest" && message.type === "pair_result" ? null : message);
  await passes(relay, 5);
  assert.deepEqual([remembered()[0].boot, phone.over], [relay.boot, null]);
});

test("a seat of an earlier SDK learns which node has its session", async () => {
  const { relay, phone } = await pair();
  phone.leave();
  await relay.loses("guest");
  const again = new Guest({ ...remembered()[0], boot: undefined }, { rtc: false });
  again.resume();
  await relay.runs();
  assert.equal(remembered()[0].boot, relay.boot);
});
