// Messages sealed under the secret of a session (sealing: Boxes).

import { DoesNotOpen, joined, KEY_BYTES } from "./encoding.js";
import { derive } from "./keys.js";
import { chacha20poly1305 } from "./primitives.js";

/** @import { Draw, Role } from "./encoding.js" */
/** @typedef {"ack" | "answer" | "hello"} BoxKind */

/** Each box has a key of its own. */
const BOX_NONCE = new Uint8Array(12);

/** @param {Uint8Array} secret @param {BoxKind} kind @param {Role} role @param {Uint8Array} salt */
const boxCipher = (secret, kind, role, salt) =>
  chacha20poly1305(derive(secret, KEY_BYTES, "box", kind, role, salt), BOX_NONCE);

/**
 * Return `box(S, kind, role, text)`, sealed by the side `role`.
 * @param {Uint8Array} secret
 * @param {BoxKind} kind
 * @param {Role} role
 * @param {Uint8Array} text
 * @param {Draw} draw
 */
export function sealBox(secret, kind, role, text, draw) {
  const salt = draw(KEY_BYTES);
  return joined(salt, boxCipher(secret, kind, role, salt).encrypt(text));
}

/**
 * Return the text of a box that the side `role` has sealed.
 * @param {Uint8Array} secret
 * @param {BoxKind} kind
 * @param {Role} role
 * @param {Uint8Array} box
 * @throws {DoesNotOpen}
 */
export function openBox(secret, kind, role, box) {
  try {
    return boxCipher(secret, kind, role, box.slice(0, KEY_BYTES)).decrypt(box.slice(KEY_BYTES));
  } catch {
    throw new DoesNotOpen();
  }
}
