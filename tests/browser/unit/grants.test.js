// The grants of a browser: which host may put one there.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { GuestDevice, grantsAt } from "../../../proxim/web/sdk/known/grants.js";
import { FakeDatabase } from "./fake-database.js";

const NODE = "http://node";
const ID = "s".repeat(22);
const KEYS = ["H", "X"].map((letter) => `${letter.repeat(42)}A`);
const database = new FakeDatabase();

beforeEach(() => {
  globalThis.indexedDB = database;
  database.clear();
});

const grant = (key, more = {}) => ({ grant: { sid: ID, seed: "A".repeat(43), key, t: "T".repeat(22), left: 3600, auto: true, ...more } });

async function pairs(session, known, hostName = "My desktop") {
  const device = await GuestDevice.offered(NODE, session);
  await device.take(known, hostName);
  return device;
}

test("a host takes no place of another one, whose session's id a node has told it", async () => {
  const device = await pairs("a".repeat(22), grant(KEYS[0]));
  const before = await grantsAt(NODE);
  const other = await pairs("b".repeat(22), grant(KEYS[1], { auto: false }));
  assert.deepEqual(await grantsAt(NODE), before);
  assert.equal(other.grantId, null);
  await other.take({ gone: "forgotten" }, "");
  assert.deepEqual(await grantsAt(NODE), before);
  assert.equal(device.link.hostKey, KEYS[0]);
  assert.deepEqual(database.all("keys"), []);
});

test("a grant that comes again has the ticket that is stored", async () => {
  const first = grant(KEYS[0]);
  const device = await pairs("a".repeat(22), first);
  await device.take({ ticket: "N".repeat(21) + "A" }, "My desktop");
  await pairs("a".repeat(22), first);
  assert.deepEqual(database.all("grants").map(({ ticket }) => ticket), ["N".repeat(21) + "A"]);
});
