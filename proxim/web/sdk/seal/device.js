// A known device: its key, its signature, and what the host sends it (sealing: Known devices).

import { decode64, DoesNotOpen, encode64, KEY_BYTES, purpose } from "./encoding.js";

/**
 * What a signature belongs to: one for one request fits no other.
 * @typedef {{ sessionId: string, pskId: Uint8Array, hostKey: Uint8Array, enc: Uint8Array, guestKey: Uint8Array }} Context
 */
/**
 * The key of a device, as far as a request needs it, and its ticket.
 * @typedef {{ public: Uint8Array, ticket?: Uint8Array | null, sign: (text: Uint8Array) => Promise<Uint8Array> }} Signer
 */
/** @typedef {{ key: Uint8Array, ticket: Uint8Array | null }} Visitor The device that has signed a request. */
/**
 * The standing link and the first ticket. `left` is in seconds; with `auto` the host approves without a question.
 * @typedef {{ sid: string, seed: string, key: string, t: string, left: number, auto: boolean }} WireGrant
 */
/** @typedef {{ known?: WireGrant, t?: string, gone?: string }} WireKnown The fields of an answer; it has one of them at most. */
/** @typedef {"forgotten" | "copied" | "expired"} Gone Why a host does not know a device any more. */
/** @typedef {{ grant: WireGrant } | { ticket: string } | { gone: Gone }} Known Those fields, checked. The texts are base64url. */

/** Bytes of a ticket, and of a signature. */
export const TICKET_BYTES = 16;
const SIGNATURE_BYTES = 64;

/**
 * Return the fields of a request that `device` signs.
 * @param {Signer} device @param {Context} context
 */
export async function signedFields(device, context) {
  const ticket = device.ticket ?? null;
  const sig = encode64(await device.sign(signedText(context, device.public, ticket)));
  return { dk: encode64(device.public), sig, ...(ticket && { t: encode64(ticket) }) };
}

/**
 * Return the device that has signed a request; null if it names none.
 * @param {Record<string, unknown>} ask @param {Context} context
 * @returns {Promise<Visitor | null>}
 * @throws {DoesNotOpen} If the device has not signed this request.
 */
export async function readVisitor({ dk, sig, t }, context) {
  if (dk === undefined && sig === undefined && t === undefined) return null;
  const [key, signature] = [decode64(dk, KEY_BYTES), decode64(sig, SIGNATURE_BYTES)];
  const ticket = t === undefined ? null : decode64(t, TICKET_BYTES);
  if (!(await isSigned(key, signature, signedText(context, key, ticket)))) throw new DoesNotOpen();
  return { key, ticket };
}

/**
 * Return what an answer has for a known device, if anything.
 * @param {Record<string, unknown>} answer
 * @returns {Known | undefined}
 * @throws {DoesNotOpen}
 */
export function readKnown({ known, t, gone }) {
  const count = [known, t, gone].filter((field) => field !== undefined).length;
  if (count === 0) return undefined;
  if (count > 1) throw new DoesNotOpen();
  if (t !== undefined) return { ticket: encode64(decode64(t, TICKET_BYTES)) };
  if (gone !== undefined) return { gone: goneOf(gone) };
  if (typeof known !== "object" || known === null) throw new DoesNotOpen();
  const { sid, seed, key, t: ticket, left, auto } = /** @type {Record<string, unknown>} */ (known);
  decode64(seed, KEY_BYTES);
  decode64(key, KEY_BYTES);
  decode64(ticket, TICKET_BYTES);
  const isCount = typeof left === "number" && Number.isFinite(left) && left >= 0;
  if (!/^[\w-]{16,128}$/.test(String(sid)) || typeof sid !== "string" || !isCount || typeof auto !== "boolean") throw new DoesNotOpen();
  return { grant: /** @type {WireGrant} */ ({ sid, seed, key, t: ticket, left, auto }) };
}

/** Return why a host does not know a device any more. @param {unknown} why @returns {Gone} @throws {DoesNotOpen} */
export function goneOf(why) {
  if (typeof why !== "string") throw new DoesNotOpen();
  // A reason of a later version.
  return why === "copied" || why === "expired" ? why : "forgotten";
}

/** @param {Context} context @param {Uint8Array} key @param {Uint8Array | null} ticket */
const signedText = ({ sessionId, pskId, hostKey, enc, guestKey }, key, ticket) =>
  purpose("device", sessionId, pskId, hostKey, enc, guestKey, key, ticket ?? "");

/** Return whether a signature is that of a key. @param {Uint8Array} key @param {Uint8Array} signature @param {Uint8Array} text */
async function isSigned(key, signature, text) {
  try {
    const own = await subtleKey(key);
    if (own) return await crypto.subtle.verify("Ed25519", own, bytesOf(signature), bytesOf(text));
  } catch {
    return false;
  }
  return (await loadEd25519()).verify(signature, text, key);
}

/** Return a public key for the browser's own Ed25519; null if it has none. @param {Uint8Array} key */
async function subtleKey(key) {
  if (!(await hasEd25519())) return null;
  return crypto.subtle.importKey("raw", bytesOf(key), "Ed25519", false, ["verify"]);
}

/** @type {Promise<boolean> | null} */
let isThere = null;

/** Return whether the browser itself has Ed25519: on plain http it has not. */
export function hasEd25519() {
  isThere ??= Promise.resolve()
    .then(() => crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]))
    .then(() => true)
    .catch(() => false);
  return isThere;
}

/** Return Ed25519 for other browsers. */
export const loadEd25519 = () => import("./ed25519.js");

/** The types of TypeScript tell buffers apart that browsers do not. @param {Uint8Array} bytes */
export const bytesOf = (bytes) => /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
