// The keys of one epoch, and signals sealed with them (sealing: Epochs, Sealed signals).

import { DoesNotOpen, encode64, joined } from "./encoding.js";
import { derive, exchange } from "./keys.js";
import { chacha20poly1305 } from "./primitives.js";

/** @import { KeyPair, Role } from "./encoding.js" */

/** Numbers and seals the signals of one side, and opens those of the other. */
export class Epoch {
  /** @type {Uint8Array} */
  #sealing;
  /** @type {Uint8Array} */
  #opening;

  /**
   * @param {Role} role
   * @param {Uint8Array} secret
   * @param {KeyPair} own
   * @param {Uint8Array} peerKey
   * @throws {DoesNotOpen}
   */
  constructor(role, secret, own, peerKey) {
    const shared = exchange(own.private, peerKey);
    const keys = role === "g" ? [own.public, peerKey] : [peerKey, own.public];
    const derived = derive(joined(shared, secret), 72, "epoch", ...keys);
    const fromGuest = derived.slice(0, 32);
    const fromHost = derived.slice(32, 64);
    [this.#sealing, this.#opening] = role === "g" ? [fromGuest, fromHost] : [fromHost, fromGuest];
    /** The name of the epoch. */
    this.id = encode64(derived.slice(64));
    /** The number of the next signal. */
    this.sent = 0;
    /** The number of the latest signal that was opened, -1 before the first. */
    this.heard = -1;
  }

  /** Return the number of a signal and its ciphertext. @param {Uint8Array} text */
  seal(text) {
    if (!Number.isSafeInteger(this.sent)) throw new RangeError("the numbers of this epoch are used up");
    const number = this.sent++;
    return { number, sealed: chacha20poly1305(this.#sealing, nonceOf(number)).encrypt(text) };
  }

  /**
   * Return the text of a signal whose number is higher than `heard`.
   * @param {number} number
   * @param {Uint8Array} sealed
   * @throws {DoesNotOpen} Then `heard` stays as it is.
   */
  open(number, sealed) {
    let text;
    try {
      text = chacha20poly1305(this.#opening, nonceOf(number)).decrypt(sealed);
    } catch {
      throw new DoesNotOpen();
    }
    this.heard = number;
    return text;
  }
}

/** @param {number} number */
function nonceOf(number) {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, BigInt(number));
  return nonce;
}
