// The device that asks in a host's session: the host may know it, or remember it.

/** @import { Host } from "./host.js" */
/** @import { HostSession } from "./host-session.js" */
/** @import { Terms } from "./seal/answer.js" */
/** @import { Visitor } from "./seal/device.js" */
/** @import { Decision, SealedHost, Verdict } from "./seal/host.js" */
/** @import { Remember } from "./types.js" */

export class Visit {
  /** @type {Visitor | null} The device that has signed the request. */
  visitor = null;
  /** Whether an approval is being stored. */
  isDeciding = false;
  #session;
  #host;
  #hasBegun = false;
  #isUsed = false;

  /** @param {HostSession} session @param {Host} host */
  constructor(session, host) {
    this.#session = session;
    this.#host = host;
  }

  /**
   * Approve a known device, or one to remember; what is sent to it is stored before. Returns null if the prompt has
   * ended meanwhile.
   * @param {SealedHost} sealedHost @param {Terms} terms @param {string} [code] @param {Remember} [remember]
   * @returns {Promise<Decision | null>}
   */
  async decide(sealedHost, terms, code, remember) {
    this.isDeciding = true;
    try {
      return remember ? await this.#remember(sealedHost, terms, String(code), remember) : await this.#approve(sealedHost, terms);
    } finally {
      this.isDeciding = false;
    }
  }

  /** @param {SealedHost} sealedHost @param {Terms} terms */
  async #approve(sealedHost, terms) {
    const standing = await this.#host._devices.load();
    const known = await standing.approve(this.#session.id, this.visitor);
    if (this.#session.over || !sealedHost.isPending) return null;
    // Another visit has used the ticket, or the device was forgotten.
    return known ? sealedHost.approveUnchecked(terms, known) : sealedHost.decline(terms);
  }

  /** @param {SealedHost} sealedHost @param {Terms} terms @param {string} code @param {Remember} remember */
  async #remember(sealedHost, terms, code, remember) {
    const standing = await this.#host._devices.load();
    const visitor = /** @type {Visitor} */ (this.visitor);
    const { id, known } = await standing.remember(remember, visitor, this.#session.id);
    const isOpen = !this.#session.over && sealedHost.isPending;
    const decision = isOpen ? sealedHost.approve(code, terms, known) : null;
    if (!decision?.approve) await standing.undo(id);
    return decision;
  }

  /**
   * Judge the request of a known device, decline it unless it may visit, and return whether it may.
   * @param {Verdict & { kind: "asked" }} request @param {() => boolean} isCurrent Whether the prompt has not ended.
   */
  async isWelcome(request, isCurrent) {
    const standing = await this.#host._devices.load();
    // What cannot be stored is not acted upon.
    const { visit, gone } = await standing.judge(this.#session.id, request).catch(() => ({ visit: "replay", gone: undefined }));
    if (!isCurrent()) return false;
    const isWelcome = visit === "ask" || visit === "auto";
    if (!isWelcome) this.#session._declineVisit(gone, visit === "replay");
    else if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#host._visited(this.#session);
    }
    return isWelcome;
  }

  /** The guest has sent something sealed. */
  heard() {
    if (!this.#session.device || this.#isUsed) return;
    this.#isUsed = true;
    // If this is not stored, the ticket before stays good.
    this.#host._devices.standing?.used(this.#session.id).catch(() => {});
  }
}
