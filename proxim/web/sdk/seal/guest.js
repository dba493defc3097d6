// The guest's side of a sealed pairing (sealing: What the guest checks).

import { openAnswer } from "./answer.js";
import { REQUEST, sealAsk } from "./ask.js";
import { openBox } from "./box.js";
import { decode64, DoesNotOpen, drawRandom, encode64, joined, KEY_BYTES, sameBytes } from "./encoding.js";
import { codeOf, exchange, linkSecrets, newPair, pairOf } from "./keys.js";
import { SealedPeer } from "./peer.js";

/** @import { Answer } from "./answer.js" */
/** @import { Signer } from "./device.js" */
/** @import { Draw } from "./encoding.js" */
/** @import { SealedLink } from "./link.js" */

/**
 * What a guest keeps until the answer, to go on after a reload: all of it is secret. `token` and `seal` are the
 * fields of its `pair_request`, which it sends again unchanged if no `pair_pending` came. The others are base64url.
 * @typedef {{ token: string, seal: string, secret: string, private: string, hostKey: string | null }} GuestState
 */

/** Asks to pair by a sealed link, shows the number, and believes only the host's own answer. */
export class SealedGuest {
  #draw;
  #isRestored;

  /** @param {GuestState} state @param {Draw} [draw] @param {boolean} [isRestored] Whether the state was stored. */
  constructor(state, draw = drawRandom, isRestored = false) {
    this.#draw = draw;
    this.#isRestored = isRestored;
    /** Store it again after `takeAck`. */
    this.state = state;
    /** The session's other part, once the host has approved. @type {SealedPeer | null} */
    this.peer = null;
  }

  /**
   * Return a guest with a request to send.
   * @param {SealedLink} link
   * @param {string} name
   * @param {Draw} [draw]
   * @param {Signer | null} [device] The key of this device, if the host may remember it.
   * @throws {RangeError} If the name is not allowed, or the key in the link is not a key.
   */
  static async ask(link, name, draw = drawRandom, device = null) {
    const own = newPair(draw);
    const { seal, secret } = await sealAsk(link, name, own.public, draw, device);
    const { token } = linkSecrets(link.seed);
    const state = { token, seal, secret: encode64(secret), private: encode64(own.private), hostKey: null };
    return new SealedGuest(state, draw);
  }

  /** Return the guest of a state that was stored, and that another page may have, too. @param {GuestState} state */
  static restore(state) {
    return new SealedGuest(state, drawRandom, true);
  }

  /** The number to show, three digits; null before the ack. */
  get code() {
    const { hostKey } = this.state;
    return hostKey === null ? null : codeOf(this.#secret, decode64(hostKey, KEY_BYTES));
  }

  /**
   * Take the `seal` of `pair_ack` or `resumed.ack`, and return whether it opens. The first one that opens counts.
   * @param {unknown} ack
   */
  takeAck(ack) {
    let key;
    try {
      key = openBox(this.#secret, "ack", "h", decode64(ack));
      exchange(decode64(this.state.private), key);
    } catch (error) {
      if (error instanceof DoesNotOpen) return false;
      throw error;
    }
    if (this.state.hostKey === null) this.state = { ...this.state, hostKey: encode64(key) };
    return sameBytes(key, decode64(this.state.hostKey));
  }

  /**
   * Return the host's answer in `pair_result` or `resumed`; null if it does not open.
   *
   * The guest is approved only if the answer says so, too; then `peer` is set. Show a rejection without an answer
   * as not confirmed by the host.
   * @param {unknown} seal
   * @param {boolean} isApproved What the node says.
   * @returns {Answer | null}
   */
  takeAnswer(seal, isApproved) {
    try {
      const answer = openAnswer(this.#secret, decode64(seal));
      if (answer.approved && isApproved) this.peer = this.#newPeer();
      return answer;
    } catch (error) {
      if (error instanceof DoesNotOpen) return null;
      throw error;
    }
  }

  get #secret() {
    return decode64(this.state.secret, KEY_BYTES);
  }

  #newPeer() {
    const peer = new SealedPeer("g", this.#secret, this.#draw);
    const { hostKey } = this.state;
    if (hostKey !== null) peer.adopt(pairOf(decode64(this.state.private)), decode64(hostKey), this.#isRestored);
    return peer;
  }
}

/**
 * Take the host's `pair_result.seal` for a guest that comes back. The guest is approved if `peer` is ready then.
 * @param {SealedPeer} peer
 * @param {unknown} seal
 * @param {number} now In milliseconds, of any clock.
 */
export const takeReturn = (peer, seal, now) => peer.receive({ s: 1, h: String(seal) }, now);

/** Return the `pair_request.seal` of a guest that comes back to a session opened again. @param {SealedPeer} peer */
export const returnSeal = (peer) => encode64(joined(new Uint8Array([REQUEST.back]), peer.startBox()));
