// The secrets of a guest in a sealed session.

import { ProximError } from "./errors.js";
import { nameOfLink } from "./link.js";
import { loadSeal } from "./load-seal.js";
import { SealedSignals } from "./sealed-signals.js";

/** @import { SealCode } from "./load-seal.js" */
/** @import { GuestState, SealedGuest } from "./seal/guest.js" */
/** @import { Received, SealedPeer } from "./seal/peer.js" */
/** @import { Session } from "./session.js" */
/** @import { LinkSeal, SessionType } from "./types.js" */

/**
 * What the browser keeps where it keeps the token to come back: `asked` until the host's answer has opened, and then
 * the `secret` alone (base64url). `link` is the `nameOfLink`. `until` is when the session ends, by this device's
 * clock.
 * @typedef {{ name: string, link?: string, asked?: GuestState, secret?: string, hostName?: string, type?: SessionType,
 *   until?: number | null }} GuestKept
 */

/** Keeps the secrets of one sealed session at its guest, and opens what the host seals for it. */
export class GuestSecret {
  #sessionId;
  /** @type {LinkSeal | undefined} */
  #link;
  /** @type {SealCode | null} */
  #code = null;
  /** @type {SealedGuest | null} */
  #guest = null;
  /** @type {SealedPeer | null} */
  #peer = null;
  /** @type {string | null} */
  #returnSeal = null;
  #isReturning = false;

  /**
   * @param {string} sessionId
   * @param {LinkSeal | undefined} link None for a seat that is taken again.
   * @param {GuestKept | undefined} kept What this browser has of the session.
   */
  constructor(sessionId, link, kept) {
    this.#sessionId = sessionId;
    this.#link = link;
    const isOfLink = !link || (kept?.asked && kept.link === nameOfLink(link));
    this.kept = isOfLink ? kept : undefined;
    /** Whether the host itself has said no. */
    this.isDeclined = false;
  }

  /** Load the code, and the secrets that were kept. @throws {ProximError} `connection_lost` */
  async load() {
    this.#code ??= await loadSeal();
    const { asked, secret } = this.kept ?? {};
    if (asked) this.#guest ??= this.#code.SealedGuest.restore(asked);
    if (secret) this.#peer ??= new this.#code.SealedPeer("g", this.#code.decode64(secret));
  }

  /**
   * Return the request's fields: the same ones if this browser has asked before, since its answer may have been lost.
   * @param {string} name
   * @throws {ProximError} `invalid_link`, `bad_message` if the name is not allowed.
   */
  async request(name) {
    const code = /** @type {SealCode} */ (this.#code);
    if (!this.#guest) {
      const link = code.sealedLink({ sessionId: this.#sessionId, seal: /** @type {LinkSeal} */ (this.#link) });
      this.#guest = await code.SealedGuest.ask(link, name).catch((error) => {
        const isName = /name/.test(error.message);
        throw new ProximError(isName ? "bad_message" : "invalid_link", error.message, { cause: error });
      });
      this.kept = { name, link: this.#link && nameOfLink(this.#link), asked: this.#guest.state };
    }
    const { token, seal } = this.#guest.state;
    return { token, seal };
  }

  /** The number to show, null before the host's acknowledgement has opened. */
  get code() {
    return this.#peer ? null : (this.#guest?.code ?? null);
  }

  /** Take the host's acknowledgement, and return whether the host has sealed it. @param {unknown} ack */
  takeAck(ack) {
    if (this.#peer) return true;
    if (!this.#guest?.takeAck(ack)) return false;
    this.kept = { ...this.#kept, asked: this.#guest.state };
    return true;
  }

  /**
   * Take the host's answer, and return whether the guest is approved.
   * @param {unknown} seal @param {boolean} isApproved What the node says.
   */
  takeAnswer(seal, isApproved) {
    if (this.#peer) return isApproved;
    const answer = this.#guest?.takeAnswer(seal, isApproved);
    const code = /** @type {SealCode} */ (this.#code);
    this.isDeclined = answer?.approved === false;
    this.#peer = this.#guest?.peer ?? null;
    if (!answer || !this.#peer) return false;
    const until = answer.left === null ? null : Date.now() + answer.left * 1000;
    const secret = code.encode64(this.#peer.secret);
    const { name, link } = this.#kept;
    this.kept = { name, link, secret, hostName: answer.name, type: answer.type, until };
    return true;
  }

  /** Whether the host has approved this guest. */
  get isApproved() {
    return this.#peer !== null;
  }

  /** Whether the host would open the session again after a restart of the node. */
  get canReturn() {
    return this.isApproved && ["persistent", "temporary"].includes(this.kept?.type ?? "");
  }

  /** Return the fields of the request of a guest that comes back: the same ones until the node has taken it. */
  returnRequest() {
    const [code, peer] = [/** @type {SealCode} */ (this.#code), /** @type {SealedPeer} */ (this.#peer)];
    this.#returnSeal ??= code.returnSeal(peer);
    this.#isReturning = true;
    return { token: code.reopenToken(peer.secret), seal: this.#returnSeal };
  }

  /** The node has taken the request. */
  returnAsked() {
    this.#returnSeal = null;
  }

  /**
   * Take the host's answer to such a request, and return what it leads to; null if this guest waits for none.
   * @param {unknown} seal @returns {Received | null}
   */
  takeReturn(seal) {
    if (!this.#isReturning) return null;
    this.#isReturning = false;
    const [code, peer] = [/** @type {SealCode} */ (this.#code), /** @type {SealedPeer} */ (this.#peer)];
    return code.takeReturn(peer, seal, performance.now());
  }

  /** Return the signals of the session, once approved. @param {Session} session */
  signals(session) {
    const [code, peer] = [/** @type {SealCode} */ (this.#code), /** @type {SealedPeer} */ (this.#peer)];
    return new SealedSignals(code, peer, session, this.#kept.until);
  }

  get #kept() {
    return /** @type {GuestKept} */ (this.kept);
  }
}
