// Bytes as text, and fields as bytes (sealing: Notation).
//
// The modules of this folder are pure, and follow docs/reference/sealing.md as `proxim/sealing/` does in
// Python. They need no `crypto.subtle`, which browsers lack on plain http. Only a sealed link loads them.

/** @typedef {"g" | "h"} Role The guest, or the host. */
/** @typedef {(size: number) => Uint8Array} Draw Returns random bytes. */
/** @typedef {{ private: Uint8Array, public: Uint8Array }} KeyPair An X25519 key pair (RFC 7748). */

/** Bytes of each key, secret, seed and salt. */
export const KEY_BYTES = 32;
/** Stands for a key in a hello that answers none. */
export const NO_KEY = new Uint8Array(KEY_BYTES);

const DEEPEST = 31;

/** The text is not what the peer sealed: another key or purpose, altered, or not valid. */
export class DoesNotOpen extends Error {}

/** @type {Draw} */
export const drawRandom = (size) => crypto.getRandomValues(new Uint8Array(size));

/** Return the UTF-8 of a text. @param {string} text */
export const utf8 = (text) => new TextEncoder().encode(text);

/** @param {...Uint8Array} parts */
export function joined(...parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Return whether two byte strings are the same. @param {Uint8Array} one @param {Uint8Array} other */
export const sameBytes = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

/**
 * Return `I(name, fields…)`: each part after its length, so that no two lists are equal.
 * @param {string} name
 * @param {...(Uint8Array | string)} fields
 */
export function purpose(name, ...fields) {
  const parts = ["proxim seal 1", name, ...fields].map((part) => (typeof part === "string" ? utf8(part) : part));
  return joined(...parts.flatMap((part) => [new Uint8Array([part.length >> 8, part.length & 255]), part]));
}

/** Return base64url without padding. @param {Uint8Array} bytes */
export function encode64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Return the bytes of strict base64url without padding, `size` of them if it is given.
 * @param {unknown} text
 * @param {number} [size]
 * @throws {DoesNotOpen} For any text that `encode64` does not write.
 */
export function decode64(text, size) {
  if (typeof text !== "string" || !/^[\w-]*$/.test(text) || text.length % 4 === 1) throw new DoesNotOpen();
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  // atob() skips unused bits.
  if (encode64(bytes) !== text || (size ?? bytes.length) !== bytes.length) throw new DoesNotOpen();
  return bytes;
}

/** Return JSON of exactly `size` bytes, padded with spaces. @param {unknown} content @param {number} size */
export function padded(content, size) {
  const text = utf8(JSON.stringify(content));
  if (text.length > size) throw new RangeError(`${text.length} bytes of JSON do not fit into ${size}`);
  return joined(text, new Uint8Array(size - text.length).fill(0x20));
}

/**
 * Return the object in JSON of exactly `size` bytes.
 * @param {Uint8Array} text
 * @param {number} size
 * @returns {Record<string, unknown>}
 * @throws {DoesNotOpen}
 */
export function unpadded(text, size) {
  const content = text.length === size ? readJson(text) : null;
  if (typeof content !== "object" || content === null || Array.isArray(content)) throw new DoesNotOpen();
  return /** @type {Record<string, unknown>} */ (content);
}

/**
 * Return the value of JSON such as a node relays (protocol: Transport).
 * @param {Uint8Array} text
 * @returns {unknown}
 * @throws {DoesNotOpen}
 */
export function readJson(text) {
  try {
    const json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
    if (depthOf(json) > DEEPEST) throw new DoesNotOpen();
    return JSON.parse(json, (key, value) => {
      if (/\p{Surrogate}/u.test(key) || (typeof value === "string" && /\p{Surrogate}/u.test(value))) {
        throw new DoesNotOpen();
      }
      return value;
    });
  } catch {
    throw new DoesNotOpen();
  }
}

/** Return how many objects and arrays stand in each other. @param {string} json */
function depthOf(json) {
  let depth = 0;
  let deepest = 0;
  // A text without an end is taken whole: to look for one from each of its quotes would take seconds.
  for (const [found] of json.matchAll(/"(?:[^"\\]|\\.)*"?|[[\]{}]/gs)) {
    if (found === "[" || found === "{") deepest = Math.max(deepest, ++depth);
    else if (found === "]" || found === "}") depth--;
  }
  return deepest;
}
