// What the two sides of a session have in common.

import { Deferred } from "./deferred.js";
import { EARLY } from "./early-messages.js";
import { ProximError, sessionEnded, wireError } from "./errors.js";
import { beforeListening, emit } from "./events.js";
import { pathOf } from "./path.js";
import { PeerConnection } from "./peer-connection.js";

/** @import { Connection } from "./connection.js" */
/** @import { DeviceInfo, Message, Path, SessionType, Status } from "./types.js" */

/** When ICE servers are asked for anew: after this part of their time, unless the new ones serve hardly
 * longer; and after how many milliseconds, when that has failed. */
const ICE = { age: 0.75, gain: 500, retry: 10_000 };

/**
 * One side of a session: what host and guest have in common.
 *
 * Each event has a property for its handler: `onsignal`, `onconnected` and so on. All are told
 * with the event, whose fields are named here.
 */
export class Session extends EventTarget {
  /** `signal` (`data`): what the other side has sent with `send`.
   * @type {((event: Event & { data: any }) => unknown) | null} */
  onsignal = null;
  /** `connected` (`channel`): the data channel is open, for the first time or again.
   * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
  onconnected = null;
  /** `disconnected`: the data channel is closed; `connected` is a new promise. Where only the channel
   * was closed, and not the connection under it, the host opens it anew, three times.
   * @type {((event: Event) => unknown) | null} */
  ondisconnected = null;
  /** `unreachable` (`error`): the two sides do not reach each other, after several tries; `connected`
   * has rejected. It is tried again when one of them comes back to the node, or with `reconnect`.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onunreachable = null;
  /** `rtc` (`pc`): a new `RTCPeerConnection`, before anything is negotiated on it; add tracks here.
   * @type {((event: Event & { pc: RTCPeerConnection }) => unknown) | null} */
  onrtc = null;
  /** `rtcstate` (`state`): the connection's state, in WebRTC's words.
   * @type {((event: Event & { state: RTCPeerConnectionState }) => unknown) | null} */
  onrtcstate = null;
  /** `ice` (`iceServers`): fresh ICE servers, before the earlier ones lapse; for a connection of your
   * own, to be used at its next ICE restart.
   * @type {((event: Event & { iceServers: RTCIceServer[] }) => unknown) | null} */
  onice = null;
  /** `presence` (`online`): the other side has come to the node, or left it.
   * @type {((event: Event & { online: boolean }) => unknown) | null} */
  onpresence = null;
  /** `channel` (`channel`): the other side has opened another data channel.
   * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
  onchannel = null;
  /** `approved`: a person has said yes.
   * @type {((event: Event) => unknown) | null} */
  onapproved = null;
  /** `over` (`error`): the session has ended; the error's `reason` says why.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onover = null;
  /** `error` (`error`): a signal was not taken, or WebRTC stumbled. The session goes on.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onerror = null;

  #approved = /** @type {Deferred<void>} */ (new Deferred());
  #connected = /** @type {Deferred<RTCDataChannel>} */ (new Deferred());
  #ended = /** @type {Deferred<ProximError>} */ (new Deferred());
  #peerOnline = false;
  /** @type {RTCDataChannel | null} The one that is open. */
  #channel = null;
  /** @type {RTCDataChannel[]} Those of which nobody has heard yet. */
  #channels = [];
  #listensForChannels = false;
  #isUnreachable = false;
  /** @type {PeerConnection | null} */
  #peerConnection = null;
  #role;
  #rtc;
  /** When the ICE servers expire, as `Date.now()` tells time. */
  #iceExpiry = Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #iceTimer;

  /**
   * Sessions are made by `Host.open`, and by `new Guest`.
   * @internal
   * @param {string} id @param {"host" | "guest"} role @param {boolean} rtc
   */
  constructor(id, role, rtc) {
    super();
    /** The session's id. */
    this.id = id;
    /** @type {Status} The session's state. */
    this.status = "pending";
    /** @type {SessionType | null} When it ends by itself; null while a guest has not heard. */
    this.type = null;
    /** @type {DeviceInfo | null} Who the guest says that it is. */
    this.deviceInfo = null;
    /** @type {RTCIceServer[] | null} What the node gave for WebRTC; null before. */
    this.iceServers = null;
    /** @type {ProximError | null} Why it ended, if it did. */
    this.over = null;
    this.#role = role;
    this.#rtc = rtc;
    beforeListening(this, "channel", () => this.#announceChannels());
  }

  /** Settles when a person has said yes. Rejects with why not. */
  get approved() {
    return this.#approved.promise;
  }

  /**
   * The open data channel. What comes over it waits until somebody listens. After a loss it is a new
   * promise, for the next one. Rejects with why the session ended, or why the two sides do not reach
   * each other.
   */
  get connected() {
    return this.#connected.promise;
  }

  /** Settles with why the session ended, when it does; never rejects. */
  get ended() {
    return this.#ended.promise;
  }

  /** Whether the other side is connected to the node. */
  get peerOnline() {
    return this.#peerOnline;
  }

  /** @type {RTCPeerConnection | null} The WebRTC connection, once approved. */
  get pc() {
    return this.#peerConnection?.pc ?? null;
  }

  /**
   * Send any JSON value to the other side through the node, in order, once approved. While the node
   * is away up to 256 wait for it.
   * @param {unknown} data
   * @throws {ProximError} `session_ended`, `bad_message` when it is no JSON or larger than the node
   *   takes, `limit_reached` when too many wait.
   */
  send(data) {
    if (this.over) throw this.over;
    if (data === undefined) throw new ProximError("bad_message", "undefined is no JSON value");
    this._getConnection().send({ type: "signal", session_id: this.id, data });
  }

  /** End the session. Closing one that has ended is no error. */
  async close() {
    try {
      await this._getConnection().request("session_ended", {
        type: "close_session",
        session_id: this.id,
      });
    } catch (error) {
      if (!this.over) throw error;
    }
  }

  /**
   * Begin the WebRTC connection anew; `connected` is then a promise that waits. For after
   * `unreachable`, when a person wants to try once more.
   * @throws {ProximError} `session_ended`
   */
  reconnect() {
    if (this.over) throw this.over;
    this.#peerConnection?.restart();
  }

  /**
   * Fresh ICE servers now; `ttl` is how long they serve, in seconds. Before those that are there
   * lapse this is done by itself, and the SDK's own connection is given them.
   * @returns {Promise<{ iceServers: RTCIceServer[], ttl: number }>}
   */
  async refreshIce() {
    const fresh = await this._getConnection().request("ice_servers", {
      type: "refresh_ice",
      session_id: this.id,
    });
    this._setIceServers(fresh.ice_servers, fresh.ttl);
    return { iceServers: fresh.ice_servers, ttl: fresh.ttl };
  }

  /**
   * How the two sides are connected, from `getStats()`; null while they are not.
   * @returns {Promise<Path | null>}
   */
  async path() {
    return this.pc && pathOf(this.pc);
  }

  // -- what the node says --

  /** @internal @returns {Connection} */
  _getConnection() {
    throw new Error("a session belongs to a host or a guest");
  }

  /** @internal @param {Message} message */
  _receive(message) {
    switch (message.type) {
      case "signal":
        this.#receiveSignal(message.data);
        break;
      case "pair_result":
        if (message.status !== "approved") break;
        this.deviceInfo = message.device_info;
        this._setPeerOnline(true);
        this._setIceServers(message.ice_servers, message.ice_ttl);
        this._approve();
        break;
      case "peer_online":
        this._setPeerOnline(true);
        break;
      case "peer_offline":
        this._setPeerOnline(false);
        break;
      case "session_ended":
        this._end(sessionEnded(message.status, message.reason, this.id));
        break;
      case "error":
        if (!message.ref) emit(this, "error", { error: wireError(message) });
        break;
    }
  }

  /** Take in the session object, which may tell what was missed. @internal @param {any} info */
  _update(info) {
    this.type = info.session_type;
    this.deviceInfo = info.device_info;
    if (info.reason) this._end(sessionEnded(info.status, info.reason, this.id));
    else if (info.status === "approved") this._approve();
  }

  /** @internal @param {boolean} online */
  _setPeerOnline(online) {
    const changed = online !== this.#peerOnline;
    this.#peerOnline = online;
    if (changed) emit(this, "presence", { online });
    if (online) this.#peerConnection?.check();
  }

  /** @internal @param {RTCIceServer[]} [iceServers] @param {number} [ttl] Seconds. */
  _setIceServers(iceServers, ttl) {
    if (!iceServers || this.over) return;
    const isFirst = this.iceServers === null;
    this.iceServers = iceServers;
    this.#peerConnection?.setIceServers(iceServers);
    if (!isFirst) emit(this, "ice", { iceServers });
    if (!ttl || iceServers.length === 0) return;
    const expiry = Date.now() + ttl * 1000;
    // What ends with the session cannot be had for longer.
    if (this.#iceTimer && expiry < this.#iceExpiry + ICE.gain) return;
    this.#iceExpiry = expiry;
    this.#refreshIceAfter(ttl * 1000 * ICE.age);
  }

  /** @internal Whether the ICE servers are too old to begin with: a device may have slept. */
  _iceHasExpired() {
    return Date.now() >= this.#iceExpiry;
  }

  /** @param {number} time Milliseconds until then. */
  #refreshIceAfter(time) {
    clearTimeout(this.#iceTimer);
    this.#iceTimer = setTimeout(() => {
      this.refreshIce().catch(() => {
        if (!this.over) this.#refreshIceAfter(ICE.retry);
      });
    }, time);
  }

  /** @internal */
  _approve() {
    if (this.status === "approved" || this.over) return;
    this.status = "approved";
    this.#approved.resolve();
    emit(this, "approved");
    if (this.#rtc) this.#peerConnection = new PeerConnection(this, this.#role);
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    if (this.over) return;
    this.over = error;
    if (error.status) this.status = error.status;
    clearTimeout(this.#iceTimer);
    this.#peerConnection?.close();
    this._setPeerOnline(false);
    this.#approved.reject(error);
    this.#connected.reject(error);
    this.#ended.resolve(error);
    emit(this, "over", { error });
  }

  /** @internal The node is reached again. */
  _checkConnection() {
    this.#peerConnection?.check();
  }

  /** @internal @param {RTCDataChannel} channel */
  _channelOpened(channel) {
    this.#channel = channel;
    this.#connected.resolve(channel);
    emit(this, "connected", { channel });
  }

  /** @internal @param {RTCDataChannel} channel */
  _channelClosed(channel) {
    channel.close();
    // Who waits for the first channel waits for the next try, too.
    if (channel !== this.#channel) return;
    this.#channel = null;
    this.#connected = new Deferred();
    emit(this, "disconnected");
  }

  /** @internal WebRTC is begun, for the first time or anew. */
  _restarted() {
    if (this.#isUnreachable) this.#connected = new Deferred();
    this.#isUnreachable = false;
  }

  /** @internal @param {ProximError} error */
  _unreachable(error) {
    this.#isUnreachable = true;
    this.#connected.reject(error);
    emit(this, "unreachable", { error });
  }

  /** @internal @param {RTCDataChannel} channel */
  _addChannel(channel) {
    if (this.#listensForChannels) emit(this, "channel", { channel });
    else if (this.#channels.length < EARLY.channels) this.#channels.push(channel);
    else channel.close();
  }

  /** Somebody listens, now that the page has run on: tell of those that came before. */
  async #announceChannels() {
    if (this.#channels.length > 0) await null;
    this.#listensForChannels = true;
    for (const channel of this.#channels.splice(0)) emit(this, "channel", { channel });
  }

  /** @param {any} data */
  #receiveSignal(data) {
    const rtc = data && typeof data === "object" ? data.rtc : undefined;
    if (this.#peerConnection && rtc && typeof rtc === "object") this.#peerConnection.receive(rtc);
    else emit(this, "signal", { data });
  }
}
