// The host's side of one session, and its prompt.

import { asDate, momentIn } from "./clock.js";
import { ProximError } from "./errors.js";
import { dispatch, emit } from "./events.js";
import { pageAddress } from "./link.js";
import { Session } from "./session.js";

/** @import { Host } from "./host.js" */
/** @import { DeviceInfo, Message, SessionType } from "./types.js" */

/** The number of one request to pair. */
export const CODE = /^[1-9][0-9]{2}$/;

/** A guest asks to pair. Its name and id are unverified claims. */
export class Prompt extends Event {
  #expiresAt;

  /** @internal @param {HostSession} session @param {Message} message */
  constructor(session, message) {
    super("prompt");
    /** The session that the guest asks for. */
    this.session = session;
    /** @type {DeviceInfo} The guest's claim who it is. */
    this.deviceInfo = message.device_info;
    this.#expiresAt = momentIn(message.expires_in);
  }

  /** When the prompt expires, in the time of `Date.now()`. */
  get expiresAt() {
    return asDate(this.#expiresAt);
  }

  /**
   * Approve the guest.
   * @param {string} [code] The three digits that the guest shows, for a session with
   *   `confirm: "code"`. There is one attempt: with another number the guest is declined.
   * @throws {ProximError} `code_required`; the prompt stays. `wrong_code`; the session has ended.
   *   `already_decided` if it is too late.
   */
  async approve(code) {
    const { id, confirm } = this.session;
    if (confirm === "code" && !CODE.test(code ?? "")) {
      throw new ProximError("code_required", "the number that the guest shows is missing", { sessionId: id });
    }
    const { status } = await this.session._decide(true, code);
    if (status === "rejected") {
      throw new ProximError("wrong_code", "the guest shows another number, and was declined", { sessionId: id });
    }
  }

  /** Decline the guest; the session ends. */
  async decline() {
    await this.session._decide(false);
  }
}

/**
 * A session of this host. It has a `link`, `qr` and `lapsesAt` if this page opened it or renewed its
 * link.
 */
export class HostSession extends Session {
  /** `prompt` (a `Prompt`): a guest asks to pair.
   * @type {((prompt: Prompt) => unknown) | null} */
  onprompt = null;
  /** `contested`: another device has shown this link, too, after the guest. It was refused. Perhaps a
   * person scanned twice, perhaps somebody else has seen the code.
   * @type {((event: Event) => unknown) | null} */
  oncontested = null;
  /** `link`: there is a new link.
   * @type {((event: Event) => unknown) | null} */
  onlink = null;

  #host;
  /** @type {string | URL | undefined} Where new links lead. */
  #joinUrl;
  #lapsesAt = -Infinity;
  #createdAt;
  #expiresAt;

  /** @internal @param {Host} host @param {any} info @param {boolean} rtc */
  constructor(host, info, rtc) {
    super(info.session_id, "host", rtc);
    this.#host = host;
    /** @type {string | null} The link that a guest opens. */
    this.link = null;
    /** @type {string | null} The link as a QR code, for the `src` of an image. */
    this.qr = null;
    /** @type {Prompt | null} The prompt that waits for a decision. */
    this.prompt = null;
    /** Whether another device has shown the link, too. */
    this.contested = false;
    this.#createdAt = host._momentOf(info.created_at);
    this.#expiresAt = info.expires_at ? host._momentOf(info.expires_at) : null;
    /** @type {SessionType | null} When it ends by itself. */
    this.type = info.session_type;
    /** @type {"none" | "code"} Whether `approve` needs the number that the guest shows. */
    this.confirm = info.confirm ?? "none";
  }

  /** When the link expires, in the time of `Date.now()`. */
  get lapsesAt() {
    return asDate(this.#lapsesAt);
  }

  /** When the session was opened, in the time of `Date.now()`. */
  get createdAt() {
    return asDate(this.#createdAt);
  }

  /** @type {number | null} When a temporary session ends, in the time of `Date.now()`. */
  get expiresAt() {
    return this.#expiresAt && asDate(this.#expiresAt);
  }

  /**
   * Get a new link; the earlier one is invalid at once. It leads to `joinUrl`, by default to where the
   * earlier links of this page led.
   * @param {{ tokenHash?: string, joinUrl?: string | URL }} [options]
   * @throws {ProximError} `not_allowed` once a guest has asked, `not_supported` if the node does not know
   *   `joinUrl`.
   */
  async renew({ tokenHash, joinUrl = tokenHash ? undefined : this.#joinUrl } = {}) {
    if (joinUrl) await this._getConnection().needFeature("join_url");
    const request = { type: "renew_link", session_id: this.id, ...linkRequest(tokenHash, joinUrl) };
    await this._getConnection().request("link_renewed", request);
    if (joinUrl) this.#joinUrl = joinUrl;
  }

  /** @internal @param {string | URL} [joinUrl] */
  _setJoinUrl(joinUrl) {
    this.#joinUrl = joinUrl;
  }

  /** @internal */
  _getConnection() {
    return this.#host._connection;
  }

  /** @internal @param {boolean} approve @param {string} [code] @returns {Promise<Message>} */
  _decide(approve, code) {
    const request = { type: "pair_decision", session_id: this.id, approve, code };
    return this._getConnection().request("pair_result", request);
  }

  /** @internal @param {Message} message */
  _receive(message) {
    if (message.type === "pair_prompt") {
      this.deviceInfo = message.device_info;
      this.prompt = new Prompt(this, message);
      dispatch(this, this.prompt);
    } else if (message.type === "pair_result") {
      this.prompt = null;
    } else if (message.type === "link_renewed") {
      this._setLink(message);
    } else if (message.type === "contested") {
      this.contested = true;
      emit(this, "contested");
    }
    super._receive(message);
  }

  /** @internal @param {any} info */
  _update(info) {
    super._update(info);
    if (!this.over) this._setPeerOnline(info.guest_online);
  }

  /** @internal @param {Message} message */
  _setLink(message) {
    this.link = message.link ?? null;
    this.qr = message.qr_svg ? `data:image/svg+xml,${encodeURIComponent(message.qr_svg)}` : null;
    this.#lapsesAt = momentIn(message.pair_within);
    emit(this, "link");
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    this.prompt = null;
    super._end(error);
    this.#host.sessions.delete(this.id);
  }
}

/**
 * Return the fields of a request for a link.
 * @param {string} [tokenHash] @param {string | URL} [joinUrl]
 */
export const linkRequest = (tokenHash, joinUrl) => ({
  ...(tokenHash ? { token_hash: tokenHash } : { qr: "svg" }),
  ...(joinUrl ? { join_url: pageAddress(joinUrl) } : {}),
});
