// Sealed sessions of the SDK over reloads, lost connections and renewed links, and what it stores.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host, guestAt, remembered } from "../../../proxim/web/proxim.js";
import "../../../proxim/web/sdk/seal/index.js";
import "../../../proxim/web/sdk/seal/qr.js";
import { FakeSocket, freshBrowser, ID, pass, settle } from "./fakes.js";
import { asked, opened, paired, recorded, stored, talk, uuid } from "./relay.js";

beforeEach(freshBrowser);

test("a guest comes back after a reload, by its secret alone", async () => {
  const { relay, desk, phone } = await paired();
  phone.leave();
  await relay.loses("guest");
  const [seat] = remembered();
  assert.deepEqual(Object.keys(seat.seal).sort(), ["hostName", "link", "name", "secret", "type", "until"]);
  const deskHeard = recorded(desk);
  desk.send("while the phone is away");
  const again = new Guest(seat, { rtc: false });
  const heard = recorded(again);
  again.resume();
  await relay.runs();
  assert.ok(again.sealed);
  assert.equal(again.hostName, "Desk");
  assert.deepEqual([heard.signals, heard.notices, deskHeard.notices], [["while the phone is away"], [], []]);
  await talk(relay, desk, again);
});

test("a guest whose connection is lost before the reply sends the same request again, five times", async () => {
  const { desk, relay } = await opened();
  const guest = new Guest(desk.link, { rtc: false });
  const asking = guest.ask();
  asking.catch(() => {});
  relay.change = (message) => (message.type === "pair_pending" ? null : message);
  for (let count = 1; count <= 6; count += 1) {
    await relay.runs();
    assert.equal(relay.said("pair_request").length, count);
    await relay.loses("guest");
    await pass(10_000);
  }
  await relay.runs();
  const seals = relay.said("pair_request").map(({ token, seal }) => `${token} ${seal}`);
  assert.deepEqual([seals.length, new Set(seals).size], [6, 1]);
  await assert.rejects(asking, { code: "connection_lost" });
});

test("a browser that scans a code again comes back to its seat, before and after the approval", async () => {
  const { relay, link, desk, phone, prompt } = await asked();
  for (const isApproved of [false, true]) {
    if (isApproved) await Promise.all([prompt.approve(phone.code), relay.runs()]);
    const again = guestAt(link, { rtc: false });
    again.ask();
    await relay.runs();
    assert.equal(again.status, isApproved ? "approved" : "pending");
    assert.equal(relay.said("pair_request").length, 1);
    if (isApproved) await talk(relay, desk, again);
  }
});

for (const isSealed of [true, false]) {
  const kind = isSealed ? "sealed" : "plain";
  test(`a sealed link with the id of an earlier ${kind} session leads to no seat of that`, async () => {
    const { link } = (await opened()).desk;
    freshBrowser();
    await paired();
    const name = "proxim.guest.http://node";
    const seats = JSON.parse(globalThis.localStorage.getItem(name));
    if (!isSealed) delete seats[ID].seal;
    for (const each of ["localStorage", "sessionStorage"]) globalThis[each].setItem(name, JSON.stringify(seats));
    const sockets = FakeSocket.all.length;
    assert.throws(() => guestAt(link), { code: "tampered", sessionId: ID });
    assert.deepEqual([FakeSocket.all.length, remembered().length], [sockets, 1]);
  });
}

test("a host comes back after a reload", async () => {
  const { relay, host, phone } = await paired();
  host.leave();
  await relay.loses("host");
  phone.send("while the desk is away");
  const again = new Host("http://node", { rtc: false });
  const heard = [];
  again.onsession = ({ session }) => (session.onsignal = ({ data }) => heard.push(data));
  await relay.runs();
  const desk = again.sessions.get(ID);
  assert.deepEqual([desk.sealed, desk.deviceInfo.name, desk.status], [true, "Phone", "approved"]);
  assert.deepEqual(heard, ["while the desk is away"]);
  await talk(relay, desk, phone);
});

test("a guest is told the name that its session was opened with, also after a reload and beside another session", async () => {
  const { relay, host, desk } = await opened({ hostName: "Work laptop" });
  relay.change = (message) => (message.type === "session_created" ? null : message);
  host.open({ sealed: true, hostName: "Another" }).catch(() => {});
  await relay.runs();
  const { link } = desk;
  host.leave();
  await relay.loses("host");
  const again = new Host("http://node", { rtc: false });
  let prompt = null;
  again.onsession = ({ session }) => (session.onprompt = (event) => (prompt = event));
  await relay.runs();
  const phone = new Guest(link, { rtc: false, name: "Phone" });
  phone.ask().catch(() => {});
  await relay.runs();
  await Promise.all([prompt.approve(phone.code), relay.runs()]);
  assert.equal(phone.hostName, "Work laptop");
});

test("both come back after their connections broke, and nothing is lost", async () => {
  const { relay, desk, phone, deskHeard, phoneHeard } = await paired();
  await relay.loses("host");
  desk.send(1);
  phone.send(2);
  await relay.loses("guest");
  phone.send(3);
  await pass(2_000);
  await relay.runs();
  assert.deepEqual([deskHeard.signals, phoneHeard.signals], [[2, 3], [1]]);
  assert.deepEqual([deskHeard.notices, phoneHeard.notices], [[], []]);
});

test("both come back at one moment, each told that the other is offline, and do not wait", async () => {
  const { relay, desk, phone, deskHeard, phoneHeard } = await paired();
  await relay.loses("host");
  await relay.loses("guest");
  desk.send(1);
  phone.send(2);
  relay.change = (message) => {
    const sessions = message.sessions?.map((info) => ({ ...info, guest_online: false }));
    return message.type === "peer_online" ? null : { ...message, ...(sessions ? { sessions } : { host_online: false }) };
  };
  await pass(2_000);
  await relay.runs();
  relay.change = (message) => message;
  for (const side of ["host", "guest"]) await relay.tells(side, { type: "peer_online", session_id: ID });
  await relay.runs();
  assert.deepEqual([deskHeard.signals, phoneHeard.signals], [[2], [1]]);
  assert.deepEqual([deskHeard.notices, phoneHeard.notices], [[], []]);
});

test("what the node kept from before a reload opens for nobody", async () => {
  const { relay, desk, phone } = await paired();
  desk.send("old");
  await relay.runs();
  const { data } = relay.said("signal").at(-1);
  phone.leave();
  await relay.loses("guest");
  const again = new Guest(remembered()[0], { rtc: false });
  const heard = recorded(again);
  again.resume();
  await relay.runs();
  await relay.tells("guest", { type: "signal", session_id: ID, data });
  assert.deepEqual([heard.signals, heard.notices], [[], ["before"]]);
});

test("a hello that is lost is sent again after ten seconds", async () => {
  const { relay, desk, phone } = await paired();
  await relay.loses("guest");
  relay.change = (message) => (message.type === "signal" ? null : message);
  await pass(2_000);
  await relay.runs();
  const sent = relay.said("signal").length;
  relay.change = (message) => message;
  await pass(9_000);
  await relay.runs();
  assert.equal(relay.said("signal").length, sent);
  await pass(1_100);
  await relay.runs();
  await talk(relay, desk, phone);
});

test("the guest ends a temporary session by its own clock", async () => {
  const { phone, relay } = await paired({ type: "temporary", ttl: 3_600 });
  assert.equal(phone.type, "temporary");
  relay.change = () => null;
  await pass(3_590_000);
  assert.equal(phone.over, null);
  await pass(11_000);
  assert.deepEqual([phone.over.code, phone.over.reason], ["session_ended", "expired"]);
  assert.deepEqual(remembered(), []);
});

test("the secrets go when the session has ended", async () => {
  const { relay, desk } = await paired();
  assert.match(stored(), /secret/);
  const closing = desk.close();
  await relay.runs();
  await closing;
  assert.doesNotMatch(stored(), /secret|seal|private/);
});

test("the secrets of a session that ended while the page was closed go, too", async () => {
  for (const isListed of [true, false]) {
    freshBrowser();
    const { relay, host } = await opened();
    host.leave();
    await relay.loses("host");
    relay.isKnown = isListed;
    relay.info = { ...relay.info, status: "expired", reason: "closed" };
    assert.match(stored(), /private/);
    new Host("http://node", { rtc: false });
    await relay.runs();
    assert.equal(stored(), "");
  }
});

test("the secrets of a one-time session are not shared with other tabs", async () => {
  await asked({ type: "one_time" });
  assert.equal(globalThis.localStorage.getItem("proxim.guest.http://node"), null);
  assert.match(globalThis.sessionStorage.getItem("proxim.guest.http://node"), /private/);
});

test("a page that is reloaded before the answer to its request sends the same again", async () => {
  const { relay, desk } = await opened();
  relay.change = (message) => (message.type === "pair_pending" ? null : message);
  const first = new Guest(desk.link, { rtc: false, name: "Phone" });
  first.ask().catch(() => {});
  await relay.runs();
  first.leave();
  await relay.loses("guest");
  relay.change = (message) => message;
  const again = new Guest(desk.link, { rtc: false, name: "Other" });
  again.ask();
  await relay.runs();
  const [one, two] = relay.said("pair_request");
  assert.equal(one.seal, two.seal);
  assert.match(again.code, /^\d{3}$/);
});

test("two pages that have the keys of one request seal nothing with the same key and number", async () => {
  const { relay, phone, prompt, deskHeard } = await askedTwice();
  const { again } = relay;
  await Promise.all([prompt.approve(phone.code), relay.runs()]);
  again.send("from the second page");
  await relay.runs();
  assert.deepEqual(deskHeard.signals, ["from the second page"]);
  // A hostile node leaves the first page connected, and tells it of the approval, too.
  const { device_info } = relay.info;
  const result = { type: "pair_result", session_id: ID, status: "approved", device_info, seal: relay.answer, ice_servers: [] };
  await relay.first.hears(result);
  phone.send("from the first page");
  await relay.runs();
  const sealed = relay.said("signal").filter(({ data }) => data.c);
  assert.equal(sealed.length, 2);
  assert.equal(new Set(sealed.map(({ data: { e, n } }) => `${e} ${n}`)).size, 2);
});

/** Return both sides once the host has the prompt, and the guest has come back in a second page. */
async function askedTwice() {
  const all = await asked();
  all.relay.first = FakeSocket.last;
  all.relay.again = new Guest(remembered()[0], { rtc: false });
  all.relay.again.resume();
  await all.relay.runs();
  return { ...all, deskHeard: recorded(all.desk) };
}

test("a host that is reloaded before its answer has the same prompt and the same number", async () => {
  const { relay, host, phone } = await asked();
  const { code } = phone;
  host.leave();
  await relay.loses("host");
  const again = new Host("http://node", { rtc: false });
  let prompt = null;
  again.onsession = ({ session }) => (session.onprompt = (event) => (prompt = event));
  await relay.runs();
  assert.equal(prompt.deviceInfo.name, "Phone");
  const acks = relay.said("pair_ack").map(({ seal }) => seal);
  assert.equal(acks[0], acks[1]);
  const approving = prompt.approve(code);
  await relay.runs();
  await approving;
  await talk(relay, again.sessions.get(ID), phone);
});

test("a decision that the node did not hear is sent again", async () => {
  const { relay, desk, phone, prompt } = await asked();
  const lost = assert.rejects(prompt.approve(phone.code), { code: "connection_lost" });
  await settle();
  await relay.loses("host");
  await lost;
  await pass(2_000);
  await relay.runs();
  await phone.approved;
  await talk(relay, desk, phone);
});

test("a prompt for a link of another browser is not answered, and the host says so", async () => {
  const { relay, host } = await asked();
  host.leave();
  await relay.loses("host");
  globalThis.localStorage.removeItem(`proxim.seal.http://node.${uuid()}`);
  const again = new Host("http://node", { rtc: false });
  const notices = [];
  again.onsession = ({ session }) => (session.onnotice = ({ notice }) => notices.push(notice));
  await relay.runs();
  assert.deepEqual(notices, ["elsewhere"]);
  assert.equal(again.sessions.get(ID).sealed, true);
  assert.equal(relay.said("pair_decision").length, 0);
});

test("another browser of the owner can renew the link, and answers then", async () => {
  const { relay, host } = await opened();
  host.leave();
  await relay.loses("host");
  globalThis.localStorage.removeItem(`proxim.seal.http://node.${uuid()}`);
  const again = new Host("http://node", { rtc: false });
  await relay.runs();
  const session = again.sessions.get(ID);
  assert.equal(session.link, null);
  const renewing = session.renew();
  await relay.runs();
  await renewing;
  let asks = false;
  session.onprompt = () => (asks = true);
  new Guest(session.link, { rtc: false }).ask();
  await relay.runs();
  assert.ok(asks);
});

test("a renewed link replaces the one before, and both work while the answer is lost", async () => {
  for (const isLost of [false, true]) {
    freshBrowser();
    const { relay, desk } = await opened();
    const old = desk.link;
    let asks = false;
    desk.onprompt = () => (asks = true);
    if (isLost) relay.change = (message) => (message.type === "link_renewed" ? null : message);
    const renewing = desk.renew();
    await relay.runs();
    if (!isLost) await renewing;
    assert.equal(desk.link === old, isLost);
    assert.equal(relay.said("renew_link").length, 1);
    new Guest(old, { rtc: false }).ask();
    await relay.runs();
    assert.equal(asks, isLost);
  }
});
