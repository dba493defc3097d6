// The WebRTC connection of a session.

import { EarlyMessages, tooManyEarlyMessages } from "./early-messages.js";
import { ProximError, webrtcFailed } from "./errors.js";
import { emit } from "./events.js";
import { randomHex } from "./random.js";

/** @import { Session } from "./session.js" */

/** Milliseconds that a broken WebRTC connection has to mend itself: host first, then guest. */
const ICE_RESTART_DELAY = { host: 2_500, guest: 5_000 };
/** Milliseconds after which a WebRTC connection that does not come about is begun anew; each try has
 * half as much again. */
const CONNECT_TIMEOUT = { host: 15_000, guest: 35_000 };
/** How often it is begun anew before it is left to a person, or to the other side's return. */
const MAX_RETRIES = 4;
/** How often the host opens the data channel anew on a connection that stands, and milliseconds before. */
const REOPEN = { most: 3, pause: 500 };

/**
 * The WebRTC connection of a session, by the perfect-negotiation pattern: the host is impolite, the
 * guest polite. Its signals are `{rtc: {from, to?, description?, candidate?}}`; `from` and `to` name
 * one `RTCPeerConnection` each. A `from` that is new says that the other side has begun anew –
 * after a reload, say – so this side does, too, once it has negotiated; what was meant for another
 * `to` is dropped.
 */
export class PeerConnection {
  #id = "";
  #remote = "";
  #makingOffer = false;
  #ignoringOffer = false;
  #negotiated = false;
  #closed = false;
  #retries = 0;
  /** @type {RTCPeerConnection | null} */
  pc = null;
  /** @type {RTCDataChannel | null} */
  #main = null;
  #reopened = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reopenTimer;
  /** @type {Promise<unknown>} What is heard is dealt with in turn. */
  #queue = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #iceRestartTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #connectTimer;
  #earlyMessages = new EarlyMessages(() => {});

  /** @param {Session} session @param {"host" | "guest"} role */
  constructor(session, role) {
    this.session = session;
    this.role = role;
    this.#enqueue(() => this.#start());
  }

  /** @param {any} signal What the other side's line has said. */
  receive(signal) {
    this.#enqueue(() => this.#handleSignal(signal));
  }

  /** Somebody is back: see whether the connection has survived. */
  check() {
    const state = this.pc?.connectionState;
    if (!state) this.#enqueue(async () => void (this.pc || (await this.#restart())));
    else if (state !== "connected") this.#restartIceAfter(state === "failed" ? 0 : 500);
  }

  /** Begin anew, with as many tries as at first. */
  restart() {
    this.#enqueue(() => this.#restart());
  }

  /**
   * Fresh ICE servers, for the next time that ICE is restarted; what is connected stays so.
   * @param {RTCIceServer[]} iceServers
   */
  setIceServers(iceServers) {
    try {
      this.pc?.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
    } catch {
      // Some browsers cannot: there they serve when the connection is begun anew.
    }
  }

  close() {
    this.#closed = true;
    this.#closeCurrent();
  }

  /** @param {() => Promise<void>} action */
  #enqueue(action) {
    const guarded = async () => {
      if (!this.#closed) await action();
    };
    this.#queue = this.#queue.then(guarded).catch((error) => this.#reportError(error));
  }

  /** @param {unknown} error */
  #reportError(error) {
    emit(this.session, "error", { error: webrtcFailed(error) });
  }

  async #restart() {
    this.#retries = 0;
    await this.#start();
  }

  /** @param {string} [remote] Whom it is begun for; whoever answers, where nobody is named. */
  async #start(remote = "") {
    this.#closeCurrent();
    this.session._restarted();
    if (!this.session.iceServers || this.session._iceHasExpired()) await this.session.refreshIce();
    if (this.#closed) return;
    this.#id = randomHex(4);
    this.#remote = remote;
    this.#makingOffer = this.#ignoringOffer = this.#negotiated = false;
    this.#reopened = 0;
    this.#earlyMessages = new EarlyMessages(() => this.#reportError(tooManyEarlyMessages()));
    const pc = this.#create();
    if (!pc) return;
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

  /** A connection, or none where the browser has no WebRTC or does not take the ICE servers. */
  #create() {
    try {
      return new RTCPeerConnection({ iceServers: this.session.iceServers ?? [] });
    } catch (error) {
      this.#fail(webrtcFailed(error));
      return null;
    }
  }

  /** @param {string} message */
  #failUnreachable(message) {
    this.#fail(new ProximError("unreachable", message, { sessionId: this.session.id }));
  }

  /** @param {ProximError} error */
  #fail(error) {
    this.#closeCurrent();
    this.session._unreachable(error);
  }

  #closeCurrent() {
    clearTimeout(this.#iceRestartTimer);
    clearTimeout(this.#reopenTimer);
    this.#stopTimer();
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
    const { from, to, description, candidate } = signal;
    if (typeof from !== "string" || (to && to !== this.#id)) return;
    if (from !== this.#remote) await this.#follow(from);
    const pc = this.pc;
    if (!pc) return;
    if (description) await this.#handleDescription(pc, description);
    else if (candidate !== undefined && !this.#ignoringOffer) await pc.addIceCandidate(candidate);
  }

  /**
   * The other side has begun anew, and so does this one, but only where it has negotiated with
   * somebody before: if both began anew because the other did, they would do so for ever.
   * @param {string} from
   */
  async #follow(from) {
    if (this.#negotiated || !this.pc) return this.#start(from);
    const before = this.#remote;
    this.#remote = from;
    const description = this.pc.localDescription;
    // It was offered to somebody else before.
    if (before && description) this.#send(this.pc, { description });
  }

  /** @param {RTCPeerConnection} pc @param {RTCSessionDescriptionInit} description */
  async #handleDescription(pc, description) {
    const isOffer = description.type === "offer";
    const collision = isOffer && (this.#makingOffer || pc.signalingState !== "stable");
    this.#ignoringOffer = collision && this.role === "host";
    if (this.#ignoringOffer) return;
    await pc.setRemoteDescription(description);
    this.#negotiated = true;
    if (!isOffer) return;
    await pc.setLocalDescription();
    this.#send(pc, { description: pc.localDescription });
  }

  /** @param {RTCPeerConnection} pc @param {object} what */
  #send(pc, what) {
    if (pc !== this.pc) return;
    const to = this.#remote || undefined;
    try {
      this.session.send({ rtc: { from: this.#id, to, ...what } });
    } catch (error) {
      this.#reportError(error);
    }
  }

  /** @param {RTCPeerConnection} pc */
  #stateChanged(pc) {
    emit(this.session, "rtcstate", { state: pc.connectionState });
    if (pc.connectionState === "connected") {
      clearTimeout(this.#iceRestartTimer);
      this.#stopTimer();
      this.#retries = 0;
    } else if (pc.connectionState === "disconnected") {
      this.#restartIceAfter(ICE_RESTART_DELAY[this.role]);
    } else if (pc.connectionState === "failed" && this.#connectTimer === undefined) {
      // Otherwise a try is under way, and will be followed by the next.
      this.#restartIceAfter(0);
    }
  }

  /** @param {number} time Milliseconds. */
  #restartIceAfter(time) {
    clearTimeout(this.#iceRestartTimer);
    this.#iceRestartTimer = setTimeout(() => this.#enqueue(() => this.#restartIce()), time);
  }

  /** Restart ICE, with servers that are fresh; if the other side is away, its return does it. */
  async #restartIce() {
    const pc = this.pc;
    if (!pc || pc.connectionState === "connected" || !this.session.peerOnline) return;
    await this.session.refreshIce().catch(() => {
      // The old ones may do.
    });
    if (pc !== this.pc) return;
    pc.restartIce();
    this.#startTimer();
  }

  #startTimer() {
    this.#stopTimer();
    const timeout = CONNECT_TIMEOUT[this.role] * 1.5 ** this.#retries;
    this.#connectTimer = setTimeout(() => this.#timedOut(), timeout);
  }

  #stopTimer() {
    clearTimeout(this.#connectTimer);
    this.#connectTimer = undefined;
  }

  #timedOut() {
    if (!this.session.peerOnline) {
      // `check` goes on once the other side is back.
      this.#stopTimer();
    } else if (this.#retries < MAX_RETRIES) {
      this.#retries += 1;
      this.#enqueue(() => this.#start());
    } else {
      const message = "the two sides do not reach each other, and it is tried no more by itself";
      this.#failUnreachable(message);
    }
  }

  /** Only the channel was closed: open it anew, unless the other side is gone, or closes it each time. */
  async #reopen() {
    const pc = this.pc;
    // Where all of it has broken, what mends that has a channel of its own.
    if (!pc || this.#main || pc.connectionState !== "connected") return;
    if (pc.sctp?.transport.state === "closed" || !this.session.peerOnline) return;
    if (this.#reopened < REOPEN.most) {
      this.#reopened += 1;
      this.#addChannel(pc.createDataChannel("proxim"));
    } else {
      const message = "the other side closes the data channel again and again";
      this.#failUnreachable(message);
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
    const opened = () => {
      if (channel === this.#main) this.session._channelOpened(channel);
    };
    if (channel.readyState === "open") opened();
    else channel.addEventListener("open", opened);
    channel.addEventListener("close", () => {
      if (channel !== this.#main) return;
      this.#main = null;
      this.session._channelClosed(channel);
      if (this.role !== "host") return;
      clearTimeout(this.#reopenTimer);
      this.#reopenTimer = setTimeout(() => this.#enqueue(() => this.#reopen()), REOPEN.pause);
    });
  }
}
