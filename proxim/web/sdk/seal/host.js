// The host's side of a sealed pairing (sealing: What the host checks).

import { sealAnswer } from "./answer.js";
import { openAsk, REQUEST } from "./ask.js";
import { sealBox } from "./box.js";
import { decode64, DoesNotOpen, drawRandom, encode64, KEY_BYTES } from "./encoding.js";
import { codeOf, exchange, hashOf, linkSecrets, newPair, pairOf, reopenToken } from "./keys.js";
import { sealedLinkText } from "./link.js";
import { SealedPeer } from "./peer.js";

/** @import { Terms } from "./answer.js" */
/** @import { Visitor, WireKnown } from "./device.js" */
/** @import { Draw, KeyPair } from "./encoding.js" */

/**
 * The secrets of one link. The node learns the `tokenHash` only.
 * @typedef {{ seed: Uint8Array, private: Uint8Array, tokenHash: string }} LinkKeys
 */

/**
 * What to do about a prompt:
 *
 * - `asked`: ask the person about `name`, and send `ack` as `pair_ack` at once. If `isNew` is false the same
 *   request came again: the prompt is the same, and the `ack` too. `visitor` is the device that has signed it;
 * - `returned`: approve with `seal`, and ask nobody, since the guest was approved before;
 * - `tampered`: reject and close the session, since somebody stripped or replaced the request;
 * - `does_not_open`: reject. It does not count as a denial;
 * - `unknown`: another page of the owner has the keys: do nothing, and say so.
 * @typedef {{ kind: "asked", name: string, ack: string, isNew: boolean, visitor?: Visitor, guestKey?: Uint8Array } |
 *   { kind: "returned", seal: string } |
 *   { kind: "tampered" | "does_not_open" | "unknown" }} Verdict
 */

/** @typedef {{ approve: boolean, seal: string }} Decision The fields of `pair_decision`. */

/**
 * What a host keeps of a session: all of it is secret. The texts are base64url.
 * @typedef {{ links: { seed: string, private: string }[], seal: string | null,
 *   asked: { name: string, ack: string, dk?: string, t?: string } | null,
 *   pending: { secret: string, private: string, guestKey: string } | null,
 *   decision: Decision | null, secret: string | null, isShown?: boolean, isStanding?: boolean }} HostState
 */

/** Return the secrets of a new link. @param {Draw} [draw] @returns {LinkKeys} */
export const newLink = (draw = drawRandom) => keysOf(draw(KEY_BYTES), draw(KEY_BYTES));

/** Return the secrets of a link. @param {Uint8Array} seed @param {Uint8Array} own @returns {LinkKeys} */
export const keysOf = (seed, own) => ({ seed, private: own, tokenHash: linkSecrets(seed).tokenHash });

/** The keys of one session's links, and the one request that it opens. */
export class SealedHost {
  #draw;
  /** @type {LinkKeys[]} */
  #keys;
  /** @type {string | null} */
  #seal = null;
  /** @type {HostState["asked"]} */
  #asked = null;
  /** @type {{ seal: string, verdict: Verdict } | null} */
  #returned = null;
  /** @type {{ secret: Uint8Array, own: KeyPair, guestKey: Uint8Array, isRestored: boolean } | null} */
  #pending = null;
  /** Whether a prompt has come for a link, so that a node has seen its token. */
  #isShown = false;
  /** Whether the link is that of a known device. */
  isStanding;
  /** @type {Promise<unknown>} */
  #turn = Promise.resolve();

  /**
   * @param {string} sessionId
   * @param {{ keys?: LinkKeys, secret?: Uint8Array, state?: HostState, draw?: Draw, isStanding?: boolean }} [from] The
   *   secrets of the link of a new session, the secret of a session that was approved, or the `state` before a reload.
   *   The link of a known device (`isStanding`) stays after a request.
   */
  constructor(sessionId, { keys, secret, state, draw = drawRandom, isStanding = false } = {}) {
    this.sessionId = sessionId;
    this.#draw = draw;
    this.isStanding = isStanding;
    this.#keys = keys ? [keys] : [];
    /** The session's other part, once the guest is approved. */
    this.peer = secret ? new SealedPeer("h", secret, draw) : null;
    /** The decision that was made, to send it again after a reconnect. @type {Decision | null} */
    this.decision = null;
    if (state) this.#restore(state);
  }

  /** What to keep over a reload. It changes with each call of a method. @returns {HostState} */
  get state() {
    const pending = this.#pending;
    return {
      links: this.#keys.map(({ seed, private: own }) => ({ seed: encode64(seed), private: encode64(own) })),
      seal: this.#seal,
      asked: this.#asked,
      pending: pending && {
        secret: encode64(pending.secret),
        private: encode64(pending.own.private),
        guestKey: encode64(pending.guestKey),
      },
      decision: this.decision,
      secret: this.peer && encode64(this.peer.secret),
      isShown: this.#isShown,
      isStanding: this.isStanding,
    };
  }

  /** Whether there is a link to show. */
  get hasLink() {
    return this.#keys.length > 0;
  }

  /**
   * The hash of the token to open this session again with, after the node has forgotten it; null if there is none. Who
   * has a photo of a link that was used can do nothing with it: its token is not given to a node again. That of a
   * standing link is, since only the device has it.
   */
  get reopenHash() {
    if (this.isStanding) return this.#keys.at(0)?.tokenHash ?? null;
    if (this.peer) return hashOf(reopenToken(this.peer.secret));
    return this.#isShown ? null : (this.#keys.at(0)?.tokenHash ?? null);
  }

  /** The node has opened the session again: what it prompts for now is new. */
  reopened() {
    this.#seal = null;
    this.#returned = null;
  }

  /** A prompt has come. Store the state before it is opened. */
  shown() {
    this.#isShown = true;
  }

  /** Whether a request waits for its decision. */
  get isPending() {
    return this.#pending !== null;
  }

  /** The name of the guest that has asked, null before. */
  get name() {
    return this.#asked?.name ?? null;
  }

  /**
   * Return the link to show, the latest that is confirmed.
   * @param {string} page Where it leads.
   * @throws {RangeError} If this side has no keys for one.
   */
  link(page) {
    const keys = this.#keys.at(0);
    if (!keys) throw new RangeError("this session has no link that this side could open");
    return sealedLinkText(page, { sessionId: this.sessionId, seed: keys.seed, hostKey: pairOf(keys.private).public });
  }

  /**
   * Return the secrets of a new link, for `renew_link`. Those before are kept until `renewed`: the answer may be
   * lost, and either link be valid.
   */
  renew() {
    const keys = newLink(this.#draw);
    this.#keys.push(keys);
    return keys;
  }

  /** Forget all links before that of `keys`, after its `link_renewed`. @param {LinkKeys} keys */
  renewed(keys) {
    this.#keys.splice(0, Math.max(this.#keys.indexOf(keys), 0));
  }

  /**
   * Return what to do about the `seal` of a `pair_prompt`. Prompts are taken one after the other.
   * @param {string | undefined} seal
   * @param {number} now In milliseconds, of any clock.
   * @returns {Promise<Verdict>}
   */
  takePrompt(seal, now) {
    const taken = this.#turn.then(() => this.#takePrompt(seal, now));
    this.#turn = taken.catch(() => {});
    return taken;
  }

  /**
   * Return the decision of a person who typed `code`: a wrong one is a rejection.
   * @param {string} code
   * @param {Terms} terms
   * @param {WireKnown} [known] The grant of a device that the person wants to remember.
   * @returns {Decision}
   * @throws {RangeError} If `code` does not have three digits; it decides nothing then.
   */
  approve(code, terms, known) {
    if (!/^[1-9][0-9]{2}$/.test(code)) throw new RangeError("a code has three digits, 100 to 999");
    const { secret, own } = this.#needPending();
    const isRight = isSameCode(code, codeOf(secret, own.public));
    return this.#decide(isRight, terms, isRight ? known : undefined);
  }

  /**
   * Return the decision of a host that lets in whoever asks, or a known device, without a number.
   * @param {Terms} terms
   * @param {WireKnown} [known] The next ticket of a known device.
   */
  approveUnchecked(terms, known) {
    return this.#decide(true, terms, known);
  }

  /** Return the decision of a person who says no. @param {Terms} terms @param {string} [gone] Why a device is not known any more. */
  decline(terms, gone) {
    return this.#decide(false, terms, gone === undefined ? undefined : { gone });
  }

  /** @param {HostState} state */
  #restore({ links, seal, asked, pending, decision, secret, isShown = false, isStanding = false }) {
    this.#isShown = isShown;
    this.isStanding = isStanding;
    this.#keys = links.map((each) => keysOf(decode64(each.seed), decode64(each.private)));
    this.#seal = seal;
    this.#asked = asked;
    this.#pending = pending && {
      secret: decode64(pending.secret),
      own: pairOf(decode64(pending.private)),
      guestKey: decode64(pending.guestKey),
      isRestored: true,
    };
    this.decision = decision;
    this.peer = secret === null ? null : new SealedPeer("h", decode64(secret), this.#draw);
  }

  /** @param {string | undefined} seal @param {number} now @returns {Promise<Verdict>} */
  async #takePrompt(seal, now) {
    if (this.#asked && seal === this.#seal) return this.#askedAgain(this.#asked);
    if (this.#returned && seal === this.#returned.seal) return this.#returned.verdict;
    if (this.#seal === null && !this.peer && this.#keys.length === 0) return { kind: "unknown" };
    if (typeof seal !== "string") return { kind: "tampered" };
    let verdict;
    try {
      verdict = await this.#open(decode64(seal), now);
    } catch (error) {
      const hasOpened = this.#seal !== null || this.#returned !== null;
      if (error instanceof DoesNotOpen) return { kind: hasOpened ? "tampered" : "does_not_open" };
      throw error;
    }
    // The guest keeps the name of its first request: a later one has none.
    if (verdict.kind === "returned") this.#returned = { seal, verdict };
    else this.#seal = seal;
    return verdict;
  }

  /** @param {Uint8Array} content @param {number} now @returns {Promise<Verdict>} */
  async #open(content, now) {
    if (content[0] === REQUEST.back && this.peer) {
      const box = this.peer.answerBox(content.slice(1), now);
      if (box) return { kind: "returned", seal: encode64(box) };
    }
    // A standing link has its keys also after a request.
    const isFirst = this.#seal === null && !this.peer;
    for (const keys of isFirst ? [...this.#keys].reverse() : []) {
      const ask = await openAsk(content, this.sessionId, keys).catch((error) => {
        if (error instanceof DoesNotOpen) return null;
        throw error;
      });
      if (ask) return this.#ask(ask);
    }
    throw new DoesNotOpen();
  }

  /** @param {NonNullable<HostState["asked"]>} asked @returns {Verdict} */
  #askedAgain({ name, ack, dk, t }) {
    const visitor = dk ? { key: decode64(dk), ticket: t ? decode64(t) : null } : undefined;
    return { kind: "asked", name, ack, isNew: false, ...(visitor && { visitor, guestKey: this.#pending?.guestKey }) };
  }

  /** @param {Awaited<ReturnType<typeof openAsk>>} ask @returns {Verdict} */
  #ask({ name, key, secret, visitor }) {
    const own = newPair(this.#draw);
    exchange(own.private, key);
    const ack = encode64(sealBox(secret, "ack", "h", own.public, this.#draw));
    this.#pending = { secret, own, guestKey: key, isRestored: false };
    if (!this.isStanding) this.#keys = [];
    this.#asked = { name, ack };
    if (visitor) this.#asked.dk = encode64(visitor.key);
    if (visitor?.ticket) this.#asked.t = encode64(visitor.ticket);
    return { kind: "asked", name, ack, isNew: true, ...(visitor && { visitor, guestKey: key }) };
  }

  #needPending() {
    if (!this.#pending) throw new RangeError("no request waits for a decision");
    return this.#pending;
  }

  /** @param {boolean} approve @param {Terms} terms @param {WireKnown} [known] @returns {Decision} */
  #decide(approve, terms, known) {
    const { secret, own, guestKey, isRestored } = this.#needPending();
    const seal = encode64(sealAnswer(secret, approve, terms, this.#draw, known));
    if (approve) {
      this.peer = new SealedPeer("h", secret, this.#draw);
      this.peer.adopt(own, guestKey, isRestored);
    }
    this.#pending = null;
    this.decision = { approve, seal };
    return this.decision;
  }
}

/** Return whether two codes are the same, in a time that reveals neither. @param {string} one @param {string} other */
function isSameCode(one, other) {
  let difference = 0;
  for (let at = 0; at < 3; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}
