// The host's side of one session, and its prompt.

import { dispatch, emit } from "./events.js";
import { Session } from "./session.js";

/** @import { ProximError } from "./errors.js" */
/** @import { Host } from "./host.js" */
/** @import { DeviceInfo, Message, SessionType } from "./types.js" */

/** A guest asks to pair. Its name and id are unverified claims. */
export class Prompt extends Event {
  /** @internal @param {HostSession} session @param {Message} message */
  constructor(session, message) {
    super("prompt");
    /** The session that the guest asks for. */
    this.session = session;
    /** @type {DeviceInfo} The guest's claim who it is. */
    this.deviceInfo = message.device_info;
    /** When the prompt expires, in the time of `Date.now()`. */
    this.expiresAt = Date.now() + message.expires_in * 1000;
  }

  /** Approve the guest. Rejects with `already_decided` if it is too late. */
  async approve() {
    await this.session._decide(true);
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
  /** `link`: there is a new link.
   * @type {((event: Event) => unknown) | null} */
  onlink = null;

  #host;

  /** @internal @param {Host} host @param {any} info @param {boolean} rtc */
  constructor(host, info, rtc) {
    super(info.session_id, "host", rtc);
    this.#host = host;
    /** @type {string | null} The link that a guest opens. */
    this.link = null;
    /** @type {string | null} The link as a QR code, for the `src` of an image. */
    this.qr = null;
    /** When the link expires, in the time of `Date.now()`. */
    this.lapsesAt = 0;
    /** @type {Prompt | null} The prompt that waits for a decision. */
    this.prompt = null;
    /** When the session was opened, in the time of `Date.now()`. */
    this.createdAt = host._localTime(info.created_at);
    /** @type {number | null} When a temporary session ends, in the time of `Date.now()`. */
    this.expiresAt = info.expires_at ? host._localTime(info.expires_at) : null;
    /** @type {SessionType | null} When it ends by itself. */
    this.type = info.session_type;
  }

  /**
   * Get a new link; the earlier one is invalid at once.
   * @param {{ tokenHash?: string }} [options]
   * @throws {ProximError} `not_allowed` once a guest has asked.
   */
  async renew({ tokenHash } = {}) {
    const request = { type: "renew_link", session_id: this.id, ...linkOptions(tokenHash) };
    await this._getConnection().request("link_renewed", request);
  }

  /** @internal */
  _getConnection() {
    return this.#host._connection;
  }

  /** @internal @param {boolean} approve */
  async _decide(approve) {
    const request = { type: "pair_decision", session_id: this.id, approve };
    await this._getConnection().request("pair_result", request);
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
    this.lapsesAt = Date.now() + message.pair_within * 1000;
    emit(this, "link");
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    this.prompt = null;
    super._end(error);
    this.#host.sessions.delete(this.id);
  }
}

/** Return the fields of a request for a link. @param {string} [tokenHash] */
export const linkOptions = (tokenHash) => (tokenHash ? { token_hash: tokenHash } : { qr: "svg" });
