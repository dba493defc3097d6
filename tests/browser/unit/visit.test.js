// The messages of a host in the visit of a known device, and their order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SealedSignals } from "../../../proxim/web/sdk/sealed-signals.js";
import * as code from "../../../proxim/web/sdk/seal/index.js";
import { newPair } from "../../../proxim/web/sdk/seal/keys.js";
import { SealedPeer } from "../../../proxim/web/sdk/seal/peer.js";

const SECRET = new Uint8Array(32);

/** Return both sides of an approved session. */
function sides() {
  const [host, guest] = [new SealedPeer("h", SECRET), new SealedPeer("g", SECRET)];
  const [own, other] = [newPair(code.drawRandom), newPair(code.drawRandom)];
  host.adopt(own, other.public, false);
  guest.adopt(other, own.public, false);
  return { host, guest };
}

/** Return a host's session, which records what it sends. */
function sessionOf(device) {
  const session = Object.assign(new EventTarget(), { id: "s".repeat(22), device, peerOnline: true, sent: [], heard: 0 });
  session._getConnection = () => ({ isIntroduced: true, checkSize() {} });
  session._sendSignal = (data) => session.sent.push(data);
  session._heard = () => (session.heard += 1);
  return session;
}

test("a host says nothing to a known device before it has heard it, and a hello that begins no epoch is enough", (context) => {
  const { host, guest } = sides();
  const session = sessionOf({ name: "My phone" });
  const signals = new SealedSignals(code, host, session);
  context.after(() => signals.close());
  signals.send("welcome back");
  assert.deepEqual(session.sent, []);
  signals.receive({ s: 1, h: "A".repeat(128) });
  assert.deepEqual([session.sent, session.heard], [[], 0]);
  signals.receive(guest.echo());
  assert.equal(session.heard, 1);
  assert.deepEqual(session.sent.map((signal) => guest.receive(signal, 0)), [{ opened: { data: "welcome back", missed: 0 } }]);
});

test("a host that does not know the device speaks first", () => {
  const { host } = sides();
  const session = sessionOf(null);
  new SealedSignals(code, host, session).send("welcome");
  assert.equal(session.sent.length, 1);
});

test("there is no such hello while the sides agree on a new epoch", () => {
  const { guest } = sides();
  guest.start();
  assert.equal(guest.echo(), null);
  assert.equal(new SealedPeer("g", SECRET).echo(), null);
});
