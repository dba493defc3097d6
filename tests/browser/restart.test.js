// A node that is killed and keeps nothing on disk: sealed connections go on under the same ids, others wait for a new guest.

import assert from "node:assert/strict";
import { test } from "node:test";
import { acquaintances } from "./lib/acquainted.js";
import { withoutSeal } from "./lib/plain.js";
import { world } from "./lib/world.js";

const here = world();
const { guest, host } = acquaintances(here);

/** Record what happens to the sessions and the data channels of a page, across all of its modules. */
function watch() {
  globalThis.happened = [];
  globalThis.pcs = [];
  const dispatch = EventTarget.prototype.dispatchEvent;
  EventTarget.prototype.dispatchEvent = function (event) {
    if (["disconnected", "over", "unreachable"].includes(event.type)) globalThis.happened.push(event.type);
    return dispatch.call(this, event);
  };
  const Real = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      globalThis.pcs.push(this);
    }
  };
}

/** Return a desktop and a phone that are connected, and are watched. */
async function pair(type) {
  const [wide, narrow] = [await here.context({ viewport: { width: 1280, height: 1000 } }), await here.context()];
  for (const context of [wide, narrow]) await context.addInitScript(watch);
  const desk = await here.desk(wide);
  await desk.opens(type);
  const phone = await here.phone(await desk.shows(), narrow);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  // The code that the page showed first has ended.
  for (const { page } of [desk, phone]) await page.evaluate(() => (globalThis.happened = []));
  return { desk, phone };
}

/** Return the ids of the sessions whose secrets a page has. */
const idsOf = ({ page }) =>
  page.evaluate(() => {
    const kept = Object.entries(globalThis.localStorage).filter(([name]) => /^proxim\.(seal|guest)\./.test(name));
    return kept.flatMap(([, value]) => Object.keys(JSON.parse(value)));
  });

async function theyTalk(desk, phone, words) {
  await phone.says(`${words} to the desk`);
  await desk.sees(`${words} to the desk`);
  await desk.says(`${words} to the phone`);
  await phone.sees(`${words} to the phone`);
}

/** Restart ICE at the desktop, which needs a signal to the phone and one back. */
async function restartsIce({ page }) {
  await page.evaluate(async () => {
    const pc = globalThis.pcs.at(-1);
    const name = ({ sdp }) => /^a=ice-ufrag:(.*)$/m.exec(sdp)[1].trim();
    const before = name(pc.remoteDescription);
    pc.restartIce();
    while (name(pc.remoteDescription) === before) await new Promise((resolve) => setTimeout(resolve, 50));
  });
}

test("a connection goes on after the node was killed, and its data channel does not stop", async () => {
  for (const type of ["persistent", "temporary"]) {
    const { desk, phone } = await pair(type);
    const ids = await idsOf(desk);
    await here.node.crash();
    await theyTalk(desk, phone, "meanwhile");
    await Promise.all([desk.isOnline(), phone.isOnline()]);
    await restartsIce(desk);
    await theyTalk(desk, phone, "afterwards");
    for (const { page } of [desk, phone]) {
      assert.deepEqual(await page.evaluate(() => [globalThis.happened, globalThis.pcs.length]), [[], 1]);
    }
    assert.deepEqual([await idsOf(desk), ids.length], [ids, 1]);
    // The node knows the session again: both find each other after a reload.
    await Promise.all([desk.page.reload(), phone.page.reload()]);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    await theyTalk(desk, phone, "after a reload");
    await desk.press("End connection");
  }
});

test("a phone that is loaded again waits for the desktop, and the connection goes on", async () => {
  const { desk, phone } = await pair("persistent");
  await desk.page.goto("about:blank");
  await here.node.crash();
  await phone.page.reload();
  await phone.sees("Waiting for the other device");
  await desk.page.goto(here.node.url);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "again");
});

test("a code that no device has used goes on after the node was killed", async () => {
  const desk = await here.desk();
  const link = await desk.opens("persistent");
  await here.node.crash(() => desk.isOffline());
  await desk.isOnline();
  await desk.hasCode();
  assert.equal(await desk.link(), link);
  const phone = await here.phone(link);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("a code that a device has used gives way to another after the node was killed", async () => {
  const desk = await here.desk();
  const link = await desk.opens("persistent");
  const phone = await here.phone(link);
  await phone.asksAndWaits();
  await desk.isAskedBy(/./);
  await here.node.crash();
  await phone.sees("The connection has ended");
  await desk.hasCode();
  assert.notEqual(await desk.link(), link);
});

test("the page shows a new code for a connection that is not sealed, whatever it did when the node was killed", async () => {
  const desk = await here.desk(await withoutSeal(await here.context({ viewport: { width: 1280, height: 1000 } })));
  const links = [await desk.opens("persistent")];
  const isForgotten = async () => {
    await here.node.crash();
    await desk.sees("The server does not know it any more, perhaps after a restart. This is a new code.");
    await desk.hasCode();
    links.push(await desk.link());
  };
  // While it waited.
  await isForgotten();
  // While the person was asked.
  const first = await here.phone(links.at(-1));
  await first.asksAndWaits();
  await desk.isAskedBy(/./);
  await isForgotten();
  await first.sees("The connection has ended");
  assert.equal(await desk.page.locator("#prompt[open]").count(), 0);
  // While a device was connected.
  const second = await here.phone(links.at(-1));
  await second.asksAndWaits("Second phone");
  await desk.approves(second);
  await Promise.all([desk.isConnected(), second.isConnected()]);
  await second.says("last words");
  await desk.sees("last words");
  await isForgotten();
  await second.sees("The connection has ended");
  await desk.ended("The server does not know it any more, perhaps after a restart.");
  await desk.page.locator(".bench.ended").getByText("The connection has ended.").waitFor();
  assert.equal(new Set(links).size, 4);
  const third = await here.phone(links.at(-1));
  await third.asksAndWaits("Third phone");
  await desk.approves(third);
  await third.isConnected();
  await theyTalk(desk, third, "again");
  assert.equal(await desk.page.locator(".bench.ended").getByText("again to").count(), 0);
  const titles = await desk.page.locator(".bench h2").allTextContents();
  assert.deepEqual(titles.map((title) => title.trim()), ["Connected to Third phone", "Second phone"]);
});

test("a session that is not sealed is opened again by the SDK, and another guest connects", async () => {
  for (const options of [{ type: "persistent" }, { type: "temporary", ttl: 600, confirm: "code" }]) {
    const desk = await host();
    /** Pair a guest by the link that there is, and let both speak over the channel. */
    const pairs = async () => {
      const phone = await guest();
      await phone.does(async (link) => {
        const guest = (globalThis.guest = new globalThis.sdk.Guest(link, { name: "Phone", nodeUrl: location.origin }));
        await guest.ask();
      }, await desk.does(() => globalThis.session.link));
      const code = await phone.does(() => globalThis.guest.code ?? undefined);
      await desk.does(async (code) => {
        const { session } = globalThis;
        await (await globalThis.until(() => session.prompt)).approve(code);
        globalThis.channel = await session.connected;
        globalThis.channel.onmessage = ({ data }) => globalThis.heard.push(data);
        globalThis.channel.send("hello phone");
      }, code);
      await phone.does(async () => {
        const channel = await globalThis.guest.connected;
        channel.onmessage = ({ data }) => globalThis.heard.push(data);
        channel.send("hello desk");
      });
      await desk.hears("hello desk");
      await phone.hears("hello phone");
      return phone;
    };
    await desk.does(async (options) => {
      const session = (globalThis.session = await globalThis.host.open(options));
      globalThis.told = [];
      for (const type of ["presence", "disconnected", "link", "over"]) session.addEventListener(type, () => globalThis.told.push(type));
    }, options);
    for (let count = 0; count < 2; count += 1) {
      const phone = await pairs();
      const before = await desk.does(() => {
        globalThis.told.length = 0;
        const { id, link, expiresAt } = globalThis.session;
        return { id, link, expiresAt };
      });
      await here.node.crash();
      assert.equal(await phone.ends(), "lost");
      await desk.does((link) => globalThis.until(() => globalThis.session.link !== link), before.link);
      const after = await desk.does(() => {
        const { session, told, channel, host } = globalThis;
        const { id, link, expiresAt, status } = session;
        return { id, link, expiresAt, status, told, channel: channel.readyState, ids: [...host.sessions.keys()] };
      });
      assert.deepEqual([after.status, after.channel, after.ids], ["pending", "closed", [after.id]]);
      assert.notEqual(after.id, before.id);
      assert.ok(Math.abs((after.expiresAt ?? 0) - (before.expiresAt ?? 0)) < 1_000);
      // The guest's page may have closed the channel before the host is back.
      assert.deepEqual(after.told.filter((type) => type !== "disconnected"), ["presence", "link"]);
      // A photo of the earlier code is worth nothing.
      const thief = await guest();
      const code = await thief.does(async (link) => {
        const guest = new globalThis.sdk.Guest(link, { nodeUrl: location.origin });
        return guest.ask().then(() => "asked", (error) => error.code);
      }, before.link);
      assert.equal(code, "unknown_session");
    }
    await pairs();
    await desk.does(() => globalThis.session.close());
    assert.deepEqual(await desk.does(() => globalThis.session.over.reason), "closed");
  }
});
