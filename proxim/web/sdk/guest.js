// The guest's side of one session.

import { asDate, momentIn } from "./clock.js";
import { comeBack } from "./coming-back.js";
import { Connection } from "./connection.js";
import { claimedDevice, deviceName, sealedDevice } from "./device.js";
import { connectionLost, sessionEnded, tampered } from "./errors.js";
import { emit } from "./events.js";
import { corrected, GuestSecret } from "./guest-secret.js";
import { guestSource } from "./guest-source.js";
import { Held } from "./held.js";
import { CODE } from "./prompt.js";
import { forgetSeat, rememberSeat, seatOf } from "./seats.js";
import { Session } from "./session.js";

/** @import { ProximError } from "./errors.js" */
/** @import { Return } from "./coming-back.js" */
/** @import { GuestKept } from "./guest-secret.js" */
/** @import { Grant, Message, Remembered } from "./types.js" */

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
  /** @type {Return} */
  #returning = { by: null, tries: 0, round: 0 };
  /** @type {Grant | null} */
  #grant = null;
  #held = new Held((message) => this.#take(message));

  /**
   * @param {string | URL | Location | Remembered | Grant} link The host's link, a seat of `remembered`, or a
   *   grant of `grants`.
   * @param {{ name?: string, deviceId?: string, nodeUrl?: string | URL, rtc?: boolean, canBeRemembered?: boolean }} [options]
   *   The name and the id that this device claims. `nodeUrl` is the node of a link that leads to a page of
   *   its own, and does not name the node. With `rtc: false` the SDK makes no WebRTC connection. With
   *   `canBeRemembered: false` the host of a sealed session cannot remember this browser.
   * @throws {ProximError} `invalid_link`
   */
  constructor(link, options = {}) {
    const { nodeUrl, sessionId, token, resumeToken, boot, secret, grant } = guestSource(link, options);
    super(sessionId, "guest", options.rtc ?? true, secret !== null);
    /** The node's URL. */
    this.nodeUrl = nodeUrl;
    /** @type {string | null} The number to show while the prompt is open, if the host has to type it. */
    this.code = null;
    /** @type {string | null} What the host calls its device: a claim. A sealed session has it once approved. */
    this.hostName = grant?.hostName ?? null;
    this.#secret = secret;
    this.#grant = grant;
    this.#token = token;
    this.#resumeToken = resumeToken;
    this.#boot = boot;
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
    const connection = this.#connection;
    if (this.over || this.status !== "pending" || !connection || this.#secret?.isApproved) return super.close();
    // The node refuses the second one, unless the host has approved in this moment.
    const types = connection.features.includes("pair_cancel") ? ["pair_cancel", "close_session"] : ["close_session"];
    for (const type of types) connection.send({ type, session_id: this.id });
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
    if (!this.#resumeToken) return this.#ask(connection);
    // The node could give a session with another host the id: its seat does not lead to the host of the grant.
    if (this.#grant && !this.#secret?.isOfGrant) return this.#visit(connection, this.#grant);
    // Another tab may have come back in the meantime, and have got a newer token.
    const resume_token = seatOf(this.nodeUrl, this.id)?.resumeToken ?? this.#resumeToken;
    try {
      return await connection.requestNow("resumed", { type: "resume", session_id: this.id, resume_token });
    } catch (error) {
      const { code } = /** @type {ProximError} */ (error);
      const isOver = code === "session_ended" || code === "unknown_session";
      if (isOver && this.#grant && !connection.wasIntroduced) return this.#visit(connection, this.#grant);
      if (code !== "unknown_session") throw error;
      return this.#comeBack(connection);
    }
  }

  /** @param {Connection} connection */
  async #ask(connection) {
    const secret = this.#secret;
    const ask = async () => connection.requestNow("pair_pending", await this.#pairRequest());
    if (!secret) return ask();
    const askAgain = async (/** @type {ProximError} */ error) => {
      if (error.code === "token_used" && (await secret.hasNewTicket())) return ask();
      throw error;
    };
    return secret.locked(() => ask().catch(askAgain));
  }

  /** Ask by the grant, since there is no visit to go on with. @param {Connection} connection @param {Grant} grant */
  async #visit(connection, { id, nodeUrl }) {
    forgetSeat(nodeUrl, this.id);
    this.#resumeToken = "";
    this.#secret = new GuestSecret(this.id, undefined, undefined, { nodeUrl, grantId: id });
    await this.#secret.load();
    return this.#ask(connection);
  }

  /**
   * Come back to a session that the node has forgotten, once the host has opened it again. The data channel goes on
   * meanwhile. Throws if the session is not such a one, or was closed.
   * @param {Connection} connection
   */
  async #comeBack(connection) {
    const secret = this.#secret;
    const isForgotten = connection.features.includes("nonce") && connection.boot !== this.#boot;
    if (!secret?.canReturn || !isForgotten) throw sessionEnded("expired", "lost", this.id);
    this._setPeerOnline(false);
    // The node closes a connection that waits for long.
    connection.retriesFirst = true;
    connection.reached();
    return comeBack(connection, secret, this.id, this.#returning, () => this.over !== null);
  }

  async #pairRequest() {
    const request = { type: "pair_request", session_id: this.id };
    if (!this.#secret) return { ...request, token: this.#token, device_info: claimedDevice(this.#options) };
    const fields = await this.#secret.request(this.#options.name || deviceName());
    // The answer may be lost, and the link works for this request alone.
    this.#remember();
    await this._getConnection().needSeal();
    this.#attempts += 1;
    this._getConnection().retriesFirst = this.#attempts <= RETRIES;
    return { ...request, device_info: sealedDevice(), ...fields };
  }

  /** @internal @param {Message} message */
  _receive(message) {
    if (!this.#held.add(message) && !this.#stores(message)) this.#take(message);
  }

  /**
   * Store what the host's answer brings for this device, before anything is sent. Return whether the message waits.
   * @param {Message} message
   */
  #stores(message) {
    const secret = this.#secret;
    const isAnswer = message.type === "resumed" || (message.type === "pair_result" && message.session_id === this.id);
    if (!secret?.hasDevice || secret.isApproved || !isAnswer) return false;
    if (message.ack) this.#takeAck(secret, message.ack);
    secret.takeAnswer(message.seal, [message.status, message.session?.status].includes("approved"));
    const storing = secret.store();
    const error = connectionLost("this browser cannot store its next ticket");
    if (storing) this.#held.hold(message, storing).catch(() => this.#leaveWith(error));
    return storing !== null;
  }

  /** @param {Message} message */
  #take(message) {
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
      this.#returning.by = null;
      if (message.ack && this.#secret) this.#takeAck(this.#secret, message.ack);
      const isApproved = message.session.status === "approved";
      if (isApproved && this.#secret && !this.#secret.takeAnswer(message.seal, true)) return this.#tampered();
      const session = corrected(message.session, this.#secret);
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
    if (notice || (!secret.takeAnswer(message.seal, isApproved) && isApproved)) return this.#tampered();
    if (send) this._sendSignal(send);
    if (isApproved) this.#remember();
    Object.assign(this.#returning, { by: null, tries: 0 });
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

  /** Leave a session that somebody between has approved, and not the host. */
  #tampered() {
    this.#leaveWith(tampered("the approval", this.id));
  }

  /** @param {ProximError} error */
  #leaveWith(error) {
    this._end(error);
    this.#connection?.close(error);
  }

  #remember() {
    if (this.over) return;
    const { id: sessionId, nodeUrl, type } = this;
    const seat = { nodeUrl, sessionId, resumeToken: this.#resumeToken, type, since: Date.now(), boot: this.#boot };
    rememberSeat(/** @type {Remembered} */ ({ ...seat, seal: this.#secret?.kept }));
  }

  /** Take the host's word that it does not know this device any more. Return whether it knew it. @internal @param {unknown} why */
  _gone(why) {
    if (!this.#secret?.forget(why)) return false;
    emit(this, "notice", { notice: "forgotten", missed: 0 });
    return true;
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    if (this.over) return;
    error = this.#secret?.endOf(error) ?? error;
    // A request that was refused has no seat, but perhaps secrets.
    const isOver = ["session_ended", "tampered"].includes(error.code);
    if (isOver || (!this.#resumeToken && error.code !== "connection_lost")) forgetSeat(this.nodeUrl, this.id);
    super._end(error);
    if (error.code === "session_ended") this.#connection?.close(error);
  }
}
