// The grants of a browser: which host may put one there.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Guest } from "../../../proxim/web/proxim.js";
import { GuestDevice, grantsAt } from "../../../proxim/web/sdk/known/grants.js";
import { drawRandom, encode64 } from "../../../proxim/web/sdk/seal/encoding.js";
import { pairOf } from "../../../proxim/web/sdk/seal/keys.js";
import { FakeDatabase } from "./fake-database.js";
import { FakeSocket, freshBrowser } from "./fakes.js";

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

test("a ticket that another tab has replaced meanwhile is read again, and a visit that goes on is left alone", async () => {
  freshBrowser();
  mock.timers.reset();
  const hostKey = encode64(pairOf(drawRandom(32)).public);
  const device = await pairs("a".repeat(22), grant(hostKey, { t: "T".repeat(21) + "A" }));
  const [known] = await grantsAt(NODE);
  const guest = new Guest(known, { rtc: false });
  const asking = assert.rejects(guest.ask(), { code: "token_used" });
  const socket = FakeSocket.last;
  const requests = () => socket.sent.filter(({ type }) => type === "pair_request");
  const asks = async (count) => {
    for (let turn = 0; requests().length < count; turn += 1) {
      assert.ok(turn < 1_000, `no request ${count}`);
      await new Promise((resolve) => setTimeout(resolve));
    }
  };
  const refuses = () => socket.answers("pair_request", { type: "error", code: "token_used", message: "", session_id: ID });
  await socket.opens(64 * 1024, ["seal"]);
  await asks(1);
  await device.take({ ticket: "N".repeat(21) + "A" }, "My desktop");
  await refuses();
  await asks(2);
  await refuses();
  await asking;
  const [first, second] = requests();
  assert.equal(first.token, second.token);
  assert.notEqual(first.seal, second.seal);
  assert.equal(requests().length, 2);
  assert.equal((await grantsAt(NODE)).length, 1);
});

test("a host with the name of another one gets a number, at once and when it takes another name", async () => {
  const device = await pairs("a".repeat(22), grant(KEYS[0]));
  await pairs("b".repeat(22), grant(KEYS[1], { sid: "o".repeat(22) }), "ＭＹ  desktop");
  await pairs("c".repeat(22), grant(KEYS[1], { sid: "p".repeat(22) }));
  await device.take({ ticket: "N".repeat(21) + "A" }, "My desktop (2)");
  const names = async () => (await grantsAt(NODE)).map(({ hostName }) => hostName).sort();
  assert.deepEqual(await names(), ["My desktop (2) (2)", "My desktop (3)", "ＭＹ  desktop (2)"]);
  await device.take({ ticket: "O".repeat(21) + "A" }, "Attic");
  assert.deepEqual(await names(), ["Attic", "My desktop (3)", "ＭＹ  desktop (2)"]);
  assert.equal(device.hostName, "Attic");
});
