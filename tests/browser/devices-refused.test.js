// Which devices are not known, or not any more, by the SDK in Chromium, with a real node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { acquaintances, theyPart } from "./lib/acquainted.js";
import { world } from "./lib/world.js";

const here = world();
const { acquainted, copied, guest, host } = acquaintances(here);
const DAY = 86_400_000;

test("a copied storage is found out at its first double use, and both are told", async () => {
  const { desk, phone } = await acquainted({ name: "My phone" }, { isPlain: true });
  await theyPart(desk, phone);
  const thief = await copied(phone);
  assert.equal(await thief.visits(), null);
  await desk.welcomes();
  await thief.connects();
  await theyPart(desk, thief);
  assert.equal(await phone.visits(), null);
  assert.equal(await phone.ends(), "copied");
  await desk.hears("My phone: copied");
  assert.deepEqual([await desk.devices(), await phone.grants()], [[], []]);
  await desk.hasNoSessions();
  // The other one hears nothing of it: for it the host is not reachable.
  assert.equal(await thief.visits(), "token_used");
  assert.equal((await thief.grants()).length, 1);
});

test("a copied storage is found out if the copy has only listened", async () => {
  const { desk, phone } = await acquainted({ name: "My phone", policy: "auto" }, { isPlain: true });
  await theyPart(desk, phone);
  const thief = await copied(phone);
  await thief.does(async () => {
    const [grant] = await globalThis.sdk.grants();
    const guest = (globalThis.guest = new globalThis.sdk.Guest(grant, { name: "Phone", rtc: false }));
    guest.onsignal = ({ data }) => globalThis.heard.push(data);
    await guest.ask();
    await guest.approved;
  });
  await desk.does(async () => {
    const { session } = await globalThis.until(() => globalThis.visits[0]);
    await session.approved;
    session.send("welcome back");
  });
  await thief.hears("welcome back");
  await theyPart(desk, thief);
  assert.equal(await phone.visits(), null);
  assert.equal(await phone.ends(), "copied");
});

test("a device that is forgotten while it visits hears so, and is a stranger then", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await phone.visits();
  await desk.welcomes();
  await phone.connects();
  const [{ id }] = await desk.devices();
  await desk.does((id) => globalThis.host.forget(id), id);
  assert.equal(await phone.ends(), "forgotten");
  await phone.hears("forgotten");
  assert.deepEqual([await desk.devices(), await phone.grants()], [[], []]);
  await desk.hasNoSessions();
});

test("a device that is forgotten while it asks, or while it is still there after its first pairing, hears so", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await phone.visits();
  await desk.does(() => globalThis.until(() => globalThis.visits[0]?.prompt));
  await desk.does(() => globalThis.host.forgetAll());
  assert.equal(await phone.ends(), "forgotten");
  assert.deepEqual(await phone.grants(), []);
  await desk.remembers(await phone.asks(await desk.opens()));
  await phone.connects();
  assert.equal((await phone.grants()).length, 1);
  await phone.does(() => (globalThis.guest.onnotice = ({ notice }) => globalThis.heard.push(notice)));
  await desk.does(() => globalThis.host.forgetAll());
  await phone.hears("forgotten");
  await phone.does(() => globalThis.until(async () => (await globalThis.sdk.grants()).length === 0));
  // That connection goes on.
  assert.equal(await phone.does(() => globalThis.guest.over), null);
});

test("a host that does not know a device does not have it say that it was forgotten", async () => {
  const [desk, phone] = [await host(), await guest()];
  const code = await phone.asks(await desk.opens());
  await phone.does(() => {
    globalThis.guest.onsignal = ({ data }) => globalThis.heard.push(JSON.stringify(data));
    globalThis.guest.onnotice = ({ notice }) => globalThis.heard.push(notice);
  });
  await desk.does(async (code) => {
    await (await globalThis.until(() => globalThis.session.prompt)).approve(code);
    globalThis.session.send({ known: { gone: "forgotten" } });
    globalThis.session.send("after");
  }, code);
  await phone.hears('"after"');
  assert.deepEqual(await phone.does(() => globalThis.heard), ['{"known":{"gone":"forgotten"}}', '"after"']);
});

test("a device that is forgotten while it is away finds nobody, and keeps its grant", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  await desk.does(() => globalThis.host.forgetAll());
  await desk.hasNoSessions();
  assert.equal(await phone.visits(), "session_ended");
  assert.equal((await phone.grants()).length, 1);
  const [grant] = await phone.grants();
  await phone.does((grant) => globalThis.sdk.forgetGrant(grant), grant);
  assert.deepEqual(await phone.grants(), []);
});

test("a wrong number remembers nothing", async () => {
  const desk = await host();
  const phone = await guest();
  const code = Number(await phone.asks(await desk.opens()));
  await assert.rejects(desk.remembers(String(code === 999 ? 998 : code + 1)), /another number/);
  assert.deepEqual([await desk.devices(), await phone.grants()], [[], []]);
  await desk.hasNoSessions();
});

test("a name or a time that is not allowed, and a guest that does not want it, are not remembered, and the prompt stays", async () => {
  const desk = await host();
  const phone = await guest();
  const code = await phone.asks(await desk.opens());
  for (const remember of [{ name: "\u202e" }, { name: "n".repeat(65) }, { name: "x", days: 91 }, { name: "x", days: 0 }]) {
    await assert.rejects(desk.remembers(code, remember), /the name has|90 days/);
  }
  await desk.remembers(code);
  const link = await desk.opens();
  const other = await phone.does(async (link) => {
    const guest = (globalThis.guest = new globalThis.sdk.Guest(link, { nodeUrl: location.origin, canBeRemembered: false }));
    await guest.ask();
    return globalThis.until(() => guest.code);
  }, link);
  await assert.rejects(desk.remembers(other), /does not allow to remember/);
  await desk.does((code) => globalThis.session.prompt.approve(code), other);
});

test("another device that has only the link is declined, and revokes nothing", async () => {
  const { desk, phone } = await acquainted({ name: "My phone" }, { isPlain: true });
  await theyPart(desk, phone);
  const thief = await copied(phone);
  await thief.does(async () => {
    const { publicKeyOf } = await import("/sdk/seal/ed25519.js");
    const own = crypto.getRandomValues(new Uint8Array(32));
    globalThis.store((await globalThis.stored()).map((grant) => ({ ...grant, key: { private: own, public: publicKeyOf(own) } })));
  });
  assert.equal(await thief.visits(), null);
  assert.equal(await thief.ends(), "rejected");
  await desk.hears("My phone: stranger");
  assert.equal((await thief.grants()).length, 1);
  await desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 0));
  assert.equal(await phone.visits(), null);
  await desk.welcomes();
  await phone.connects();
});

test("a device whose time is over hears so, and is forgotten", async () => {
  const { desk, phone } = await acquainted({ name: "My phone", days: 1 });
  await theyPart(desk, phone);
  await desk.page.clock.setSystemTime(Date.now() + 2 * DAY);
  assert.equal(await phone.visits(), null);
  assert.equal(await phone.ends(), "expired");
  await desk.hears("My phone: expired");
  assert.deepEqual([await desk.devices(), await phone.grants()], [[], []]);
});

test("a clock that is wrong for a moment costs neither side what it knows; 30 days after its end that is removed", async () => {
  const { desk, phone } = await acquainted({ name: "My phone", days: 30 });
  await theyPart(desk, phone);
  const now = Date.now();
  const at = async (days) => {
    // A node that has the session of the device would keep it open; a page that is left open would open it again.
    await desk.page.goto("about:blank");
    await here.node.restart();
    for (const { page } of [desk, phone]) await page.clock.setSystemTime(now + days * DAY);
    await desk.reloads();
  };
  const known = async () => [(await desk.devices()).length, (await phone.grants()).length];
  await at(40);
  await desk.hears("My phone: expired");
  assert.deepEqual(await known(), [0, 0]);
  await at(41);
  assert.deepEqual(await desk.does(() => globalThis.heard), []);
  await at(0);
  assert.deepEqual(await known(), [1, 1]);
  assert.equal(await phone.visits(), null);
  await desk.welcomes();
  await phone.connects();
  await theyPart(desk, phone);
  await at(61);
  assert.deepEqual(await known(), [0, 0]);
  assert.deepEqual(await phone.does(() => globalThis.stored()), []);
  await desk.does(() => globalThis.until(() => Object.keys(localStorage).every((name) => !/^proxim.devices/.test(name) || localStorage[name] === "[]")));
});

test("no script can read the key of a device where the browser itself signs", async () => {
  const { phone } = await acquainted();
  const [isThere, error] = await phone.does(async () => {
    const [{ key }] = await globalThis.stored();
    return [key.private instanceof CryptoKey, await crypto.subtle.exportKey("pkcs8", key.private).catch(({ name }) => name)];
  });
  assert.deepEqual([isThere, error], [true, "InvalidAccessError"]);
});

test("a host with seats, and one of an older node, remembers no devices, and says so before the approval", async () => {
  const older = await here.context();
  await older.addInitScript(() => {
    const { parse } = JSON;
    JSON.parse = (...args) => {
      const value = parse(...args);
      if (value?.type === "welcome") value.features = value.features.filter((each) => each !== "link_ttl");
      return value;
    };
  });
  for (const [context, options] of [[await here.context(), { seats: [] }], [older, {}]]) {
    const desk = await host(context, options);
    const phone = await guest();
    const code = await phone.asks(await desk.opens());
    assert.equal(await desk.does(async () => (await globalThis.until(() => globalThis.session.prompt)).canRemember), false);
    await assert.rejects(desk.remembers(code), /does not allow to remember/);
    await desk.does((code) => globalThis.session.prompt.approve(code), code);
    await phone.connects();
    assert.deepEqual(await desk.devices(), []);
  }
});

test("the third request after two denials is silent, for each known device and for all unknown ones", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  const silent = async (act) => {
    const told = [];
    for (let count = 0; count < 3; count += 1) {
      told.push(await act());
      await phone.ends();
      await desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 0));
    }
    return told;
  };
  const known = await silent(async () => {
    await phone.visits();
    return desk.does(async () => {
      const { prompt } = await globalThis.until(() => globalThis.visits.find(({ session, prompt }) => prompt && session.prompt === prompt));
      await prompt.decline();
      return prompt.isSilent;
    });
  });
  const unknown = await silent(async () => {
    await phone.asks(await desk.opens());
    return desk.does(async () => {
      const prompt = await globalThis.until(() => globalThis.session.prompt);
      await prompt.decline();
      return prompt.isSilent;
    });
  });
  assert.deepEqual([known, unknown], [[false, false, true], [false, false, true]]);
});

test("a device that was declined twice is silent by another link with the same key, and another device is not", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    const generateKey = crypto.subtle.generateKey.bind(crypto.subtle);
    let made = null;
    crypto.subtle.generateKey = (...args) => (made ??= generateKey(...args));
  });
  const [desk, phone] = [await host(), await guest(context)];
  await desk.remembers(await phone.asks(await desk.opens()));
  await phone.connects();
  await theyPart(desk, phone);
  const declined = () =>
    desk.does(async () => {
      const { prompt } = await globalThis.until(() => [...globalThis.host.sessions.values()].find(({ prompt }) => prompt));
      await prompt.decline();
      await globalThis.until(() => globalThis.host.sessions.size === 0);
      return prompt.isSilent;
    });
  const told = [];
  for (let count = 0; count < 2; count += 1) {
    await phone.visits();
    told.push(await declined());
    await phone.ends();
  }
  await phone.asks(await desk.opens());
  told.push(await declined());
  await phone.ends();
  const other = await guest();
  await other.asks(await desk.opens());
  told.push(await declined());
  assert.deepEqual(told, [false, false, true, false]);
});

test("a visit ends with the time of its device, and a node may shorten that time", async () => {
  const { desk, phone } = await acquainted({ name: "My phone", days: 1 });
  await theyPart(desk, phone);
  await desk.page.clock.install();
  await desk.page.clock.resume();
  await phone.visits();
  await desk.welcomes();
  await phone.connects();
  await desk.page.clock.fastForward(DAY + 60_000);
  await desk.hears("My phone: expired");
  assert.equal(await desk.does(() => globalThis.visits[0].session.over.reason), "expired");
  assert.equal(await phone.ends(), "closed");
  assert.deepEqual(await desk.devices(), []);
  await desk.hasNoSessions();
  await here.node.restart("--max-link-ttl", "3600");
  const { desk: other, phone: late } = await acquainted({ name: "My phone", days: 30 });
  const [device] = await other.devices();
  const [grant] = await late.grants();
  for (const { since, end } of [device, grant]) assert.ok(end - since > 3_000_000 && end - since < 3_700_000, `${end - since}`);
  await here.node.restart();
});
