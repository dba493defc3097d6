// How two sides agree on a new epoch (sealing: Hellos).
//
// Each side echoes the other's key. Only an echo of its own outstanding key makes a side adopt an epoch,
// so a key is adopted at most once, whatever is lost, repeated or comes late. Counting hellos, or adopting
// the newest key, would deadlock or could be replayed into using a nonce twice.

import { DoesNotOpen, joined, KEY_BYTES, NO_KEY, sameBytes } from "./encoding.js";

/** @import { KeyPair } from "./encoding.js" */
/** @typedef {{ key: Uint8Array, answers: Uint8Array }} Hello A key, and the key of the peer that it answers. */
/**
 * @typedef {{ adopt?: { own: KeyPair, peerKey: Uint8Array }, send?: Hello }} Step
 *   What a hello leads to: the keys of an epoch to adopt, and a hello to send.
 */

/** How many answers to hellos there are in a second (1000 ms). */
const MAX_ANSWERS = 5;

/** The state of one side. */
export class HelloMachine {
  #newPair;
  /** @type {Uint8Array | null} */
  #answered = null;
  /** @type {number[]} */
  #times = [];

  /** @param {() => KeyPair} newPair Returns a new key pair. */
  constructor(newPair) {
    this.#newPair = newPair;
    /** This side's key that waits for its echo. @type {KeyPair | null} */
    this.out = null;
    /** The public keys of the epoch. @type {{ own: Uint8Array, peer: Uint8Array } | null} */
    this.adopted = null;
  }

  /** Return the first hello of a side that has come back. @returns {Hello} */
  start() {
    this.out = this.#newPair();
    this.#answered = null;
    return { key: this.out.public, answers: NO_KEY };
  }

  /** Return whether a hello answers this side's outstanding key. @param {Hello} hello */
  isEcho({ answers }) {
    return this.out !== null && sameBytes(answers, this.out.public);
  }

  /**
   * Return what a hello of the peer leads to.
   * @param {Hello} hello
   * @param {number} now In milliseconds, of any clock.
   * @returns {Step}
   */
  receive({ key, answers }, now) {
    const own = this.out;
    if (own && this.isEcho({ key, answers })) {
      this.out = null;
      this.adopted = { own: own.public, peer: key };
      const isTold = this.#answered !== null && sameBytes(this.#answered, key);
      return { adopt: { own, peerKey: key }, send: isTold ? undefined : { key: own.public, answers: key } };
    }
    const isAdopted = this.adopted && sameBytes(this.adopted.own, answers) && sameBytes(this.adopted.peer, key);
    if (isAdopted || this.#isFlooded(now)) return {};
    this.out ??= this.#newPair();
    this.#answered = key;
    return { send: { key: this.out.public, answers: key } };
  }

  /** @param {number} now */
  #isFlooded(now) {
    if (this.#times.length === MAX_ANSWERS && now - this.#times[0] < 1000) return true;
    this.#times = [...this.#times, now].slice(-MAX_ANSWERS);
    return false;
  }
}

/** Return the text of a hello's box. @param {Hello} hello */
export const helloBytes = ({ key, answers }) => joined(key, answers);

/** Return the hello of a box. @param {Uint8Array} text @returns {Hello} @throws {DoesNotOpen} */
export function readHello(text) {
  if (text.length !== 2 * KEY_BYTES) throw new DoesNotOpen();
  return { key: text.slice(0, KEY_BYTES), answers: text.slice(KEY_BYTES) };
}
