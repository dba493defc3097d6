// Sealed sessions of the SDK over a restart of a node that remembers nothing.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Guest, Host } from "../../../proxim/web/proxim.js";
import "../../../proxim/web/sdk/seal/index.js";
import "../../../proxim/web/sdk/seal/qr.js";
import { freshBrowser, pass } from "./fakes.js";
import { asked, idOf, opened, paired, passes, recorded, stored, talk } from "./relay.js";

const { random } = Math;
beforeEach(() => {
  freshBrowser();
  // No jitter.
  Math.random = () => 1;
});
afterEach(() => (Math.random = random));

const TEMPORARY = { type: "temporary", ttl: 3_600 };
const pair = (options) => paired(options, { nonces: true });

/** Return a host in a page that was loaded again, and its sessions. */
async function reloaded(relay, host) {
  host.leave();
  await relay.loses("host");
  return new Host("http://node", { rtc: false, name: "Desk" });
}

for (const options of [{ type: "persistent" }, TEMPORARY]) {
  test(`a ${options.type} session goes on under its id after a restart, and nobody is asked`, async () => {
    const { relay, desk, phone, deskHeard, phoneHeard } = await pair(options);
    let prompts = 0;
    desk.onprompt = () => (prompts += 1);
    const [first] = relay.said("create_session");
    assert.equal(desk.id, idOf(first.nonce));
    await passes(relay, 100);
    await relay.restarts();
    phone.send("on the way");
    await passes(relay, 10);
    const [, second] = relay.said("create_session");
    assert.deepEqual([second.nonce, second.session_type, second.seal], [first.nonce, options.type, 1]);
    assert.notEqual(second.token_hash, first.token_hash);
    if (options.ttl) assert.ok(Math.abs(second.ttl - 3_500) <= 3 && second.link_ttl === second.ttl);
    else assert.deepEqual([second.ttl, second.link_ttl], [undefined, 90 * 86_400]);
    assert.deepEqual([desk.over, phone.over, prompts, relay.info.status], [null, null, 0, "approved"]);
    assert.deepEqual([deskHeard.signals, deskHeard.notices, phoneHeard.notices], [["on the way"], [], []]);
    assert.deepEqual([desk.peerOnline, phone.peerOnline, desk.deviceInfo.name], [true, true, "Phone"]);
    await talk(relay, desk, phone);
  });
}

test("a session survives one restart after the other", async () => {
  const { relay, desk, phone } = await pair();
  for (let count = 0; count < 3; count += 1) {
    await relay.restarts();
    await passes(relay, 10);
    await talk(relay, desk, phone);
  }
  assert.equal(new Set(relay.said("create_session").map(({ nonce }) => nonce)).size, 1);
  // Each answer is for one key of the guest.
  assert.equal(new Set(relay.said("pair_request").map(({ seal }) => seal)).size, 1 + 3);
});

test("a host whose page is loaded again meanwhile opens the session again, also if it is loaded twice", async () => {
  const { relay, host, desk, phone } = await pair(TEMPORARY);
  await relay.restarts();
  host.leave();
  let again = new Host("http://node", { rtc: false });
  await relay.runs();
  assert.equal(again.sessions.get(desk.id).status, "approved");
  again = await reloaded(relay, again);
  let approvals = 0;
  again.onsession = ({ session }) => (session.onapproved = () => (approvals += 1));
  await relay.runs();
  const back = again.sessions.get(desk.id);
  assert.deepEqual([back.status, back.peerOnline, back.link, approvals], ["approved", false, null, 0]);
  assert.equal(back.deviceInfo.name, "Phone");
  assert.equal(relay.said("create_session").length, 2);
  await passes(relay, 10);
  assert.deepEqual([back.status, back.peerOnline, back.deviceInfo.name, approvals], ["approved", true, "Phone", 1]);
  assert.ok(Math.abs(back.expiresAt - desk.expiresAt) < 1_000);
  await talk(relay, back, phone);
});

for (const nonces of [true, false]) {
  test(`a ${nonces ? "session for once" : "session of an older node"} is over after a restart`, async () => {
    const { relay, desk, phone } = await paired({ type: nonces ? "one_time" : "persistent" }, { nonces });
    assert.equal("nonce" in relay.said("create_session")[0], nonces);
    await relay.restarts();
    if (!nonces) relay.change = (message) => (message.type === "resumed" ? { type: "error", code: "unknown_session", message: "", ref: message.ref } : message);
    await passes(relay, 10);
    assert.deepEqual([desk.over?.reason, phone.over?.reason], ["lost", "lost"]);
    assert.deepEqual([relay.said("create_session").length, relay.said("pair_request").length], [1, 1]);
    assert.equal(stored(), "");
  });
}

test("a page in a new tab opens no approved session again, since it may have missed the end", async () => {
  const { relay, host } = await pair();
  const openings = relay.said("create_session").length;
  host.leave();
  globalThis.sessionStorage.removeItem(`proxim.seal.http://node.${host.uuid}`);
  await relay.restarts();
  const later = new Host("http://node", { rtc: false });
  await passes(relay, 10);
  assert.deepEqual([later.sessions.size, relay.said("create_session").length], [0, openings]);
});

test("a session that ended while the sides were away stays closed, since the node is the same", async () => {
  const { relay, desk, phone } = await pair();
  const { boot } = relay;
  await relay.restarts();
  relay.boot = boot;
  await passes(relay, 10);
  assert.deepEqual([desk.over?.reason, phone.over?.reason], ["lost", "lost"]);
  assert.deepEqual([relay.said("create_session").length, relay.said("pair_request").length], [1, 1]);
  assert.equal(stored(), "");
});

test("a session that ended at the node after the restart stays closed", async () => {
  const { relay, desk, phone, host } = await pair();
  await relay.restarts();
  await passes(relay, 10);
  await relay.loses("host");
  await relay.loses("guest");
  relay.isKnown = false;
  relay.link.isUsed = false;
  await passes(relay, 10);
  assert.deepEqual([desk.over?.reason, phone.over?.reason], ["lost", "lost"]);
  assert.equal(relay.said("create_session").length, 2);
  const again = await reloaded(relay, host);
  await relay.runs();
  assert.equal(again.sessions.size, 0);
});

for (const isReloaded of [false, true]) {
  test(`a link that no device has used goes on after a restart${isReloaded ? " and a reload" : ""}`, async () => {
    const { relay, host, desk } = await opened({ type: "one_time" }, { nonces: true });
    const { link } = desk;
    await relay.restarts();
    let session = desk;
    if (isReloaded) {
      host.leave();
      const again = new Host("http://node", { rtc: false });
      await relay.runs();
      session = again.sessions.get(desk.id);
    }
    await passes(relay, 5);
    const [first, second] = relay.said("create_session");
    assert.deepEqual([second.nonce, second.token_hash, second.link_ttl], [first.nonce, first.token_hash, undefined]);
    assert.deepEqual([session.over, session.status, session.link], [null, "pending", link]);
    let prompt = null;
    session.onprompt = (event) => (prompt = event);
    const phone = new Guest(link, { rtc: false });
    phone.ask();
    await relay.runs();
    await Promise.all([prompt.approve(phone.code), relay.runs()]);
    await talk(relay, session, phone);
  });
}

test("a link whose time is up is not opened again", async () => {
  const { relay, desk } = await opened({}, { nonces: true });
  await passes(relay, 305);
  await relay.restarts();
  await passes(relay, 5);
  assert.deepEqual([desk.over.reason, relay.said("create_session").length], ["lost", 1]);
});

for (const isReloaded of [false, true]) {
  test(`a link that a device has used is never registered again${isReloaded ? ", after a reload neither" : ""}`, async () => {
    const { relay, host, desk, phone } = await asked({}, { nonces: true });
    await relay.restarts();
    if (isReloaded) host.leave();
    const again = isReloaded ? new Host("http://node", { rtc: false }) : host;
    await passes(relay, 10);
    assert.equal(relay.said("create_session").length, 1);
    assert.deepEqual([again.sessions.size, phone.over?.reason], [0, "lost"]);
    if (!isReloaded) assert.equal(desk.over?.reason, "lost");
  });
}

test("a link is a used one from the moment of its prompt, whatever happens to the page then", async () => {
  const { relay, host, desk } = await opened({}, { nonces: true });
  // The page dies before the request is opened.
  relay.tells("host", { type: "pair_prompt", session_id: desk.id, device_info: { name: "x", id: "y" }, expires_in: 40, seal: "AA" });
  host.leave();
  await relay.restarts();
  const again = new Host("http://node", { rtc: false });
  await relay.runs();
  assert.deepEqual([again.sessions.size, relay.said("create_session").length], [0, 1]);
});

test("a node that gives a session another id than that of its nonce is not believed", async () => {
  const { relay, host } = await opened({}, { nonces: true });
  relay.change = (message) =>
    message.type === "session_created" ? { ...message, session: { ...message.session, session_id: "x".repeat(22) } } : message;
  const opening = assert.rejects(host.open({ sealed: true }), { code: "tampered" });
  await relay.runs();
  await opening;
  assert.equal(host.sessions.size, 1);
});

test("a node that opens another session than the forgotten one is not believed", async () => {
  const { relay, desk, host } = await pair();
  await relay.restarts();
  relay.change = (message) =>
    message.type === "session_created" ? { ...message, session: { ...message.session, session_id: "x".repeat(22) } } : message;
  await passes(relay, 5);
  assert.deepEqual([desk.over?.reason, host.sessions.size], ["lost", 0]);
});

test("a host asks again later if the node cannot open a session yet", async () => {
  const { relay, desk, phone } = await pair();
  await relay.restarts();
  relay.refusals = ["unavailable", "rate_limited", "limit_reached"];
  await passes(relay, 2);
  assert.deepEqual([desk.over, desk.peerOnline], [null, false]);
  await passes(relay, 60);
  assert.equal(relay.said("create_session").length, 1 + 4);
  await talk(relay, desk, phone);
});

test("a session that the node does not open again is over", async () => {
  const { relay, desk } = await pair();
  await relay.restarts();
  relay.refusals = ["not_allowed"];
  await passes(relay, 10);
  assert.equal(desk.over.reason, "lost");
  assert.doesNotMatch(stored(), /nonce/);
});

test("a session whose opening was not answered is known when the host comes back", async () => {
  const { relay, desk, phone } = await pair();
  await relay.restarts();
  relay.change = (message) => (message.type === "session_created" ? null : message);
  await pass(1_000);
  await relay.runs();
  relay.change = (message) => message;
  await relay.loses("host");
  await passes(relay, 20);
  assert.deepEqual([desk.over, relay.said("create_session").length], [null, 2]);
  await talk(relay, desk, phone);
  // So if the node does not know it the next time, it was closed.
  await relay.loses("host");
  relay.isKnown = false;
  await passes(relay, 5);
  assert.deepEqual([desk.over?.reason, relay.said("create_session").length], ["lost", 2]);
});

test("an approval that the node passed on and did not confirm counts, and nothing is lost", async () => {
  const { relay, desk, phone, prompt } = await asked({}, { nonces: true });
  relay.change = (message, to) => (to === "host" && message.type === "pair_result" ? null : message);
  const approving = assert.rejects(prompt.approve(phone.code), { code: "connection_lost" });
  await relay.runs();
  await relay.restarts();
  await approving;
  relay.change = (message) => message;
  const [deskHeard, phoneHeard] = [recorded(desk), recorded(phone)];
  phone.send("at once");
  relay.isDeaf = true;
  await passes(relay, 5);
  assert.equal(desk.status, "approved");
  relay.isDeaf = false;
  await passes(relay, 10);
  assert.deepEqual([desk.status, deskHeard.signals, deskHeard.notices, phoneHeard.notices], ["approved", ["at once"], [], []]);
  await talk(relay, desk, phone);
});

test("the host knows meanwhile that the guest is away, and who it is", async () => {
  const { relay, desk, phone } = await pair();
  phone.leave();
  const told = [];
  desk.onpresence = ({ online }) => told.push(online);
  desk.onlink = () => told.push("link");
  await relay.restarts();
  await passes(relay, 5);
  assert.deepEqual([desk.status, desk.peerOnline, desk.deviceInfo?.name, desk.link === null], ["approved", false, "Phone", false]);
  assert.deepEqual(told, [false]);
});

test("a secret whose time is over while the page was closed opens nothing", async () => {
  const { relay, host } = await pair({ type: "temporary", ttl: 100 });
  host.leave();
  await relay.restarts();
  await passes(relay, 101);
  const again = new Host("http://node", { rtc: false });
  await relay.runs();
  assert.deepEqual([again.sessions.size, relay.said("create_session").length], [0, 1]);
});

test("a session that the node does not open again after a reload leaves nothing behind", async () => {
  const { relay, host, phone } = await pair();
  host.leave();
  phone.leave();
  await relay.restarts();
  relay.refusals = ["not_allowed"];
  new Host("http://node", { rtc: false });
  await relay.runs();
  assert.doesNotMatch(stored(), /nonce/);
});

test("an echo that was lost is not waited for for ever", async () => {
  const { relay, desk, phone } = await pair();
  await relay.restarts();
  relay.change = (message) => (message.type === "signal" ? null : message);
  await passes(relay, 5);
  relay.change = (message) => message;
  await passes(relay, 15);
  await talk(relay, desk, phone);
});

test("the host begins no epoch of its own before the guest has answered", async () => {
  const { relay } = await pair();
  await relay.restarts();
  let hellos = 0;
  relay.change = (message, to) => {
    if (message.type === "signal" && to === "guest") hellos += 1;
    return message.type === "signal" ? null : message;
  };
  await passes(relay, 5);
  assert.deepEqual([relay.info.status, hellos], ["approved", 0]);
});

test("a request for a session that was opened again, and that does not open, is declined", async () => {
  const { relay, desk, deskHeard } = await pair();
  await relay.restarts();
  relay.isDeaf = true;
  await passes(relay, 3);
  const device_info = { name: "x", id: "y" };
  await relay.tells("host", { type: "pair_prompt", session_id: desk.id, device_info, expires_in: 40, seal: `Ag${"A".repeat(160)}` });
  await relay.runs();
  assert.deepEqual(deskHeard.notices, ["does_not_open"]);
  assert.equal(relay.said("pair_decision").at(-1).approve, false);
});
