// The guest's side of one session.

import { asDate, momentIn } from "./clock.js";
import { isNotYet, pauseAfter, RETURN_TIME } from "./coming-back.js";
import { Connection } from "./connection.js";
import { deviceName, randomHex } from "./device.js";
import { connectionLost, sessionEnded, tampered } from "./errors.js";
import { emit } from "./events.js";
import { GuestSecret } from "./guest-secret.js";
import { nodeAddress, parseLink } from "./link.js";
import { CODE } from "./prompt.js";
import { askedFor, forgetSeat, rememberSeat, seatOf } from "./seats.js";
import { Session } from "./session.js";
import { storage } from "./storage.js";

/** @import { ProximError } from "./errors.js" */
/** @import { GuestKept } from "./guest-secret.js" */
/** @import { LinkSeal, Message, Remembered, SessionInfo } from "./types.js" */

/** How often a sealed guest sends its request again, if the connection is lost before the reply. */
const RETRIES = 5;

/**
 * The guest's side of one session. It sends nothing before `ask` or `resume` is called.
 *
 * The browser remembers the token that takes its seat again: of a one-time session while the tab is open,
 * of other sessions until they end.
 */
export class Guest extends Session {
  /** `pending`: the host has the prompt, until `expiresAt`. In a sealed session it comes again with the `code`.
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
  /** @type {GuestSecret | null} */
  #secret = null;
  #hasToldOfAck = false;
  #attempts = 0;
  /** @type {string | undefined} The node that had this session last (protocol: `welcome`). */
  #boot;
  /** @type {number | null} Until when this guest tries to come back, by `Date.now()`. */
  #returnBy = null;
  #tries = 0;
  #round = 0;

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
    const { nodeUrl, sessionId, token, seal } = seat.resumeToken
      ? { ...seat, token: "" }
      : parseLink(/** @type {string} */ (link), options.nodeUrl);
    super(String(sessionId), "guest", options.rtc ?? true, seal !== undefined);
    /** The node's URL. */
    this.nodeUrl = nodeAddress(String(nodeUrl));
    /** @type {string | null} The number to show while the prompt is open, if the host has to type it. */
    this.code = null;
    /** @type {string | null} What the host calls its device: a claim. A sealed session has it once approved. */
    this.hostName = null;
    if (seat.resumeToken && seal) this.#secret = new GuestSecret(this.id, undefined, /** @type {GuestKept} */ (seal));
    else if (seal) this.#secret = new GuestSecret(this.id, /** @type {LinkSeal} */ (seal), askedFor(this.nodeUrl, this.id));
    this.#token = token;
    this.#resumeToken = seat.resumeToken ?? "";
    this.#boot = seat.boot;
    this.#options = options;
  }

  /**
   * Ask to pair, by the link. Resolves once the host has the prompt; `approved` gives the decision. If the link is
   * sealed and the connection is lost before the reply, the same request is sent again, up to five times.
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

  /** End the session. Before the approval, this cancels the request: the seat cannot be taken again. */
  async close() {
    if (this.over || this.status !== "pending" || !this.#connection || this.#secret?.isApproved) return super.close();
    // The node refuses this, unless the host has approved in this moment.
    super.close().catch(() => {});
    this._end(sessionEnded("expired", "closed", this.id));
  }

  /** @internal */
  _getConnection() {
    if (!this.#connection) throw connectionLost("this guest has not asked yet");
    return this.#connection;
  }

  /** Ask on the first connection, resume on all others. @internal */
  async _introduce() {
    const connection = this._getConnection();
    await this.#secret?.load();
    if (!this.#resumeToken) return connection.requestNow("pair_pending", await this.#pairRequest());
    // Another tab may have come back in the meantime, and have got a newer token.
    const resume_token = seatOf(this.nodeUrl, this.id)?.resumeToken ?? this.#resumeToken;
    try {
      return await connection.requestNow("resumed", { type: "resume", session_id: this.id, resume_token });
    } catch (error) {
      if (/** @type {ProximError} */ (error).code !== "unknown_session") throw error;
      return this.#comeBack(connection);
    }
  }

  /**
   * Come back to a session that the node has forgotten, once the host has opened it again. The data channel goes on
   * meanwhile. Throws if the session is not such a one, or was closed.
   * @param {Connection} connection
   */
  async #comeBack(connection) {
    const secret = this.#secret;
    const lost = sessionEnded("expired", "lost", this.id);
    const isForgotten = connection.features.includes("nonce") && connection.boot !== this.#boot;
    if (!secret?.canReturn || !isForgotten) throw lost;
    this._setPeerOnline(false);
    // The node closes a connection that waits for long.
    connection.retriesFirst = true;
    connection.reached();
    this.#returnBy ??= secret.kept?.until ?? Date.now() + RETURN_TIME;
    const round = ++this.#round;
    for (;;) {
      let retryAfter = 0;
      try {
        const fields = { device_info: { name: "Sealed device", id: randomHex(8) }, ...secret.returnRequest() };
        return await connection.requestNow("pair_pending", { type: "pair_request", session_id: this.id, ...fields });
      } catch (error) {
        if (/** @type {ProximError} */ (error).code === "connection_lost") throw error;
        if (!isNotYet(error)) throw lost;
        retryAfter = /** @type {ProximError} */ (error).retryAfter ?? 0;
      }
      const left = this.#returnBy - Date.now();
      if (left <= 0) throw lost;
      const pause = Math.min(pauseAfter(this.#tries++, retryAfter), left);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.over || round !== this.#round) throw connectionLost("this guest has connected again");
    }
  }

  async #pairRequest() {
    if (this.#secret) return this.#sealedRequest(this.#secret);
    let deviceId = this.#options.deviceId ?? storage.read("localStorage", "proxim.device");
    if (!deviceId) {
      deviceId = randomHex(8);
      storage.write("localStorage", "proxim.device", deviceId);
    }
    const device_info = { name: this.#options.name || deviceName(), id: deviceId };
    return { type: "pair_request", session_id: this.id, token: this.#token, device_info };
  }

  /** @param {GuestSecret} secret */
  async #sealedRequest(secret) {
    const fields = await secret.request(this.#options.name || deviceName());
    // The answer may be lost, and the link works for this request alone.
    this.#remember();
    await this._getConnection().needSeal();
    this.#attempts += 1;
    this._getConnection().retriesFirst = this.#attempts <= RETRIES;
    const device_info = { name: "Sealed device", id: randomHex(8) };
    return { type: "pair_request", session_id: this.id, device_info, ...fields };
  }

  /** @internal @param {Message} message */
  _receive(message) {
    if (message.type === "pair_pending") {
      this.#resumeToken = message.resume_token;
      this.#boot = this._getConnection().boot;
      if (this.#secret?.isApproved) {
        // The person at the host is not asked.
        this.#secret.returnAsked();
        this.#remember();
        return;
      }
      this.type = message.session_type ?? null;
      // In a sealed session the host itself says its name, with the approval.
      if (!this.#secret) this.hostName = message.host_name ?? null;
      this.#remember();
      this.#promptPending(message);
    } else if (message.type === "pair_ack") {
      if (message.session_id !== this.id || !this.#secret) return;
      const shown = this.#secret.code;
      this.#takeAck(this.#secret, message.seal);
      if (this.#secret.code === shown) return;
      this.#remember();
      this.code = this.#secret.code;
      emit(this, "pending");
    } else if (message.type === "pair_result" && this.#secret) {
      if (message.session_id === this.id) this.#takeResult(this.#secret, message);
    } else if (message.type === "resumed") {
      // First of all: once the new token has been used, the old one ends the session.
      this.#resumeToken = message.resume_token ?? this.#resumeToken;
      this.#boot = this._getConnection().boot;
      this.#returnBy = null;
      if (message.ack && this.#secret) this.#takeAck(this.#secret, message.ack);
      const isApproved = message.session.status === "approved";
      if (isApproved && this.#secret && !this.#secret.takeAnswer(message.seal, true)) return this.#tampered();
      const session = this.#corrected(message.session);
      this.type = session.session_type;
      if (!this.#secret) this.hostName = message.host_name ?? null;
      this.#remember();
      this._setIceServers(message.ice_servers, message.ice_ttl);
      this._update(session);
      this._setPeerOnline(message.host_online);
      if (message.expires_in !== undefined) this.#promptPending(message);
    } else if (!message.session_id || message.session_id === this.id) {
      super._receive(message);
    }
  }

  /** @param {Message} message */
  #promptPending({ expires_in, code }) {
    this.#expiresAt = momentIn(expires_in);
    // The node knows nothing of the number of a sealed session.
    if (this.#secret) this.code = this.#secret.code;
    else this.code = CODE.test(code ?? "") ? code : null;
    this._setPeerOnline(true);
    emit(this, "pending");
  }

  /** Take the host's acknowledgement; say once if it is not the host's. @param {GuestSecret} secret @param {unknown} ack */
  #takeAck(secret, ack) {
    if (secret.takeAck(ack) || this.#hasToldOfAck) return;
    this.#hasToldOfAck = true;
    emit(this, "notice", { notice: "tampered", missed: 0 });
  }

  /** @param {GuestSecret} secret @param {Message} message */
  #takeResult(secret, message) {
    const isApproved = message.status === "approved";
    const { notice, send } = (isApproved && secret.takeReturn(message.seal)) || {};
    if (notice) {
      this.#tampered();
      return;
    }
    if (send) this._sendSignal(send);
    if (!secret.takeAnswer(message.seal, isApproved) && isApproved) {
      this.#tampered();
      return;
    }
    if (isApproved) this.#remember();
    this.#returnBy = null;
    this.#tries = 0;
    super._receive({ ...message, device_info: { ...message.device_info, name: secret.kept?.name } });
  }

  /** @internal */
  _approve() {
    const secret = this.#secret;
    if (secret && !this._signals && !this.over) {
      const { hostName, type } = /** @type {GuestKept} */ (secret.kept);
      this.hostName = hostName ?? null;
      this.type = type ?? null;
      this._signals = secret.signals(this);
    }
    super._approve();
  }

  /** Return what the node says of the session, with what the host and this side know better. @param {SessionInfo} info */
  #corrected(info) {
    const { name, type } = this.#secret?.kept ?? {};
    const device_info = info.device_info && { ...info.device_info, name: name ?? info.device_info.name };
    return { ...info, device_info, session_type: type ?? info.session_type };
  }

  /** Leave a session that somebody between has approved, and not the host. */
  #tampered() {
    const error = tampered("the approval", this.id);
    this._end(error);
    this.#connection?.close(error);
  }

  #remember() {
    if (this.over) return;
    const { id, nodeUrl, type } = this;
    const seal = this.#secret?.kept;
    const seat = { nodeUrl, sessionId: id, resumeToken: this.#resumeToken, type, since: Date.now(), seal, boot: this.#boot };
    rememberSeat(/** @type {Remembered} */ (seat));
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    if (this.over) return;
    if (this.#secret && error.reason === "rejected" && !this.#secret.isDeclined) {
      error = sessionEnded("rejected", "unconfirmed", this.id);
    }
    // A request that was refused has no seat, but perhaps secrets.
    const isOver = ["session_ended", "tampered"].includes(error.code);
    if (isOver || (!this.#resumeToken && error.code !== "connection_lost")) forgetSeat(this.nodeUrl, this.id);
    super._end(error);
    if (error.code === "session_ended") this.#connection?.close(error);
  }
}
