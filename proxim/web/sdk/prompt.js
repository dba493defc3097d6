// A guest's request, as the host sees it.

import { asDate, momentIn } from "./clock.js";
import { addDenial, areManyDenials } from "./denials.js";
import { ProximError } from "./errors.js";

/** @import { HostSession } from "./host-session.js" */
/** @import { DeviceInfo, KnownDevice, Message, Remember } from "./types.js" */

/** The number of one request to pair. */
export const CODE = /^[1-9][0-9]{2}$/;

/** A guest asks to pair. Its name and id are unverified claims. */
export class Prompt extends Event {
  #expiresAt;
  #sessionId;
  #marks;

  /** @internal @param {HostSession} session @param {Message} message */
  constructor(session, message) {
    super("prompt");
    /** The session that the guest asks for. */
    this.session = session;
    this.#sessionId = session.id;
    /** @type {DeviceInfo} The guest's claim who it is. */
    this.deviceInfo = message.device_info;
    this.#marks = session._marks;
    /**
     * Whether a person has declined such requests twice in the last ten minutes: those of this link, of this device's
     * key, or of unknown devices, if this one is unknown. Show the prompt without a sound or a dialog then.
     */
    this.isSilent = areManyDenials(this.#marks);
    this.#expiresAt = momentIn(message.expires_in);
  }

  /** @type {KnownDevice | null} The known device that asks. Its approval needs no number. */
  get device() {
    return this.session.device;
  }

  /** Whether `approve` can remember the device: its page and the node allow that, and this host has no `seats`. */
  get canRemember() {
    return this.session._canRemember;
  }

  /** When the prompt expires, in the time of `Date.now()`. */
  get expiresAt() {
    return asDate(this.#expiresAt);
  }

  /**
   * Approve the guest.
   * @param {string} [code] The three digits that the guest shows, for a session that is sealed or has
   *   `confirm: "code"`. There is one attempt: with another number the guest is declined.
   * @param {{ remember?: Remember }} [options] With `remember` the guest's device can come back without a number, also
   *   after months: each time there is a `visit`. The session has to be sealed.
   * @throws {ProximError} `code_required`; the prompt stays. `wrong_code`; the session has ended.
   *   `already_decided` if it is too late. `not_supported` if the device cannot be remembered, `limit_reached` if the
   *   node or this browser remembers no more; the prompt stays.
   */
  async approve(code, { remember } = {}) {
    this.#check();
    const { id, confirm } = this.session;
    if (confirm === "code" && !CODE.test(code ?? "")) {
      throw new ProximError("code_required", "the number that the guest shows is missing", { sessionId: id });
    }
    if (remember && !this.canRemember) {
      throw new ProximError("not_supported", "the device's page, the node or this host does not allow to remember it", { sessionId: id });
    }
    const { status } = await this.session._decide(true, code, remember);
    if (status === "rejected") {
      throw new ProximError("wrong_code", "the guest shows another number, and was declined", { sessionId: id });
    }
  }

  /**
   * Approve the guest of a sealed session without the number. Then any device that has seen the link gets in: only
   * for hosts that let in whoever asks.
   * @throws {ProximError} `already_decided` if it is too late.
   */
  async approveUnchecked() {
    this.#check();
    await this.session._decide(true);
  }

  /** Decline the guest; the session ends. */
  async decline() {
    this.#check();
    addDenial(this.#marks);
    await this.session._decide(false);
  }

  /** Throw if the session waits for another guest than this one, after a restart of the node. */
  #check() {
    if (this.session.id === this.#sessionId) return;
    const why = "the node was restarted, and has forgotten this request";
    throw new ProximError("already_decided", why, { sessionId: this.#sessionId });
  }
}
