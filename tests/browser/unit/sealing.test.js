// Sealed sessions, by the vectors of docs/reference/sealing.md.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseLink } from "../../../proxim/web/sdk/link.js";
import { openAsk } from "../../../proxim/web/sdk/seal/ask.js";
import { sealBox } from "../../../proxim/web/sdk/seal/box.js";
import { decode64, DoesNotOpen, encode64, readJson, utf8 } from "../../../proxim/web/sdk/seal/encoding.js";
import { SealedGuest, returnSeal } from "../../../proxim/web/sdk/seal/guest.js";
import { SealedHost } from "../../../proxim/web/sdk/seal/host.js";
import { suiteWith } from "../../../proxim/web/sdk/seal/hpke.js";
import { linkSecrets, pairOf, reopenToken } from "../../../proxim/web/sdk/seal/keys.js";
import { sealedLink, sealedLinkText } from "../../../proxim/web/sdk/seal/link.js";
import { nameFault } from "../../../proxim/web/sdk/seal/names.js";
import { SealedPeer } from "../../../proxim/web/sdk/seal/peer.js";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/seal-1.json", import.meta.url), "utf8"));
const { link, request, ack, answer } = vectors;

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hex = (raw) => Buffer.from(raw).toString("hex");
/** Return a function that draws these bytes, in turn. */
const drawn = (...texts) => () => {
  assert.notEqual(texts.length, 0, "more random bytes were drawn than the vector has");
  return bytes(texts.shift());
};
const linkKeys = () => ({ seed: bytes(link.seed), private: bytes(link.host_private), tokenHash: link.token_hash });

function newHost(...draws) {
  return new SealedHost(link.session_id, { keys: linkKeys(), draw: drawn(...draws) });
}

const PAGE = "https://node.example/join";
const parsedLink = () => sealedLink(parseLink(link.text));

const newGuest = (...draws) =>
  SealedGuest.ask(parsedLink(), request.name, drawn(request.guest_private, request.ephemeral_ikm, ...draws));

/** Return both sides after the approval; they draw these bytes then. */
async function paired(guestDraws = [], hostDraws = []) {
  const host = newHost(ack.host_private, ack.salt, answer.salt, ...hostDraws);
  const guest = await newGuest(...guestDraws);
  const asked = await host.takePrompt(guest.state.seal, 0);
  assert.ok(guest.takeAck(asked.ack));
  const { name, type, left } = answer.json;
  const decision = host.approve(guest.code, { name, type, left });
  assert.deepEqual(guest.takeAnswer(decision.seal, true), { approved: true, name, type, left });
  return { host, guest, asked, decision };
}

/** Let the sides say what the vector has, and check that they do, and that the other hears it. */
function talk(signals, sides) {
  for (const { from, text, data } of signals) {
    assert.deepEqual(sides[from].seal(JSON.parse(text)), data);
    const heard = sides[from === "g" ? "h" : "g"].receive(data, 0);
    assert.deepEqual(heard, { opened: { data: JSON.parse(text), missed: 0 } });
  }
}

test("the secrets of the link are those of the vector", () => {
  const { token, tokenHash, psk } = linkSecrets(bytes(link.seed));
  assert.deepEqual([token, tokenHash, hex(psk)], [link.token, link.token_hash, link.psk]);
  assert.equal(hex(pairOf(bytes(link.host_private)).public), link.host_key);
  assert.equal(newHost().link(PAGE), link.text);
});

test("the pairing is that of the vector", async () => {
  const { guest, asked, decision } = await paired();
  assert.equal(guest.state.seal, request.seal);
  assert.equal(guest.state.token, link.token);
  assert.equal(hex(guest.peer.secret), request.S);
  assert.deepEqual(asked, { kind: "asked", name: request.name, ack: ack.seal, isNew: true });
  assert.equal(guest.code, ack.code);
  assert.deepEqual(decision, { approve: true, seal: answer.seal });
});

test("the signals, and those after a reload, are those of the vector", async () => {
  const again = vectors.reload;
  const [start, reply, echo] = again.salts;
  const { host, guest } = await paired([again.guest_private, start, echo], [again.host_private, reply]);
  const sides = { g: guest.peer, h: host.peer };
  talk(vectors.epoch_0.signals, sides);
  const hellos = again.hellos.map(({ data }) => data);
  assert.deepEqual(guest.peer.start(), hellos[0]);
  assert.equal(guest.peer.isReady, false);
  assert.deepEqual(host.peer.receive(hellos[0], 0), { send: hellos[1] });
  assert.throws(() => host.peer.seal(1), RangeError);
  assert.deepEqual(guest.peer.receive(hellos[1], 0), { send: hellos[2] });
  assert.deepEqual(host.peer.receive(hellos[2], 0), {});
  talk(again.signals, sides);
  assert.deepEqual(host.peer.receive(vectors.epoch_0.signals[0].data, 0), { notice: "before" });
});

test("a guest comes back as in the vector", async () => {
  const back = vectors.coming_back;
  const [requestSalt, answerSalt, echoSalt] = back.salts;
  const secret = bytes(request.S);
  assert.equal(reopenToken(secret), back.token);
  const guest = new SealedPeer("g", secret, drawn(back.guest_private, requestSalt, echoSalt));
  const host = new SealedHost(link.session_id, { secret, draw: drawn(back.host_private, answerSalt) });
  assert.equal(returnSeal(guest), back.request);
  const returned = { kind: "returned", seal: back.answer };
  assert.deepEqual(await host.takePrompt(back.request, 0), returned);
  assert.deepEqual(await host.takePrompt(back.request, 0), returned);
  assert.deepEqual(guest.receive({ s: 1, h: back.answer }, 0), { send: back.echo });
  assert.deepEqual(host.peer.receive(back.echo, 0), {});
  talk([back.signal], { g: guest, h: host.peer });
});

test("a text that is no JSON costs no more than its length", () => {
  for (const text of ['"' + '\\"'.repeat(24_000), '"' + "\\".repeat(48_000), "[".repeat(48_000), '"a" '.repeat(12_000)]) {
    const start = performance.now();
    assert.throws(() => readJson(utf8(text)), DoesNotOpen);
    assert.ok(performance.now() - start < 500);
  }
});

test("a guest that comes back keeps the name of its first request", async () => {
  const { host, guest } = await paired([], ["11".repeat(32), "22".repeat(32)]);
  const again = new SealedPeer("g", guest.peer.secret);
  assert.equal((await host.takePrompt(returnSeal(again), 0)).kind, "returned");
  assert.equal(host.name, request.name);
  assert.equal(new SealedHost(link.session_id, { state: host.state }).name, request.name);
  assert.equal((await host.takePrompt(guest.state.seal, 0)).kind, "asked");
});

test("the suite seals and opens the vector of RFC 9180, A.2.2", async () => {
  const rfc = vectors.rfc9180;
  const suite = suiteWith(drawn(rfc.ikm_e));
  const options = { info: bytes(rfc.info), psk: bytes(rfc.psk), pskId: bytes(rfc.psk_id) };
  const publicKey = await suite.DeserializePublicKey(bytes(rfc.pk_r));
  const { encapsulatedSecret, ctx: sender } = await suite.SetupSender(publicKey, options);
  assert.equal(hex(encapsulatedSecret), rfc.enc);
  const privateKey = await suite.DeserializePrivateKey(bytes(rfc.sk_r), true);
  const recipient = await suite.SetupRecipient(privateKey, encapsulatedSecret, options);
  for (const { aad, ciphertext } of rfc.messages) {
    assert.equal(hex(await sender.Seal(bytes(rfc.plaintext), bytes(aad))), ciphertext);
    assert.equal(hex(await recipient.Open(bytes(ciphertext), bytes(aad))), rfc.plaintext);
  }
  for (const { context, secret } of rfc.exports) {
    assert.equal(hex(await recipient.Export(bytes(context), 32)), secret);
  }
});

const closed = vectors.does_not_open;

for (const [why, text] of Object.entries(closed.requests)) {
  test(`a request that does not open is refused: ${why}`, async () => {
    const host = newHost(ack.host_private, ack.salt, ack.salt);
    const refused = await host.takePrompt(text, 0);
    assert.deepEqual(refused, { kind: "does_not_open" });
    assert.equal((await host.takePrompt(request.seal, 0)).name, request.name);
    assert.deepEqual(await host.takePrompt(text, 0), { kind: "tampered" });
  });
}

for (const [why, text] of Object.entries(closed.acks)) {
  test(`an ack that does not open shows no number: ${why}`, async () => {
    const guest = await newGuest();
    assert.equal(guest.takeAck(text), false);
    assert.equal(guest.code, null);
    assert.ok(guest.takeAck(ack.seal));
    assert.equal(guest.takeAck(text), false);
    assert.equal(guest.code, ack.code);
  });
}

for (const [why, text] of Object.entries(closed.answers)) {
  test(`an answer that does not open approves nobody: ${why}`, async () => {
    const guest = await newGuest();
    assert.ok(guest.takeAck(ack.seal));
    assert.equal(guest.takeAnswer(text, true), null);
    assert.equal(guest.peer, null);
  });
}

for (const [why, data] of Object.entries(closed.signals)) {
  test(`a signal of another form is tampered: ${why}`, () => {
    assert.deepEqual(new SealedPeer("g", bytes(request.S)).receive(data, 0), { notice: "tampered" });
  });
}

test("an approval by the node alone, or of a guest that the host declined, approves nobody", async () => {
  const terms = { name: "Desk", type: "one_time", left: null };
  for (const [decide, isApproved] of [["approveUnchecked", false], ["decline", true], ["decline", false]]) {
    const host = new SealedHost(link.session_id, { keys: linkKeys() });
    const guest = await newGuest();
    guest.takeAck((await host.takePrompt(guest.state.seal, 0)).ack);
    assert.equal(guest.takeAnswer(undefined, true), null);
    const decision = host[decide](terms);
    assert.equal(guest.takeAnswer(decision.seal, isApproved).approved, decision.approve);
    assert.equal(guest.peer, null);
  }
});

test("a wrong number declines, and a number of another form decides nothing", async () => {
  const terms = { name: "Desk", type: "one_time", left: null };
  const host = new SealedHost(link.session_id, { keys: linkKeys() });
  assert.throws(() => host.approve("123", terms), RangeError);
  const guest = await newGuest();
  guest.takeAck((await host.takePrompt(guest.state.seal, 0)).ack);
  for (const code of ["", "12", "1234", "012", "1 2", "١٢٣", `${guest.code}\n`]) {
    assert.throws(() => host.approve(code, terms), RangeError);
  }
  const { approve, seal } = host.approve(guest.code === "999" ? "998" : "999", terms);
  assert.equal(approve, false);
  assert.equal(guest.takeAnswer(seal, false).approved, false);
  assert.equal(host.peer, null);
  assert.throws(() => host.approve(guest.code, terms), RangeError);
});

test("a number that is wrong in one digit is wrong", async () => {
  for (const at of [0, 1, 2]) {
    const host = newHost(ack.host_private, ack.salt, answer.salt);
    await host.takePrompt(request.seal, 0);
    const digits = [...ack.code];
    digits[at] = digits[at] === "1" ? "2" : "1";
    assert.equal(host.approve(digits.join(""), { name: "Desk", type: "one_time", left: null }).approve, false);
  }
});

test("the first ack that opens counts", async () => {
  const guest = await newGuest();
  assert.ok(guest.takeAck(ack.seal));
  const other = sealBox(bytes(request.S), "ack", "h", bytes(link.host_key), () => bytes(ack.salt));
  assert.equal(guest.takeAck(encode64(other)), false);
  assert.equal(guest.code, ack.code);
  assert.ok(guest.takeAck(ack.seal));
});

test("a host opens one request, whichever of its links it is for, and the same again", async () => {
  const host = new SealedHost(link.session_id, { keys: linkKeys() });
  const old = await newGuest();
  host.renew();
  assert.equal(host.link(PAGE), link.text);
  const [first, again, other] = await Promise.all([
    host.takePrompt(old.state.seal, 0),
    host.takePrompt(old.state.seal, 0),
    SealedGuest.ask(parsedLink(), "X").then((guest) => host.takePrompt(guest.state.seal, 0)),
  ]);
  assert.deepEqual([first.kind, again, other.kind], ["asked", { ...first, isNew: false }, "tampered"]);
  assert.throws(() => host.link(PAGE), RangeError);
});

test("a renewed link makes the one before worthless", async () => {
  const host = new SealedHost(link.session_id, { keys: linkKeys() });
  const old = await newGuest();
  const lost = host.renew();
  const keys = host.renew();
  host.renewed(lost);
  host.renewed(keys);
  host.renewed(lost);
  const shown = sealedLink(parseLink(host.link(PAGE)));
  assert.deepEqual([shown.seed, shown.hostKey], [keys.seed, pairOf(keys.private).public]);
  assert.deepEqual(await host.takePrompt(old.state.seal, 0), { kind: "does_not_open" });
  assert.deepEqual(await host.takePrompt(undefined, 0), { kind: "tampered" });
  assert.deepEqual(await new SealedHost(link.session_id).takePrompt(old.state.seal, 0), { kind: "unknown" });
});

test("a guest goes on after a reload by what it stored", async () => {
  const { host, guest } = await paired();
  const stored = SealedGuest.restore(JSON.parse(JSON.stringify(guest.state)));
  assert.equal(stored.code, ack.code);
  stored.takeAnswer(answer.seal, true);
  const { text, data } = vectors.epoch_0.signals.find(({ from }) => from === "h");
  assert.deepEqual(stored.peer.receive(data, 0), { opened: { data: JSON.parse(text), missed: data.n } });
  goesOn(stored.peer, new SealedPeer("h", host.peer.secret));
});

test("a host goes on after a reload before its answer", async () => {
  const host = newHost(ack.host_private, ack.salt);
  const guest = await newGuest();
  guest.takeAck((await host.takePrompt(guest.state.seal, 0)).ack);
  const stored = new SealedHost(link.session_id, { state: JSON.parse(JSON.stringify(host.state)) });
  const { name, type, left } = answer.json;
  guest.takeAnswer(stored.approve(guest.code, { name, type, left }).seal, true);
  goesOn(stored.peer, new SealedPeer("g", guest.peer.secret));
});

/** Check that a side with keys that were stored seals nothing before a new epoch. @param {SealedPeer} side @param {SealedPeer} other */
function goesOn(side, other) {
  assert.equal(side.isReady, false);
  assert.throws(() => side.seal("too early"), RangeError);
  const { send } = other.receive(side.start(), 0);
  other.receive(side.receive(send, 0).send, 0);
  assert.equal(other.receive(side.seal("back"), 0).opened.data, "back");
}

test("a request of a changed byte does not open", async () => {
  const content = decode64(request.seal);
  for (const at of [0, 1, 32, 33, 400, content.length - 1]) {
    const changed = content.slice();
    changed[at] ^= 1;
    await assert.rejects(openAsk(changed, link.session_id, linkKeys()));
  }
  await assert.rejects(openAsk(content, `${link.session_id}x`, linkKeys()));
});

test("a key that shares nothing, and a name that is not allowed, are refused before anything is sent", async () => {
  const parsed = parsedLink();
  await assert.rejects(SealedGuest.ask({ ...parsed, hostKey: new Uint8Array(32) }, "P"), RangeError);
  for (const name of ["", " ", "x".repeat(65), "a\u202eb", "\ud800"]) {
    await assert.rejects(SealedGuest.ask(parsed, name), RangeError);
  }
  for (const name of ["📱".repeat(64), '"'.repeat(64), "\\".repeat(64)]) await SealedGuest.ask(parsed, name);
});

test("names are allowed as in Python", () => {
  for (const name of vectors.names.allowed) assert.equal(nameFault(name), null, name);
  for (const name of vectors.names.refused) assert.ok(nameFault(name), JSON.stringify(name));
  assert.ok(nameFault("a\ud800"));
});

test("links are sealed or not as in Python", () => {
  for (const text of vectors.links.sealed) {
    const parts = parseLink(text);
    assert.equal(parts.token, "");
    assert.equal(sealedLinkText(`${parts.nodeUrl}/join`, sealedLink(parts)), text.trim().replace("/join/#", "/join#"));
  }
  const isSealed = (text) => Boolean(parseLink(text).seal);
  for (const text of vectors.links.refused) {
    // A link with two parts is plain; of another form, it is no link.
    if (/#[^.]+[.][^.]+$/.test(text)) assert.equal(isSealed(text), false, text);
    else assert.throws(() => isSealed(text), { code: "invalid_link" }, text);
  }
});

test("nothing of it needs crypto.subtle, which plain http does not have", async (t) => {
  t.mock.getter(crypto, "subtle", () => undefined);
  assert.equal(crypto.subtle, undefined);
  await paired();
});
