// The guest's side of one session.

import { asDate, momentIn } from "./clock.js";
import { Connection } from "./connection.js";
import { deviceName, randomHex } from "./device.js";
import { connectionLost, sessionEnded } from "./errors.js";
import { emit } from "./events.js";
import { CODE } from "./host-session.js";
import { nodeAddress, parseLink } from "./link.js";
import { forgetSeat, rememberSeat, seatOf } from "./seats.js";
import { Session } from "./session.js";
import { storage } from "./storage.js";

/** @import { ProximError } from "./errors.js" */
/** @import { Message, Remembered } from "./types.js" */

/**
 * The guest's side of one session. It sends nothing before `ask` or `resume` is called.
 *
 * The browser remembers the token that takes its seat again: of a one-time session while the tab is open,
 * of other sessions until they end.
 */
export class Guest extends Session {
  /** `pending`: the host has the prompt, until `expiresAt`.
   * @type {((event: Event) => unknown) | null} */
  onpending = null;
  /** `reachable` (`online`): the node is reached, or is lost for now.
   * @type {((event: Event & { online: boolean }) => unknown) | null} */
  onreachable = null;

  /** @type {Connection | null} */
  #connection = null;
  #token;
  #resumeToken;
  #options;
  #expiresAt = -Infinity;

  /**
   * @param {string | URL | Location | Remembered} link The host's link, or a seat of
   *   `remembered`.
   * @param {{ name?: string, deviceId?: string, nodeUrl?: string | URL, rtc?: boolean }} [options] The
   *   name and the id that this device claims. `nodeUrl` is the node of a link that leads to a page of
   *   its own, and does not name the node. With `rtc: false` the SDK makes no WebRTC connection.
   * @throws {ProximError} `invalid_link`
   */
  constructor(link, options = {}) {
    const seat = /** @type {Partial<Remembered>} */ (link);
    const { nodeUrl, sessionId, token } = seat.resumeToken
      ? { ...seat, token: "" }
      : parseLink(/** @type {string} */ (link), options.nodeUrl);
    super(String(sessionId), "guest", options.rtc ?? true);
    /** The node's URL. */
    this.nodeUrl = nodeAddress(String(nodeUrl));
    /** @type {string | null} The number to show while the prompt is open, if the host has to type it. */
    this.code = null;
    /** @type {string | null} What the host calls its device: a claim that nobody has checked. */
    this.hostName = null;
    this.#token = token;
    this.#resumeToken = seat.resumeToken ?? "";
    this.#options = options;
  }

  /**
   * Ask to pair, by the link. Resolves once the host has the prompt; `approved` gives the decision.
   * @throws {ProximError} `unknown_session`, `token_used`, `link_lapsed`, `host_offline`,
   *   `session_ended`, `connection_lost`
   */
  async ask() {
    this.#connection ??= new Connection(this.nodeUrl, this);
    await this.#connection.ready;
  }

  /**
   * Take the seat again.
   * @throws {ProximError} `session_ended` if the session ended in the meantime, `connection_lost`
   */
  async resume() {
    await this.ask();
  }

  /** When the prompt expires, in the time of `Date.now()`. */
  get expiresAt() {
    return asDate(this.#expiresAt);
  }

  /**
   * Ask the node again how much time is left for the answer. Call this when the page stood still for a
   * while, or when the device's clock was set: messages may have waited in the meantime.
   */
  async refresh() {
    if (this.status === "pending") await this._getConnection().refresh();
  }

  /** Disconnect from the node and from the host. The seat can be taken again with `remembered`. */
  leave() {
    this.#connection?.close();
    this._end(connectionLost("this side has left"));
  }

  /** @internal */
  _getConnection() {
    if (!this.#connection) throw connectionLost("this guest has not asked yet");
    return this.#connection;
  }

  /** Ask on the first connection, resume on all others. @internal */
  async _introduce() {
    const connection = this._getConnection();
    if (!this.#resumeToken) return connection.requestNow("pair_pending", this.#pairRequest());
    // Another tab may have come back in the meantime, and have got a newer token.
    const resume_token = seatOf(this.nodeUrl, this.id)?.resumeToken ?? this.#resumeToken;
    try {
      return await connection.requestNow("resumed", { type: "resume", session_id: this.id, resume_token });
    } catch (error) {
      if (/** @type {ProximError} */ (error).code !== "unknown_session") throw error;
      throw sessionEnded("expired", "lost", this.id);
    }
  }

  #pairRequest() {
    let deviceId = this.#options.deviceId ?? storage.read("localStorage", "proxim.device");
    if (!deviceId) {
      deviceId = randomHex(8);
      storage.write("localStorage", "proxim.device", deviceId);
    }
    const device_info = { name: this.#options.name || deviceName(), id: deviceId };
    return { type: "pair_request", session_id: this.id, token: this.#token, device_info };
  }

  /** @internal @param {Message} message */
  _receive(message) {
    if (message.type === "pair_pending") {
      this.#resumeToken = message.resume_token;
      this.type = message.session_type ?? null;
      this.hostName = message.host_name ?? null;
      this.#remember();
      this.#promptPending(message);
    } else if (message.type === "resumed") {
      // First of all: once the new token has been used, the old one ends the session.
      this.#resumeToken = message.resume_token ?? this.#resumeToken;
      this.type = message.session.session_type;
      this.hostName = message.host_name ?? null;
      this.#remember();
      this._setIceServers(message.ice_servers, message.ice_ttl);
      this._update(message.session);
      this._setPeerOnline(message.host_online);
      if (message.expires_in !== undefined) this.#promptPending(message);
    } else if (!message.session_id || message.session_id === this.id) {
      super._receive(message);
    }
  }

  /** @param {Message} message */
  #promptPending({ expires_in, code }) {
    this.#expiresAt = momentIn(expires_in);
    this.code = CODE.test(code ?? "") ? code : null;
    this._setPeerOnline(true);
    emit(this, "pending");
  }

  #remember() {
    if (this.over) return;
    const { id, nodeUrl, type } = this;
    const seat = { nodeUrl, sessionId: id, resumeToken: this.#resumeToken, type, since: Date.now() };
    rememberSeat(/** @type {Remembered} */ (seat));
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    if (this.over) return;
    if (error.code === "session_ended") forgetSeat(this.nodeUrl, this.id);
    super._end(error);
    if (error.code === "session_ended") this.#connection?.close(error);
  }
}
