// Known devices come back, by the SDK in Chromium, with a real node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { acquaintances, theyPart } from "./lib/acquainted.js";
import { world } from "./lib/world.js";

const here = world();
const { acquainted, guest, host } = acquaintances(here);
const DAY = 86_400_000;

test("a phone comes back the next day with one tap, through a node that was killed", async () => {
  for (const isPlain of [false, true]) {
    const { desk, phone } = await acquainted({ name: "My phone" }, { isPlain });
    const [device] = await desk.devices();
    assert.deepEqual([device.name, device.policy, (await desk.devices()).length], ["My phone", "ask", 1]);
    const [grant] = await phone.grants();
    assert.equal(grant.sessionId, device.id);
    await here.node.crash();
    for (const side of [desk, phone]) {
      await side.page.clock.setSystemTime(Date.now() + DAY);
      await side.load();
    }
    await desk.starts();
    assert.equal(await phone.visits(), null);
    assert.equal(await phone.does(() => globalThis.guest.code), null);
    await desk.welcomes();
    await phone.connects();
    const [visit] = await desk.does(() => globalThis.visits.map(({ device, session }) => ({ name: device.name, id: session.id, info: session.deviceInfo })));
    assert.deepEqual([visit.name, visit.id, visit.info.name], ["My phone", device.id, "My phone"]);
    await phone.does(() => globalThis.guest.send("hello again"));
    await desk.hears("hello again");
    await theyPart(desk, phone);
    // And again at once.
    assert.equal(await phone.visits(), null);
    await desk.welcomes();
    await phone.connects();
    await theyPart(desk, phone);
  }
});

test("a host that is away is not reachable now, and the grant stays", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await desk.does(() => globalThis.host.leave());
  assert.equal(await phone.visits(), "host_offline");
  await here.node.crash();
  assert.equal(await phone.visits(), "unknown_session");
  assert.equal((await phone.grants()).length, 1);
  await desk.reloads();
  assert.equal(await phone.visits(), null);
  await desk.welcomes();
  await phone.connects();
});

test("an unanswered or declined prompt, a lost answer and a second tab are no copy", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  const ends = async () => desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 0));
  // Declined.
  await phone.visits();
  await desk.does(async () => (await globalThis.until(() => globalThis.visits.at(-1)?.prompt)).decline());
  assert.equal(await phone.ends(), "rejected");
  await ends();
  // Cancelled.
  await phone.visits();
  await desk.does(() => globalThis.until(() => globalThis.visits.at(-1)?.prompt && globalThis.visits.length === 2));
  await phone.does(() => globalThis.guest.close());
  await ends();
  // The phone loses its page, and its seat with it, before it has the answer.
  await phone.visits();
  await desk.does(() => globalThis.until(() => globalThis.visits.length === 3 && globalThis.visits[2].prompt));
  await phone.does(() => globalThis.localStorage.clear());
  await phone.does(() => globalThis.sessionStorage.clear());
  await phone.load();
  await desk.welcomes();
  assert.equal(await phone.visits(), "token_used");
  await desk.does(() => globalThis.visits[2].session.close());
  await ends();
  // A second tab, in vain.
  assert.equal(await phone.visits(), null);
  const tab = await guest(phone.page.context());
  await tab.does(() => globalThis.localStorage.clear());
  assert.equal(await tab.visits(), "token_used");
  await desk.welcomes();
  await phone.connects();
  await theyPart(desk, phone);
  assert.equal(await tab.visits(), null);
  await desk.welcomes();
  await tab.connects();
  assert.equal((await desk.devices()).length, 1);
  assert.deepEqual(await desk.does(() => globalThis.heard), []);
});

test("a device whose policy is auto comes without a question", async () => {
  const { desk, phone } = await acquainted({ name: "My phone", policy: "auto", days: 30 });
  await theyPart(desk, phone);
  assert.ok((await phone.grants())[0].isAuto);
  await phone.visits();
  await phone.connects();
  const [visit] = await desk.does(() => globalThis.visits.map(({ session, device, prompt }) => ({ status: session.status, device, prompt })));
  assert.deepEqual([visit.status, visit.prompt, visit.device.policy], ["approved", null, "auto"]);
  assert.ok(Math.abs(visit.device.end - visit.device.since - 30 * DAY) < 1_000);
});

test("a visit goes on after the node was killed, and after a reload of the host", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await phone.visits();
  await desk.welcomes();
  await phone.connects();
  const [{ id }] = await desk.devices();
  await here.node.crash();
  await desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 1 && [...globalThis.host.sessions.values()][0].peerOnline));
  await phone.does(() => globalThis.guest.send("after the restart"));
  await desk.hears("after the restart");
  await desk.reloads();
  const visits = await desk.does(() => globalThis.visits.map(({ session, device }) => [session.id, session.status, device.name]));
  assert.deepEqual(visits, [[id, "approved", "My phone"]]);
  await phone.does(() => globalThis.guest.send("after the reload"));
  await desk.hears("after the reload");
  await theyPart(desk, phone);
  assert.equal(await phone.visits(), null);
  await desk.welcomes();
  await phone.connects();
});

test("a phone that is loaded again in a visit takes its seat, and one that stays away loses it", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await phone.visits();
  await desk.welcomes();
  await phone.connects();
  await phone.load();
  assert.equal(await phone.visits(), null);
  await phone.connects();
  assert.equal(await desk.does(() => globalThis.visits.length), 1);
  await desk.page.clock.install();
  const away = desk.does(() => globalThis.until(() => !globalThis.visits[0].session.peerOnline));
  await phone.page.goto("about:blank");
  await desk.page.clock.resume();
  await away;
  await desk.page.clock.fastForward(121_000);
  await desk.does(() => globalThis.until(() => globalThis.visits[0].session.over));
  await phone.load();
  assert.equal(await phone.visits(), null);
  await desk.does(() => globalThis.until(() => globalThis.visits.length === 2));
  await desk.welcomes();
  await phone.connects();
});

test("a person can rename a device, and a program can store the devices itself", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  const [{ id }] = await desk.devices();
  await desk.does((id) => Promise.all([globalThis.host.rename(id, "Work phone"), globalThis.host.takeFiles(id, true)]), id);
  const [device] = await desk.devices();
  assert.deepEqual([device.name, device.takesFiles], ["Work phone", true]);
  await assert.rejects(desk.does((id) => globalThis.host.rename(id, ""), id), /no visible character/);
  await assert.rejects(desk.does(() => globalThis.host.rename("x", "y")), /does not know/);
  // The same owner, with a store of its own.
  const names = await desk.does(async () => {
    const name = Object.keys(localStorage).find((each) => each.startsWith("proxim.devices."));
    const saved = JSON.parse(localStorage.getItem(name));
    localStorage.removeItem(name);
    globalThis.host.leave();
    const kept = { devices: saved };
    const store = { load: async () => kept.devices, save: async (devices) => void (kept.devices = devices) };
    const host = (globalThis.host = new globalThis.sdk.Host(undefined, { devices: store }));
    await host.ready;
    await host.rename((await host.devices())[0].id, "Stored phone");
    return kept.devices.map(({ name }) => name);
  });
  assert.deepEqual(names, ["Stored phone"]);
});

test("a browser that cannot store its next ticket leaves before it sends anything, and can come again", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await phone.visits();
  await phone.does(() => {
    const { put } = IDBObjectStore.prototype;
    globalThis.repair = () => (IDBObjectStore.prototype.put = put);
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await desk.welcomes();
  assert.equal(await phone.does(async () => (await globalThis.guest.ended).code), "connection_lost");
  await phone.does(() => globalThis.repair());
  await phone.does(() => globalThis.localStorage.clear());
  await desk.does(() => globalThis.visits[0].session.close());
  await desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 0));
  assert.equal(await phone.visits(), null);
  await desk.welcomes();
  await phone.connects();
  assert.deepEqual(await desk.does(() => globalThis.heard), []);
});

test("a device comes to the tab that was opened last, and to that alone", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  const later = await host(desk.page.context());
  assert.equal(await phone.visits(), null);
  await later.welcomes();
  await phone.connects();
  assert.deepEqual(await desk.does(() => globalThis.visits), []);
  await theyPart(later, phone);
  assert.equal(await phone.visits(), null);
  await later.welcomes();
  await phone.connects();
});

test("a device that waits for the answer while the host is loaded again, or the node is killed, is no replay", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await phone.visits();
  await desk.does(() => globalThis.until(() => globalThis.visits[0]?.prompt));
  await desk.reloads();
  await desk.welcomes();
  await phone.connects();
  await phone.does(() => globalThis.guest.send("after the reload"));
  await desk.hears("after the reload");
  await theyPart(desk, phone);
  await phone.visits();
  await desk.does(() => globalThis.until(() => globalThis.visits.find(({ session, prompt }) => prompt && session.prompt === prompt)));
  await here.node.crash();
  assert.equal(await phone.ends(), "lost");
  await desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 0));
  // The node has its session again.
  await desk.does(() => globalThis.until(async () => (await globalThis.host.list()).length === 1));
  assert.equal(await phone.visits(), null);
  await desk.welcomes();
  await phone.connects();
  assert.deepEqual(await desk.does(() => globalThis.heard), ["after the reload"]);
});

test("a device whose policy is auto is let in by a host that was loaded again meanwhile", async () => {
  const { desk, phone } = await acquainted({ name: "My phone", policy: "auto" });
  await theyPart(desk, phone);
  await desk.page.goto("about:blank");
  assert.equal(await phone.visits(), "host_offline");
  await desk.reloads();
  await phone.visits();
  await phone.connects();
  await desk.reloads();
  const visits = await desk.does(() => globalThis.visits.map(({ session }) => session.status));
  assert.deepEqual(visits, ["approved"]);
});
