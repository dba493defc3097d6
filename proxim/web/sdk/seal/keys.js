// Keys, and what is derived from them (sealing: Notation, The link, Epochs).

import { decode64, DoesNotOpen, drawRandom, encode64, KEY_BYTES, purpose, utf8 } from "./encoding.js";
import { hkdf, sha256, x25519 } from "./primitives.js";

/** @import { Draw, KeyPair } from "./encoding.js" */

/** Bytes of a session id. */
const ID_BYTES = 16;

/** Return a key pair from 32 random bytes. @param {Draw} draw */
export const newPair = (draw) => pairOf(draw(KEY_BYTES));

/** Return the pair of a private key. @param {Uint8Array} secret @returns {KeyPair} */
export const pairOf = (secret) => ({ private: secret, public: x25519.getPublicKey(secret) });

/**
 * Return what two keys share.
 * @param {Uint8Array} secret
 * @param {Uint8Array} key
 * @throws {DoesNotOpen} If the result is all zeros.
 */
export function exchange(secret, key) {
  try {
    return x25519.getSharedSecret(secret, key);
  } catch {
    throw new DoesNotOpen();
  }
}

/**
 * Return `KDF(secret, name, fields…; length)`: HKDF-SHA256 without a salt (RFC 5869).
 * @param {Uint8Array} secret
 * @param {number} length
 * @param {string} name
 * @param {...(Uint8Array | string)} fields
 */
export const derive = (secret, length, name, ...fields) =>
  hkdf(sha256, secret, undefined, purpose(name, ...fields), length);

/** Return the token that the node gets, and the pre-shared key. @param {Uint8Array} seed The link's. */
export function linkSecrets(seed) {
  const token = encode64(derive(seed, KEY_BYTES, "token"));
  const tokenHash = hashOf(token);
  return { token, tokenHash, psk: derive(seed, KEY_BYTES, "psk"), pskId: utf8(tokenHash) };
}

/**
 * Return the number that the guest shows, 100–999 (sealing: The number).
 * @param {Uint8Array} secret
 * @param {Uint8Array} hostKey
 */
export function codeOf(secret, hostKey) {
  const drawn = derive(secret, 8, "code", hostKey);
  return String(100n + new DataView(drawn.buffer, drawn.byteOffset).getBigUint64(0) % 900n);
}

/** Return what the node gets of a token. @param {string} token */
export const hashOf = (token) => encode64(sha256(utf8(token)));

/** Return a new nonce, which a session id is made of. */
export const newNonce = () => encode64(drawRandom(KEY_BYTES));

/** Return the id of the session that a nonce opens (protocol: Sessions for known devices). @param {string} nonce */
export const sessionIdOf = (nonce) => encode64(sha256(purpose("session", decode64(nonce, KEY_BYTES))).slice(0, ID_BYTES));

/** Return the token of a session that is opened again (sealing: Coming back). @param {Uint8Array} secret */
export const reopenToken = (secret) => encode64(derive(secret, KEY_BYTES, "reopen"));
