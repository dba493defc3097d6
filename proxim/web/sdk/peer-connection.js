// The WebRTC connection of a session.

import { EarlyMessages } from "./early-messages.js";
import { ProximError, webrtcFailed } from "./errors.js";
import { emit } from "./events.js";
import { randomHex } from "./device.js";
import { PeerLimits } from "./peer-limits.js";

/** @import { Session } from "./session.js" */

/** Milliseconds that a broken connection has to recover before ICE restarts. The host acts first. */
const ICE_RESTART_DELAY = { host: 2_500, guest: 5_000 };
/** Milliseconds that an attempt to connect may take. Each retry may take half as long again. */
const CONNECT_TIMEOUT = { host: 15_000, guest: 35_000 };
/** Retries before the session is `unreachable`, until a person or the other side tries again. */
const MAX_RETRIES = 4;
/** How often the host reopens a data channel that was closed alone, and the milliseconds before. */
const REOPEN = { most: 3, pause: 500 };
/** Signals of the other side that may wait. */
const MOST_WAITING = 256;

/**
 * Connects the two sides of a session by WebRTC, with as many `RTCPeerConnection`s as that takes.
 *
 * It follows the perfect-negotiation pattern: the host is impolite, the guest polite. Its signals are
 * `{rtc: {from, to?, description?, candidate?}}`, where `from` and `to` each identify one
 * `RTCPeerConnection`. A new `from` means that the other side has started again, after a reload for
 * example. Signals to another `to` are dropped. A side without WebRTC sends `{rtc: {unavailable: true}}`.
 */
export class PeerConnection {
  #id = "";
  #remote = "";
  #makingOffer = false;
  #ignoringOffer = false;
  #negotiated = false;
  #closed = false;
  #refused = false;
  #retries = 0;
  #waiting = 0;
  #limits = new PeerLimits();
  /** @type {RTCPeerConnection | null} */
  pc = null;
  /** @type {RTCDataChannel | null} */
  #main = null;
  #reopened = 0;
  /** @type {Promise<unknown>} Runs one action after the other. */
  #queue = Promise.resolve();
  /** @type {Map<string, number>} */
  #timers = new Map();
  #earlyMessages = new EarlyMessages((error) => this.#reportError(error));

  /** @param {Session} session @param {"host" | "guest"} role */
  constructor(session, role) {
    this.session = session;
    this.role = role;
    this.#enqueue(() => this.#start());
  }

  /** @param {any} signal A signal of the other side's `PeerConnection`. */
  receive(signal) {
    if (this.#waiting >= MOST_WAITING) {
      this.#reportError(new ProximError("limit_reached", "the other side sends faster than this one can follow"));
      return;
    }
    this.#waiting += 1;
    this.#enqueue(() => {
      this.#waiting -= 1;
      return this.#handleSignal(signal);
    });
  }

  /** Check the connection after the node or the other side was away, and repair it. */
  check() {
    const state = this.pc?.connectionState;
    if (!state) this.#enqueue(async () => this.pc || this.#refused || this.#restart());
    else if (state !== "connected") this.#restartIceAfter(state === "failed" ? 0 : 500);
  }

  /** Start a new connection, with all retries. */
  restart() {
    this.#enqueue(() => this.#restart());
  }

  /** Set the ICE servers of the next ICE restart. @param {RTCIceServer[]} iceServers */
  setIceServers(iceServers) {
    try {
      this.pc?.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
    } catch {
      // A browser without this uses them in the next connection.
    }
  }

  close() {
    this.#closed = true;
    this.#closeCurrent();
  }

  /** @param {() => Promise<unknown>} action */
  #enqueue(action) {
    const guarded = () => this.#closed || action();
    this.#queue = this.#queue.then(guarded).catch((error) => this.#reportError(error));
  }

  /**
   * Start a timer, in place of the one before of this name.
   * @param {string} name @param {number} time Milliseconds. @param {() => void} action
   */
  #after(name, time, action) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(action, time));
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  /** @param {unknown} error */
  #reportError(error) {
    emit(this.session, "error", { error: webrtcFailed(error) });
  }

  async #restart() {
    this.#retries = 0;
    await this.#start();
  }

  /** @param {string} [remote] The id of the other side's connection, if it is known. */
  async #start(remote = "") {
    this.#closeCurrent();
    this.#refused = false;
    this.session._restarted();
    if (!this.session.iceServers || this.session._iceHasExpired()) await this.session.refreshIce();
    if (this.#closed) return;
    this.#id = randomHex(4);
    this.#remote = remote;
    this.#makingOffer = this.#ignoringOffer = this.#negotiated = false;
    this.#reopened = 0;
    this.#limits.restart();
    this.#earlyMessages = new EarlyMessages((error) => this.#reportError(error));
    let pc;
    try {
      pc = new RTCPeerConnection({ iceServers: this.session.iceServers ?? [] });
    } catch (error) {
      // The browser has no WebRTC, or does not accept the ICE servers.
      this.#sendSignal({ unavailable: true });
      this.#fail(webrtcFailed(error));
      return;
    }
    this.pc = pc;
    pc.onnegotiationneeded = () => this.#offer(pc);
    pc.onicecandidate = ({ candidate }) => this.#send(pc, { candidate });
    pc.onconnectionstatechange = () => this.#stateChanged(pc);
    pc.ondatachannel = ({ channel }) => this.#addChannel(channel);
    this.#startTimer();
    emit(this.session, "rtc", { pc });
    if (this.role === "host") this.#addChannel(pc.createDataChannel("proxim"));
    else this.#send(pc, {});
  }

  /** @param {string} message @param {string} [reason] */
  #failUnreachable(message, reason) {
    this.#fail(new ProximError("unreachable", message, { sessionId: this.session.id, reason }));
  }

  /** @param {ProximError} error */
  #fail(error) {
    this.#closeCurrent();
    this.session._unreachable(error);
  }

  #closeCurrent() {
    for (const name of this.#timers.keys()) this.#cancel(name);
    const main = this.#main;
    this.#main = null;
    if (this.pc) {
      this.pc.onconnectionstatechange = this.pc.onicecandidate = null;
      this.pc.onnegotiationneeded = this.pc.ondatachannel = null;
      this.pc.close();
    }
    this.pc = null;
    if (main) this.session._channelClosed(main);
  }

  /** @param {RTCPeerConnection} pc */
  async #offer(pc) {
    try {
      this.#makingOffer = true;
      await pc.setLocalDescription();
      this.#send(pc, { description: pc.localDescription });
    } catch (error) {
      if (pc === this.pc) this.#reportError(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** @param {any} signal */
  async #handleSignal(signal) {
    const { from, to, description, candidate, unavailable } = signal;
    if (unavailable === true) {
      this.#refused = true;
      this.#failUnreachable("the other side has no WebRTC", "no_webrtc");
      return;
    }
    if (typeof from !== "string" || (to && to !== this.#id)) return;
    if (from !== this.#remote) await this.#follow(from);
    const pc = this.pc;
    if (!pc) return;
    if (description) await this.#handleDescription(pc, description);
    else if (candidate !== undefined && !this.#ignoringOffer) await this.#addCandidate(pc, candidate);
  }

  /** @param {RTCPeerConnection} pc @param {RTCIceCandidateInit} candidate */
  async #addCandidate(pc, candidate) {
    if (this.#limits.countCandidate()) await pc.addIceCandidate(candidate);
  }

  /**
   * Follow the other side, which has started again. This side starts again, too, but only if it had
   * negotiated: otherwise both would start again because of each other, for ever.
   * @param {string} from
   */
  async #follow(from) {
    this.#limits.countStart();
    if (this.#negotiated || !this.pc) return this.#start(from);
    const before = this.#remote;
    this.#remote = from;
    const description = this.pc.localDescription;
    // The earlier offer went to a connection that is gone.
    if (before && description) this.#send(this.pc, { description });
  }

  /** @param {RTCPeerConnection} pc @param {RTCSessionDescriptionInit} description */
  async #handleDescription(pc, description) {
    const isOffer = description.type === "offer";
    const collision = isOffer && (this.#makingOffer || pc.signalingState !== "stable");
    this.#ignoringOffer = collision && this.role === "host";
    if (this.#ignoringOffer) return;
    this.#limits.countDescription(description);
    await pc.setRemoteDescription(description);
    this.#negotiated = true;
    if (!isOffer) return;
    await pc.setLocalDescription();
    this.#send(pc, { description: pc.localDescription });
  }

  /** @param {RTCPeerConnection} pc @param {object} content */
  #send(pc, content) {
    if (pc === this.pc) this.#sendSignal({ from: this.#id, to: this.#remote || undefined, ...content });
  }

  #sendSignal(/** @type {object} */ rtc) {
    try {
      this.session.send({ rtc });
    } catch (error) {
      this.#reportError(error);
    }
  }

  /** @param {RTCPeerConnection} pc */
  #stateChanged(pc) {
    emit(this.session, "rtcstate", { state: pc.connectionState });
    if (pc.connectionState === "connected") {
      this.#cancel("restart ICE");
      this.#cancel("connect");
      this.#retries = 0;
    } else if (pc.connectionState === "disconnected") {
      this.#restartIceAfter(ICE_RESTART_DELAY[this.role]);
    } else if (pc.connectionState === "failed" && !this.#timers.has("connect")) {
      // While the connect timer runs, it starts the next retry.
      this.#restartIceAfter(0);
    }
  }

  /** @param {number} time Milliseconds. */
  #restartIceAfter(time) {
    this.#after("restart ICE", time, () => this.#enqueue(() => this.#restartIce()));
  }

  /** Restart ICE with fresh servers. While the other side is offline, wait for its return. */
  async #restartIce() {
    const pc = this.pc;
    if (!pc || pc.connectionState === "connected" || !this.session.peerOnline) return;
    // The earlier servers may still work.
    await this.session.refreshIce().catch(() => {});
    if (pc !== this.pc) return;
    pc.restartIce();
    this.#startTimer();
  }

  #startTimer() {
    this.#after("connect", CONNECT_TIMEOUT[this.role] * 1.5 ** this.#retries, () => this.#timedOut());
  }

  #timedOut() {
    // `check` repairs the connection once the other side is back.
    if (!this.session.peerOnline) this.#cancel("connect");
    else if (this.#retries < MAX_RETRIES) {
      this.#retries += 1;
      this.#enqueue(() => this.#start());
    } else {
      this.#failUnreachable("the two sides can't connect to each other, after several attempts");
    }
  }

  /** Reopen the channel if it alone was closed, unless the other side closes it each time. */
  async #reopen() {
    const pc = this.pc;
    // A broken connection gets a new channel when it is repaired.
    if (!pc || this.#main || pc.connectionState !== "connected") return;
    if (pc.sctp?.transport.state === "closed" || !this.session.peerOnline) return;
    if (this.#reopened < REOPEN.most) {
      this.#reopened += 1;
      this.#addChannel(pc.createDataChannel("proxim"));
    } else {
      this.#failUnreachable("the other side closes the data channel again and again");
    }
  }

  /** @param {RTCDataChannel} channel */
  #addChannel(channel) {
    channel.binaryType = "arraybuffer";
    this.#earlyMessages.hold(channel);
    if (channel.label !== "proxim" || this.#main) {
      this.session._addChannel(channel);
      return;
    }
    this.#main = channel;
    const opened = async () => {
      // Chromium calls a channel of the other side open a moment too early, and drops what is sent until
      // then. Statistics come by way of the thread that opens it.
      await this.pc?.getStats().catch(() => {});
      if (channel === this.#main) this.session._channelOpened(channel);
    };
    if (channel.readyState === "open") opened();
    else channel.addEventListener("open", opened);
    channel.addEventListener("close", () => {
      if (channel !== this.#main) return;
      this.#main = null;
      this.session._channelClosed(channel);
      if (this.role !== "host") return;
      this.#after("reopen", REOPEN.pause, () => this.#enqueue(() => this.#reopen()));
    });
  }
}
