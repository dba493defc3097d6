// Known devices, by the vectors of docs/reference/sealing.md, and the host's verdicts.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { approve, judge, KEYS_KEPT, use } from "../../../proxim/web/sdk/known/record.js";
import { openAnswer, sealAnswer } from "../../../proxim/web/sdk/seal/answer.js";
import { openAsk, sealAsk } from "../../../proxim/web/sdk/seal/ask.js";
import { decode64, DoesNotOpen, encode64, purpose } from "../../../proxim/web/sdk/seal/encoding.js";
import { publicKeyOf, sign, verify } from "../../../proxim/web/sdk/seal/ed25519.js";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/known-1.json", import.meta.url), "utf8"));
const { link, device } = vectors;

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hex = (raw) => Buffer.from(raw).toString("hex");
const drawn = (text) => () => bytes(text);
const SECRET = bytes(vectors.first_request.S);
const KEYS = { seed: bytes(link.seed), private: bytes(link.host_private) };
const LINK = { sessionId: link.session_id, seed: bytes(link.seed), hostKey: bytes(link.host_key) };
const signer = (ticket) => ({
  public: bytes(device.dk),
  ticket: ticket === null ? null : bytes(ticket),
  sign: async (text) => sign(text, bytes(device.private)),
});
const opened = (seal) => openAsk(decode64(seal), link.session_id, KEYS);

for (const name of ["first_request", "visit"]) {
  test(`a device signs the request of the vector (${name})`, async () => {
    const { enc, ticket, signed, signature, seal, S } = vectors[name];
    assert.equal(hex(publicKeyOf(bytes(device.private))), device.dk);
    const fields = [link.session_id, link.psk_id, bytes(link.host_key), bytes(enc), bytes(vectors.k_g), bytes(device.dk), bytes(ticket ?? "")];
    assert.equal(hex(purpose("device", ...fields)), signed);
    assert.equal(hex(sign(bytes(signed), bytes(device.private))), signature);
    const sealed = await sealAsk(LINK, "Phone", bytes(vectors.k_g), drawn(vectors.ephemeral_ikm), signer(ticket));
    assert.deepEqual([sealed.seal, hex(sealed.secret)], [seal, S]);
    const { visitor } = await opened(seal);
    assert.deepEqual([hex(visitor.key), visitor.ticket && hex(visitor.ticket)], [device.dk, ticket]);
  });
}

test("a signature is checked by the bundled library, too", () => {
  const { signed, signature } = vectors.visit;
  assert.ok(verify(bytes(signature), bytes(signed), bytes(device.dk)));
  assert.ok(!verify(bytes(signature), bytes(`${signed}00`), bytes(device.dk)));
  assert.ok(!verify(bytes(signature), bytes(signed), new Uint8Array(32).fill(255)));
});

for (const [name, text] of Object.entries(vectors.does_not_open.requests)) {
  test(`a request of a device does not open: ${name}`, () => assert.rejects(opened(text), DoesNotOpen));
}

test("an answer brings the grant, the next ticket, or the end", () => {
  const { grant, next_ticket, gone } = vectors;
  const known = (answer) => openAnswer(SECRET, decode64(answer.seal)).known;
  assert.deepEqual(known(grant), { grant: grant.json.known });
  assert.deepEqual(known(next_ticket), { ticket: next_ticket.json.t });
  assert.deepEqual(known(gone), { gone: "copied" });
  const { name, type, left } = next_ticket.json;
  assert.equal(encode64(sealAnswer(SECRET, true, { name, type, left }, drawn(next_ticket.salt), { t: next_ticket.json.t })), next_ticket.seal);
  assert.equal(encode64(sealAnswer(SECRET, false, { name, type, left }, drawn(gone.salt), { gone: "copied" })), gone.seal);
  const later = sealAnswer(SECRET, false, { name, type, left }, drawn(gone.salt), { gone: "a reason of a later version" });
  assert.deepEqual(openAnswer(SECRET, later).known, { gone: "forgotten" });
});

for (const [name, text] of Object.entries(vectors.does_not_open.answers)) {
  test(`an answer does not open: ${name}`, () => assert.throws(() => openAnswer(SECRET, decode64(text)), DoesNotOpen));
}

test("the longest name fits beside the device", async () => {
  const { seal } = await sealAsk(LINK, "📱".repeat(64), bytes(vectors.k_g), drawn(vectors.ephemeral_ikm), signer(vectors.visit.ticket));
  assert.equal((await opened(seal)).name, "📱".repeat(64));
});

// -- the verdicts, as in tests/devices/test_record.py --------------------------------------------

const of = (letter, size = 32) => new Uint8Array(size).fill(letter.charCodeAt(0));
const [KEY, GUEST_KEY, FIRST, END] = [of("d"), of("k"), of("1", 16), 1_000];
const known = (more = {}) => ({
  id: "s".repeat(22), name: "My phone", policy: "ask", since: 0, end: END, lastSeen: null, takesFiles: false,
  key: encode64(KEY), nonce: "", seed: "", private: "", ticket: encode64(FIRST), previous: null, isUsed: false, seen: [], pairedIn: "", ...more,
});
const counting = () => {
  let count = 0;
  return (size) => new Uint8Array(size).fill(++count);
};
const verdict = (record, ticket, { key = KEY, guestKey = GUEST_KEY, now = 1 } = {}) => judge(record, { key, ticket }, guestKey, now).visit;

test("the current ticket is good, and the policy decides", () => {
  for (const policy of ["ask", "auto"]) assert.equal(verdict(known({ policy }), FIRST), policy);
});

test("the same key of a request is a replay and changes nothing", () => {
  const { device: seen } = judge(known(), { key: KEY, ticket: FIRST }, GUEST_KEY, 1);
  assert.deepEqual(judge(seen, { key: KEY, ticket: FIRST }, GUEST_KEY, 1), { visit: "replay", device: seen });
  // A replay of an old ticket does not revoke.
  const approved = approve(seen, FIRST, 1, counting());
  const used = use(approved, approved.ticket);
  assert.equal(verdict(used, FIRST), "replay");
  assert.equal(verdict(used, FIRST, { guestKey: of("l") }), "copied");
});

test("the last keys are kept", () => {
  let record = known();
  const keys = Array.from({ length: KEYS_KEPT + 1 }, (_, at) => new Uint8Array(32).fill(at));
  for (const key of keys) record = judge(record, { key: KEY, ticket: FIRST }, key, 1).device;
  assert.deepEqual(record.seen, keys.slice(1).map(encode64));
});

test("another device is declined and revokes nothing", () => {
  const record = known();
  for (const visitor of [undefined, { key: of("e"), ticket: FIRST }, { key: of("e"), ticket: null }]) {
    assert.deepEqual(judge(record, visitor, GUEST_KEY, 1), { visit: "stranger", device: record });
  }
});

test("a device with another ticket, or none, is a copy", () => {
  for (const ticket of [null, of("x", 16)]) assert.equal(verdict(known(), ticket), "copied");
});

test("a visit after the end is declined", () => {
  assert.equal(verdict(known({ policy: "auto" }), FIRST, { now: END - 1 }), "auto");
  assert.equal(verdict(known({ policy: "auto" }), FIRST, { now: END }), "expired");
});

test("after a lost answer the ticket before is good until the new one was used", () => {
  const draw = counting();
  const once = approve(known(), FIRST, 5, draw);
  assert.deepEqual([once.previous, once.isUsed, once.lastSeen], [encode64(FIRST), false, 5]);
  assert.equal(verdict(once, FIRST), "ask");
  assert.deepEqual(approve(once, FIRST, 6, draw), { ...once, lastSeen: 6 });
  const used = use(once, once.ticket);
  assert.equal(verdict(used, FIRST), "copied");
  assert.equal(approve(used, FIRST, 7, draw), null);
  assert.equal(use(once, encode64(of("o", 16))), once);
});
