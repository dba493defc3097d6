// The standing sessions of a host's known devices, with a connection whose answers the test gives.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { StandingSessions } from "../../../proxim/web/sdk/known/standing.js";
import { encode64, newLink, newNonce, sessionIdOf } from "../../../proxim/web/sdk/seal/index.js";

/** Return a device as it is stored. @param {string} name */
function stored(name) {
  const [nonce, link] = [newNonce(), newLink()];
  const secrets = { nonce, seed: encode64(link.seed), private: encode64(link.private), key: "", ticket: "", previous: null };
  const times = { since: Date.now(), end: Date.now() + 86_400_000, lastSeen: Date.now() };
  return { id: sessionIdOf(nonce), name, policy: "ask", takesFiles: false, isUsed: false, seen: [], pairedIn: "", ...secrets, ...times };
}

/** Return standing sessions at a node that opens so many at once. @param {number} count @param {number} room */
async function standing(count, room, isIntroduced = true) {
  let devices = Array.from({ length: count }, (_, at) => stored(`Phone ${at}`));
  const open = new Set();
  const node = { asked: 0, room, sent: /** @type {string[]} */ ([]) };
  const _connection = {
    isIntroduced,
    async request(_type, request, check) {
      node.asked += 1;
      const id = sessionIdOf(request.nonce);
      if (open.size >= node.room) throw Object.assign(new Error("full"), { code: "limit_reached" });
      open.add(id);
      check({ session: { session_id: id } });
      return { pair_within: 60 };
    },
    send(message) {
      node.sent.push(`${message.type} ${message.session_id}`);
      open.delete(message.session_id);
    },
  };
  const host = { _connection, sessions: new Map() };
  const store = { load: () => devices, save: (all) => (devices = all) };
  const tools = { fail: (code) => Object.assign(new Error(code), { code }), tell: () => {}, pauseAfter: (_, tries) => 1000 * 2 ** tries };
  const opens = async () => {
    const known = new StandingSessions(host, { forget: () => {}, has: () => false }, store, tools);
    await known.load();
    return known;
  };
  return { known: await opens(), node, open, opens, _connection, devices: () => devices };
}

/** Let promises settle. */
const settled = async () => {
  for (let count = 0; count < 50; count += 1) await Promise.resolve();
};

test("the node is asked no more after its first refusal, and again later, with pauses that grow", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { known, node, open } = await standing(4, 2);
    await known.openMissing();
    assert.deepEqual([open.size, node.asked], [2, 3]);
    for (const [pause, asked] of [[1000, 4], [1000, 4], [1000, 5]]) {
      mock.timers.tick(pause);
      await settled();
      assert.equal(node.asked, asked);
    }
    node.room = 4;
    mock.timers.tick(4000);
    await settled();
    assert.deepEqual([open.size, node.asked], [4, 7]);
    mock.timers.tick(60_000);
    await settled();
    assert.equal(node.asked, 7);
  } finally {
    mock.timers.reset();
  }
});

test("a device that is forgotten without the node is closed by the next page, and nothing is kept of it", async () => {
  const { known, node, opens, _connection, devices } = await standing(2, 2);
  await known.openMissing();
  const [{ id }, { id: other }] = devices();
  Object.assign(_connection, { isIntroduced: false, send: () => {} });
  await known.forget(id);
  assert.deepEqual(known.list().map((device) => device.id), [other]);
  const { name, key, nonce, seed, private: own, ticket } = devices().find((device) => device.id === id);
  assert.deepEqual([name, key, nonce, seed, own, ticket], ["", "", "", "", "", ""]);
  Object.assign(_connection, { isIntroduced: true, send: ({ type, session_id }) => node.sent.push(`${type} ${session_id}`) });
  const next = await opens();
  assert.deepEqual(next.list().map((device) => device.id), [other]);
  next.registered([id, other].map((session_id) => ({ session_id, status: "pending" })), []);
  await next.openMissing();
  assert.deepEqual(node.sent, [`close_session ${id}`]);
  assert.deepEqual(devices().map((device) => device.id), [other]);
});
