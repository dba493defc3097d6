// The secrets of a guest in a sealed session.

import { ProximError, sessionEnded } from "./errors.js";
import { nameOfLink } from "./link.js";
import { loadKnown, loadSeal } from "./load-seal.js";
import { SealedSignals } from "./sealed-signals.js";

/** @import { GuestDevice } from "./known/grants.js" */
/** @import { SealCode } from "./load-seal.js" */
/** @import { Gone, Known } from "./seal/device.js" */
/** @import { GuestState, SealedGuest } from "./seal/guest.js" */
/** @import { Received, SealedPeer } from "./seal/peer.js" */
/** @import { Session } from "./session.js" */
/** @import { LinkSeal, SessionInfo, SessionType } from "./types.js" */

/**
 * What the browser keeps where it keeps the token to come back: `asked` until the host's answer has opened, and then
 * the `secret` alone (base64url). `link` is the `nameOfLink`. `until` is when the session ends, by this device's
 * clock. `grantId` is the grant of the host, `ticket` the one in the request of a visit, `token` that of its link.
 * @typedef {{ name: string, link?: string, asked?: GuestState, secret?: string, hostName?: string, type?: SessionType,
 *   until?: number | null, grantId?: string, ticket?: string, token?: string }} GuestKept
 */
/**
 * What the host may know of this browser: its grant by which it visits, or whether the host may remember it.
 * @typedef {{ nodeUrl: string, grantId?: string, isOffered?: boolean }} Acquaintance
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
  #acquaintance;
  /** @type {GuestDevice | null} */
  #device = null;
  /** @type {{ known?: Known, name: string } | null} What the answer brought, and is not stored yet. */
  #news = null;
  /** @type {Gone | null} Why the host does not know this device any more. */
  gone = null;

  /**
   * @param {string} sessionId
   * @param {LinkSeal | undefined} link None for a seat that is taken again, and for a visit.
   * @param {GuestKept | undefined} kept What this browser has of the session.
   * @param {Acquaintance} acquaintance
   */
  constructor(sessionId, link, kept, acquaintance) {
    this.#sessionId = sessionId;
    this.#acquaintance = acquaintance;
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
    this.#device ??= await this.#loadDevice(asked);
  }

  /** @param {GuestState} [asked] */
  async #loadDevice(asked) {
    const { nodeUrl, grantId, isOffered } = this.#acquaintance;
    const id = grantId ?? this.kept?.grantId;
    if (!id && (!isOffered || (this.kept && !asked))) return null;
    const { GuestDevice } = await loadKnown();
    const device = id ? GuestDevice.granted(id, nodeUrl, this.#sessionId) : GuestDevice.offered(nodeUrl, this.#sessionId);
    // A browser may forbid its storage: then this device cannot be remembered.
    return device.catch(() => null);
  }

  /** Whether the host knows this device, or may remember it. */
  get hasDevice() {
    return this.#device !== null;
  }

  /** Whether another tab has stored a newer ticket than that of the request. */
  async hasNewTicket() {
    const ticket = (await this.#device?.signer())?.ticket;
    return Boolean(ticket) && /** @type {SealCode} */ (this.#code).encode64(/** @type {Uint8Array} */ (ticket)) !== this.kept?.ticket;
  }

  /** Whether the host knows this device, and needs no number. */
  get isVisit() {
    return Boolean(this.#acquaintance.grantId ?? this.kept?.token);
  }

  /** Whether what was kept is that of a visit by the grant, whose link no other host has. */
  get isOfGrant() {
    const [code, link] = [/** @type {SealCode} */ (this.#code), this.#device?.link];
    return Boolean(link) && this.kept?.token === code.linkSecrets(code.decode64(/** @type {LinkSeal} */ (link).seed)).token;
  }

  /**
   * Run `act` while no other tab uses the ticket of this device.
   * @template T @param {() => Promise<T>} act @returns {Promise<T>}
   */
  locked(act) {
    return this.#device ? this.#device.locked(act) : act();
  }

  /**
   * Return the request's fields: the same ones if this browser has asked before, since its answer may have been lost.
   * @param {string} name
   * @throws {ProximError} `invalid_link`, `bad_message` if the name is not allowed, `session_ended` if this browser has
   *   no grant any more.
   */
  async request(name) {
    const code = /** @type {SealCode} */ (this.#code);
    const signer = (await this.#device?.signer()) ?? null;
    const ticket = signer?.ticket ? code.encode64(signer.ticket) : undefined;
    if (this.isVisit && !ticket) throw sessionEnded("expired", "forgotten", this.#sessionId);
    if (!this.#guest || this.#kept.ticket !== ticket) {
      const seal = /** @type {LinkSeal} */ (this.isVisit ? this.#device?.link : this.#link);
      const link = code.sealedLink({ sessionId: this.#sessionId, seal });
      this.#guest = await code.SealedGuest.ask(link, name, undefined, signer).catch((error) => {
        const isName = /name/.test(error.message);
        throw new ProximError(isName ? "bad_message" : "invalid_link", error.message, { cause: error });
      });
      this.kept = { name, link: this.#link && nameOfLink(this.#link), asked: this.#guest.state, ticket };
      if (this.isVisit) this.kept.token = this.#guest.state.token;
    }
    const { token, seal } = this.#guest.state;
    return { token, seal };
  }

  /** The number to show, null before the host's acknowledgement has opened, and in a visit. */
  get code() {
    return this.#peer || this.isVisit ? null : (this.#guest?.code ?? null);
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
    if (answer) this.#news = { known: answer.known, name: answer.name };
    if (answer?.known && "gone" in answer.known) this.gone = answer.known.gone;
    this.#peer = this.#guest?.peer ?? null;
    if (!answer || !this.#peer) return false;
    const until = answer.left === null ? null : Date.now() + answer.left * 1000;
    const secret = code.encode64(this.#peer.secret);
    const { name, link, token, grantId } = this.#kept;
    this.kept = { name, link, token, grantId, secret, hostName: answer.name, type: answer.type, until };
    return true;
  }

  /** Store what the answer brought for this device. Returns null if there is nothing to wait for. */
  store() {
    const [device, news] = [this.#device, this.#news];
    this.#news = null;
    if (!device || !news) return null;
    const stored = device.take(news.known, news.name).then(() => {
      if (!this.kept || !device.grantId || this.gone) return;
      Object.assign(this.kept, { grantId: device.grantId, hostName: device.hostName });
    });
    if (news.known) return stored;
    stored.catch(() => {});
    return null;
  }

  /** The host does not know this device any more. Return whether it knew it. @param {unknown} why */
  forget(why) {
    if (!this.#device?.grantId) return false;
    const code = /** @type {SealCode} */ (this.#code);
    this.gone = code.goneOf(String(why));
    this.#device.take({ gone: this.gone }, "").catch(() => {});
    return true;
  }

  /** Return the end of the session, with what the host itself has said of it. @param {ProximError} error */
  endOf(error) {
    if (this.gone && this.isVisit && error.status) return sessionEnded(error.status, this.gone, this.#sessionId);
    if (error.reason === "rejected" && !this.isDeclined) return sessionEnded("rejected", "unconfirmed", this.#sessionId);
    return error;
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
    return { token: this.#kept.token ?? code.reopenToken(peer.secret), seal: this.#returnSeal };
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

  /** Return the signals of the session, once approved. In a visit the host waits for a first one. @param {Session} session */
  signals(session) {
    const [code, peer] = [/** @type {SealCode} */ (this.#code), /** @type {SealedPeer} */ (this.#peer)];
    const echo = this.isVisit ? peer.echo() : null;
    if (echo) session._sendSignal(echo);
    return new SealedSignals(code, peer, session, this.#kept.until);
  }

  get #kept() {
    return /** @type {GuestKept} */ (this.kept);
  }
}

/**
 * Return what the node says of a session, with what the host and this side know better.
 * @param {SessionInfo} info @param {GuestSecret | null} secret
 */
export function corrected(info, secret) {
  const { name, type } = secret?.kept ?? {};
  const device_info = info.device_info && { ...info.device_info, name: name ?? info.device_info.name };
  return { ...info, device_info, session_type: type ?? info.session_type };
}
