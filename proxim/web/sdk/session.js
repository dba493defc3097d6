// One side of a session.

import { Deferred } from "./deferred.js";
import { EarlyChannels } from "./early-channels.js";
import { ProximError, sessionEnded, wireError } from "./errors.js";
import { emit } from "./events.js";
import { IceClock } from "./ice-clock.js";
import { pathOf } from "./path.js";
import { PeerConnection } from "./peer-connection.js";

/** @import { Connection } from "./connection.js" */
/** @import { SealedSignals } from "./sealed-signals.js" */
/** @import { DeviceInfo, Message, Notice, Path, SessionType, Status } from "./types.js" */

/**
 * One side of a session: the base of `HostSession` and `Guest`.
 *
 * Each event has a property for its handler: `onsignal`, `onconnected` and so on. The handler gets the
 * event. Its fields are named in brackets.
 */
export class Session extends EventTarget {
  /** `signal` (`data`): the other side has sent `data` with `send`.
   * @type {((event: Event & { data: any }) => unknown) | null} */
  onsignal = null;
  /** `connected` (`channel`): the data channel is open, for the first time or again.
   * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
  onconnected = null;
  /** `disconnected`: the data channel is closed; `connected` is a new promise. If only the channel was
   * closed, and not the connection under it, the host opens a new one, three times.
   * @type {((event: Event) => unknown) | null} */
  ondisconnected = null;
  /** `unreachable` (`error`): the two sides can't connect to each other, after several attempts, or the
   * other side has no WebRTC; `connected` has rejected. The next attempt begins when a side comes back
   * to the node, or with `reconnect`.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onunreachable = null;
  /** `rtc` (`pc`): there is a new `RTCPeerConnection`, not negotiated yet; add tracks here.
   * @type {((event: Event & { pc: RTCPeerConnection }) => unknown) | null} */
  onrtc = null;
  /** `rtcstate` (`state`): the `connectionState` of the `RTCPeerConnection` has changed.
   * @type {((event: Event & { state: RTCPeerConnectionState }) => unknown) | null} */
  onrtcstate = null;
  /** `ice` (`iceServers`): there are fresh ICE servers, before the earlier ones expire. Use them for
   * the next ICE restart of a connection of your own.
   * @type {((event: Event & { iceServers: RTCIceServer[] }) => unknown) | null} */
  onice = null;
  /** `presence` (`online`, `replaced`): the other side has connected to the node, or disconnected.
   * `replaced` if the guest has connected again while its earlier connection still stood.
   * @type {((event: Event & { online: boolean, replaced: boolean }) => unknown) | null} */
  onpresence = null;
  /** `channel` (`channel`): the other side has opened another data channel.
   * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
  onchannel = null;
  /** `approved`: a person has approved the guest.
   * @type {((event: Event) => unknown) | null} */
  onapproved = null;
  /** `over` (`error`): the session has ended; the error's `reason` says why.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onover = null;
  /** `notice` (`notice`, `missed`): a side of a sealed session has noticed something (`Notice`).
   * @type {((event: Event & { notice: Notice, missed: number }) => unknown) | null} */
  onnotice = null;
  /** `error` (`error`): the node refused a signal, or WebRTC reported an error. The session goes on.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onerror = null;

  #approved = /** @type {Deferred<void>} */ (new Deferred());
  #connected = /** @type {Deferred<RTCDataChannel>} */ (new Deferred());
  #ended = /** @type {Deferred<ProximError>} */ (new Deferred());
  #peerOnline = false;
  /** @type {RTCDataChannel | null} The open channel. */
  #channel = null;
  #channels = new EarlyChannels(this);
  #isUnreachable = false;
  /** @type {PeerConnection | null} */
  #peerConnection = null;
  #role;
  #rtc;
  #iceClock = new IceClock(() => this.refreshIce());

  /**
   * `Host.open` and `new Guest` make sessions.
   * @internal
   * @param {string} id @param {"host" | "guest"} role @param {boolean} rtc @param {boolean} sealed
   */
  constructor(id, role, rtc, sealed) {
    super();
    /** The session's id; that of a host's session changes when the session is opened again. */
    this.id = id;
    /** Whether it is sealed: the node can neither read nor forge the names, the decision and the signals. */
    this.sealed = sealed;
    /** @internal @type {SealedSignals | null} Those of a sealed session, once approved. */
    this._signals = null;
    /** @type {Status} The session's state. */
    this.status = "pending";
    /** @type {SessionType | null} When it ends by itself; null until a guest knows it. */
    this.type = null;
    /** @type {DeviceInfo | null} The guest's claim who it is. */
    this.deviceInfo = null;
    /** @type {RTCIceServer[] | null} The node's servers for WebRTC; null before. */
    this.iceServers = null;
    /** @type {ProximError | null} Why it ended, if it did. */
    this.over = null;
    this.#role = role;
    this.#rtc = rtc;
  }

  /** Resolves once a person has approved the guest. Rejects with the reason if that does not happen. */
  get approved() {
    return this.#approved.promise;
  }

  /**
   * The open data channel. Its messages wait until the page listens. After a loss this is a new
   * promise, for the next channel. Rejects with the error if the session ends, or if the two sides
   * can't connect to each other.
   */
  get connected() {
    return this.#connected.promise;
  }

  /** Resolves with the error that says why the session ended; never rejects. */
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
   * Send any JSON value to the other side through the node, in order, once approved. Up to 256 values
   * wait while the node is offline, and in a sealed session also while the other side is offline.
   * @param {unknown} data
   * @throws {ProximError} `session_ended`, `bad_message` when `data` is not JSON or too large for the
   *   node, `limit_reached` when too many values wait, `not_approved` before the approval.
   */
  send(data) {
    if (this.over) throw this.over;
    if (data === undefined) throw new ProximError("bad_message", "undefined is not a JSON value");
    this._getConnection();
    if (this.status !== "approved") {
      throw new ProximError("not_approved", "nothing was sent: the session is not approved yet", { sessionId: this.id });
    }
    if (this._signals) this._signals.send(data);
    else this._sendSignal(data);
  }

  /** @internal @param {unknown} data What the node relays. */
  _sendSignal(data) {
    this._getConnection().send({ type: "signal", session_id: this.id, data });
  }

  /** End the session. It may have ended already. Before the approval, a guest cancels its request by this. */
  async close() {
    const request = { type: "close_session", session_id: this.id };
    try {
      await this._getConnection().request("session_ended", request);
    } catch (error) {
      if (!this.over) throw error;
    }
  }

  /**
   * Start a new WebRTC connection, for example when a person tries again after `unreachable`.
   * `connected` is then pending.
   * @throws {ProximError} `session_ended`
   */
  reconnect() {
    if (this.over) throw this.over;
    this.#peerConnection?.restart();
  }

  /**
   * Get fresh ICE servers; they are valid for `ttl` seconds. The SDK does this by itself before they
   * expire, and its own connection uses them.
   * @returns {Promise<{ iceServers: RTCIceServer[], ttl: number }>}
   */
  async refreshIce() {
    const request = { type: "refresh_ice", session_id: this.id };
    const fresh = await this._getConnection().request("ice_servers", request);
    this._setIceServers(fresh.ice_servers, fresh.ttl);
    return { iceServers: fresh.ice_servers, ttl: fresh.ttl };
  }

  /**
   * Return how the two sides are connected, from `getStats()`; null while they are not.
   * @returns {Promise<Path | null>}
   */
  async path() {
    return this.pc && pathOf(this.pc);
  }

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
      case "peer_offline":
        this._setPeerOnline(message.type === "peer_online", message.replaced);
        break;
      case "session_ended":
        this._end(sessionEnded(message.status, message.reason, this.id));
        break;
      case "error":
        if (!message.ref) emit(this, "error", { error: wireError(message) });
        break;
    }
  }

  /** Apply a session object, which may contain what this side missed. @internal @param {any} info */
  _update(info) {
    this.type = info.session_type;
    this.deviceInfo = info.device_info;
    if (info.reason) this._end(sessionEnded(info.status, info.reason, this.id));
    else if (info.status === "approved") this._approve();
  }

  /** @internal @param {boolean} online @param {boolean} [replaced] */
  _setPeerOnline(online, replaced = false) {
    const changed = online !== this.#peerOnline;
    this.#peerOnline = online;
    if (changed) this._signals?.setPeerOnline(online);
    if (replaced) this._signals?.peerReplaced();
    if (changed || replaced) emit(this, "presence", { online, replaced });
    if (online) this.#peerConnection?.check();
  }

  /** @internal @param {RTCIceServer[]} [iceServers] @param {number} [ttl] Seconds. */
  _setIceServers(iceServers, ttl) {
    if (!iceServers || this.over) return;
    const isFirst = this.iceServers === null;
    this.iceServers = iceServers;
    this.#peerConnection?.setIceServers(iceServers);
    if (!isFirst) emit(this, "ice", { iceServers });
    if (ttl && iceServers.length > 0) this.#iceClock.set(ttl);
  }

  /** @internal Whether the ICE servers have expired, for example because the device was asleep. */
  _iceHasExpired() {
    return this.#iceClock.hasExpired;
  }

  /** @internal */
  _approve() {
    if (this.status === "approved" || this.over) return;
    this.status = "approved";
    this.#approved.resolve();
    emit(this, "approved");
    if (this.#rtc) this.#peerConnection = new PeerConnection(this, this.#role);
  }

  /** Wait for a guest again, under another id: the guest of before was lost with the node. @internal @param {string} id */
  _startOver(id) {
    this.id = id;
    this.#iceClock.reset();
    this.#peerConnection?.close();
    this.#peerConnection = this.iceServers = this.deviceInfo = null;
    if (this.status === "approved") this.#approved = new Deferred();
    this.status = "pending";
    this._restarted();
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    if (this.over) return;
    this.over = error;
    if (error.status) this.status = error.status;
    this.#iceClock.stop();
    this._signals?.close();
    this.#peerConnection?.close();
    this._setPeerOnline(false);
    this.#approved.reject(error);
    this.#connected.reject(error);
    this.#ended.resolve(error);
    emit(this, "over", { error });
  }

  /** @internal The node knows this client, perhaps again. */
  _nodeReached() {
    this._signals?.start();
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
    // A channel that never opened leaves `connected` pending for the next one.
    if (channel !== this.#channel) return;
    this.#channel = null;
    this.#connected = new Deferred();
    emit(this, "disconnected");
  }

  /** @internal A WebRTC connection starts, for the first time or again. */
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
    this.#channels.add(channel);
  }

  /** @param {any} signal */
  #receiveSignal(signal) {
    const received = this.sealed ? this._signals?.receive(signal) : { data: signal };
    if (!received) return;
    const { data } = received;
    const rtc = data && typeof data === "object" ? data.rtc : undefined;
    if (this.#peerConnection && rtc && typeof rtc === "object") this.#peerConnection.receive(rtc);
    else emit(this, "signal", { data });
  }
}
