// The guest's side of one session.

import { Connection } from "./connection.js";
import { deviceName, randomHex } from "./device.js";
import { connectionLost, sessionEnded } from "./errors.js";
import { emit } from "./events.js";
import { nodeAddress, parseLink } from "./link.js";
import { forgetSeat, rememberSeat } from "./seats.js";
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

  /**
   * @param {string | URL | Location | Remembered} link The host's link, or a seat of
   *   `remembered`.
   * @param {{ name?: string, deviceId?: string, rtc?: boolean }} [options] The name and the id
   *   that this device claims. With `rtc: false` the SDK makes no WebRTC connection.
   * @throws {ProximError} `invalid_link`
   */
  constructor(link, options = {}) {
    const seat = /** @type {Partial<Remembered>} */ (link);
    const { nodeUrl, sessionId, token } = seat.resumeToken
      ? { ...seat, token: "" }
      : parseLink(/** @type {string} */ (link));
    super(String(sessionId), "guest", options.rtc ?? true);
    /** The node's URL. */
    this.nodeUrl = nodeAddress(String(nodeUrl));
    /** When the prompt expires, in the time of `Date.now()`. */
    this.expiresAt = 0;
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
    const resume_token = this.#resumeToken;
    if (!resume_token) return connection.requestNow("pair_pending", this.#pairRequest());
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
      this.#remember();
      this.#promptPending(message.expires_in);
    } else if (message.type === "resumed") {
      this._setIceServers(message.ice_servers, message.ice_ttl);
      this._update(message.session);
      this.#remember();
      this._setPeerOnline(message.host_online);
      if (message.expires_in !== undefined) this.#promptPending(message.expires_in);
    } else if (!message.session_id || message.session_id === this.id) {
      super._receive(message);
    }
  }

  /** @param {number} seconds */
  #promptPending(seconds) {
    this.expiresAt = Date.now() + seconds * 1000;
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
