// Every failure is a ProximError, whether the page, the browser or the node caused it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host } from "../../../proxim/web/proxim.js";
import { FakeSocket, freshBrowser, ID, LINK, pass } from "./fakes.js";
import { host } from "./pair.js";

beforeEach(freshBrowser);

/** Forbid connections, as a browser does from an https page to an http node. */
function forbidSockets() {
  globalThis.WebSocket = class {
    constructor() {
      throw new DOMException("an insecure connection", "SecurityError");
    }
  };
}

const isForbidden = (error) => {
  assert.deepEqual([error.name, error.code, error.cause.name], ["ProximError", "invalid_link", "SecurityError"]);
  assert.match(error.message, /this page may not connect to http:\/\/node: an insecure connection/);
  return true;
};

test("a host throws if the browser forbids the connection", () => {
  forbidSockets();
  assert.throws(() => new Host("http://node"), isForbidden);
});

test("a guest rejects when it asks if the browser forbids the connection", async () => {
  forbidSockets();
  const guest = new Guest(LINK);
  await assert.rejects(guest.ask(), isForbidden);
  await assert.rejects(guest.connected, isForbidden);
  assert.throws(() => guest.send(1), { name: "ProximError" });
});

test("a session ends if the browser forbids the connection later", async () => {
  const session = await host();
  forbidSockets();
  await FakeSocket.last.breaks();
  await pass(1_000);
  assert.equal(session.over.code, "invalid_link");
});

test("a value that is not JSON is refused before it is sent", async () => {
  const session = await host();
  const circle = {};
  circle.self = circle;
  const count = FakeSocket.last.sent.length;
  for (const data of [circle, 1n, undefined]) {
    assert.throws(() => session.send(data), { name: "ProximError", code: "bad_message" });
  }
  assert.equal(FakeSocket.last.sent.length, count);
});

test("a server that is not a node is an error", async () => {
  const desk = new Host("http://node");
  FakeSocket.last.onmessage({ data: "hello" });
  await assert.rejects(desk.ready, { code: "connection_lost", message: "the server at http://node is not a Proxim node" });
  await assert.rejects(desk.open(), { code: "connection_lost" });
  assert.equal(FakeSocket.last.readyState, 3);
});

test("the error of an ended session has its id", async () => {
  const session = await host();
  await FakeSocket.last.hears({ type: "session_ended", session_id: ID, status: "expired", reason: "closed" });
  assert.throws(() => session.reconnect(), { code: "session_ended", sessionId: ID });
});
