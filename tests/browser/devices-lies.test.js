// A lying node gives other sessions the ids of those of known devices; the pages of both sides are honest.

import assert from "node:assert/strict";
import { test } from "node:test";
import { acquaintances, theyPart } from "./lib/acquainted.js";
import { world } from "./lib/world.js";

const here = world();
const { acquainted, guest, host } = acquaintances(here);

/**
 * Have the node call a session that one of these contexts opens by another id, and have no nonces. Return what ends that.
 * @param {string} id @param {import("playwright-core").BrowserContext[]} contexts
 */
async function lies(id, ...contexts) {
  let real = null;
  const lie = (near) => {
    const far = near.connectToServer();
    near.onMessage((text) => far.send(real ? text.replaceAll(id, real) : text));
    far.onMessage((text) => {
      const message = JSON.parse(text);
      if (message.type === "welcome") message.features = message.features.filter((each) => each !== "nonce");
      if (message.type === "registered") message.sessions = message.sessions.filter(({ session_id }) => session_id !== id);
      if (message.type === "session_created") real = message.session.session_id;
      const told = JSON.stringify(message);
      near.send(real ? told.replaceAll(real, id) : told);
    });
  };
  for (const context of contexts) await context.routeWebSocket(/\/ws$/, lie);
  return () => (real = null);
}

for (const sealed of [true, false]) {
  test(`a session with the id of a known device is not opened (${sealed ? "sealed" : "plain"})`, async () => {
    const { desk, phone } = await acquainted();
    await theyPart(desk, phone);
    const [{ id }] = await desk.devices();
    await lies(id, desk.page.context());
    await desk.reloads();
    const [code, size] = await desk.does(async (sealed) => {
      const opening = globalThis.host.open({ type: "persistent", sealed });
      return [await opening.then(() => null, (error) => error.code), globalThis.host.sessions.size];
    }, sealed);
    assert.deepEqual([code, size], ["connection_lost", 0]);
  });
}

test("the guest of another session that has the id of a known device is not taken for it after a reload", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  const [{ id }] = await desk.devices();
  const stranger = await guest();
  await lies(id, desk.page.context(), stranger.page.context());
  // As in a tab that is older than the pairing with the device.
  const [name, devices] = await desk.does(() => {
    const [name] = Object.keys(localStorage).filter((each) => each.startsWith("proxim.devices."));
    const devices = localStorage.getItem(name);
    localStorage.removeItem(name);
    return [name, devices];
  });
  await desk.reloads();
  const code = await stranger.asks(await desk.opens("persistent"));
  await desk.does(async (code) => (await globalThis.until(() => globalThis.session.prompt)).approve(code), code);
  await stranger.connects();
  await desk.does(([name, devices]) => localStorage.setItem(name, devices), [name, devices]);
  await desk.reloads();
  const device = await desk.does((id) => globalThis.host.sessions.get(id).device, id);
  assert.deepEqual([device, (await desk.devices()).map((each) => each.id)], [null, [id]]);
});

test("a grant does not lead to another host, whose session has the id of the grant's and has a seat here", async () => {
  const { desk, phone } = await acquainted();
  await theyPart(desk, phone);
  const [{ id }] = await desk.devices();
  const other = await host();
  const end = await lies(id, other.page.context(), phone.page.context());
  await Promise.all([other.reloads(), phone.load()]);
  const code = await phone.asks(await other.opens("persistent"));
  await other.does(async (code) => (await globalThis.until(() => globalThis.session.prompt)).approve(code), code);
  await phone.connects();
  await phone.load();
  // By the seat it would be connected with the other host.
  assert.equal(await phone.visits(), "unknown_session");
  end();
  assert.equal(await phone.visits(), null);
  await desk.welcomes();
  await phone.connects();
});
