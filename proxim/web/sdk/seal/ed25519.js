// Ed25519 (RFC 8032) for browsers that have none, and for pages on plain http. Only those load it.

import { ed25519 } from "../../vendor/ed25519.js";

/** Return the public key of a private one. @param {Uint8Array} secret */
export const publicKeyOf = (secret) => ed25519.getPublicKey(secret);

/** Return the signature of a text. @param {Uint8Array} text @param {Uint8Array} secret */
export const sign = (text, secret) => ed25519.sign(text, secret);

/** Return whether a signature is that of a key. @param {Uint8Array} signature @param {Uint8Array} text @param {Uint8Array} key */
export function verify(signature, text, key) {
  try {
    return ed25519.verify(signature, text, key, { zip215: false });
  } catch {
    return false;
  }
}
