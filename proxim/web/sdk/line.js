// The WebRTC connection of a session.

import { Waiting, tooMuchWaits } from "./early.js";
import { ProximError, webrtcFailed } from "./errors.js";
import { Happening, emit } from "./events.js";
import { randomHex } from "./random.js";

/** @import { Session } from "./session.js" */

/** Milliseconds that a broken WebRTC connection has to mend itself: host first, then guest. */
const MENDING = { host: 2_500, guest: 5_000 };
/** Milliseconds after which a WebRTC connection that does not come about is begun anew; each try has
 * half as much again. */
const PATIENCE = { host: 15_000, guest: 35_000 };
/** How often it is begun anew before it is left to a person, or to the other side's return. */
const TRIES = 4;
/** How often the host opens the data channel anew on a connection that stands, and milliseconds before. */
const REOPENING = { most: 3, pause: 500 };

/**
 * The WebRTC connection of a session, by the perfect-negotiation pattern: the host is impolite, the
 * guest polite. Its signals are `{rtc: {from, to?, description?, candidate?}}`; `from` and `to` name
 * one `RTCPeerConnection` each. A `from` that is new says that the other side has begun anew –
 * after a reload, say – so this side does, too, once it has negotiated; what was meant for another
 * `to` is dropped.
 */
export class Line {
  #id = "";
  #remote = "";
  #making = false;
  #ignoring = false;
  #heard = false;
  #over = false;
  #tries = 0;
  /** @type {RTCPeerConnection | null} */
  pc = null;
  /** @type {RTCDataChannel | null} */
  #main = null;
  #reopened = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reopening;
  /** @type {Promise<unknown>} What is heard is dealt with in turn. */
  #turn = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #mending;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #watchdog;
  #patience;
  #waiting = new Waiting(() => {});

  /** @param {Session} session @param {"host" | "guest"} role */
  constructor(session, role) {
    this.session = session;
    this.role = role;
    this.#patience = PATIENCE[role];
    this.#inTurn(() => this.#begin());
  }

  /** @param {any} signal What the other side's line has said. */
  hear(signal) {
    this.#inTurn(() => this.#take(signal));
  }

  /** Somebody is back: see whether the connection has survived. */
  revive() {
    const state = this.pc?.connectionState;
    if (!state) this.#inTurn(async () => void (this.pc || (await this.#afresh())));
    else if (state !== "connected") this.#mendAfter(state === "failed" ? 0 : 500);
  }

  /** Begin anew, with as many tries as at first. */
  restart() {
    this.#inTurn(() => this.#afresh());
  }

  /**
   * Fresh ICE servers, for the next time that ICE is restarted; what is connected stays so.
   * @param {RTCIceServer[]} iceServers
   */
  configure(iceServers) {
    try {
      this.pc?.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
    } catch {
      // Some browsers cannot: there they serve when the connection is begun anew.
    }
  }

  end() {
    this.#over = true;
    this.#close();
  }

  /** @param {() => Promise<void>} action */
  #inTurn(action) {
    const guarded = async () => {
      if (!this.#over) await action();
    };
    this.#turn = this.#turn.then(guarded).catch((error) => this.#complain(error));
  }

  /** @param {unknown} error */
  #complain(error) {
    emit(this.session, new Happening("error", { error: webrtcFailed(error) }));
  }

  async #afresh() {
    this.#tries = 0;
    this.#patience = PATIENCE[this.role];
    await this.#begin();
  }

  /** @param {string} [remote] Whom it is begun for; whoever answers, where nobody is named. */
  async #begin(remote = "") {
    this.#close();
    this.session._trying();
    if (!this.session.iceServers || this.session._iceHasLapsed()) await this.session.refreshIce();
    if (this.#over) return;
    this.#id = randomHex(4);
    this.#remote = remote;
    this.#making = this.#ignoring = this.#heard = false;
    this.#reopened = 0;
    this.#waiting = new Waiting(() => this.#complain(tooMuchWaits()));
    const pc = this.#make();
    if (!pc) return;
    this.pc = pc;
    pc.onnegotiationneeded = () => this.#offer(pc);
    pc.onicecandidate = ({ candidate }) => this.#send(pc, { candidate });
    pc.onconnectionstatechange = () => this.#watch(pc);
    pc.ondatachannel = ({ channel }) => this.#adopt(channel);
    this.#waitForConnection();
    emit(this.session, new Happening("rtc", { pc }));
    if (this.role === "host") this.#adopt(pc.createDataChannel("proxim"));
    else this.#send(pc, {});
  }

  /** A connection, or none where the browser has no WebRTC or does not take the ICE servers. */
  #make() {
    try {
      return new RTCPeerConnection({ iceServers: this.session.iceServers ?? [] });
    } catch (error) {
      this.#giveUp(webrtcFailed(error));
      return null;
    }
  }

  /** @param {ProximError} error */
  #giveUp(error) {
    this.#close();
    this.session._unreachable(error);
  }

  #close() {
    clearTimeout(this.#mending);
    clearTimeout(this.#reopening);
    this.#stopWaiting();
    const main = this.#main;
    this.#main = null;
    if (this.pc) {
      this.pc.onconnectionstatechange = this.pc.onicecandidate = null;
      this.pc.onnegotiationneeded = this.pc.ondatachannel = null;
      this.pc.close();
    }
    this.pc = null;
    if (main) this.session._disconnected(main);
  }

  /** @param {RTCPeerConnection} pc */
  async #offer(pc) {
    try {
      this.#making = true;
      await pc.setLocalDescription();
      this.#send(pc, { description: pc.localDescription });
    } catch (error) {
      if (pc === this.pc) this.#complain(error);
    } finally {
      this.#making = false;
    }
  }

  /** @param {any} signal */
  async #take(signal) {
    const { from, to, description, candidate } = signal;
    if (typeof from !== "string" || (to && to !== this.#id)) return;
    if (from !== this.#remote) await this.#meet(from);
    const pc = this.pc;
    if (!pc) return;
    if (description) await this.#describe(pc, description);
    else if (candidate !== undefined && !this.#ignoring) await pc.addIceCandidate(candidate);
  }

  /**
   * The other side has begun anew, and so does this one, but only where it has negotiated with
   * somebody before: if both began anew because the other did, they would do so for ever.
   * @param {string} from
   */
  async #meet(from) {
    if (this.#heard || !this.pc) return this.#begin(from);
    const before = this.#remote;
    this.#remote = from;
    const description = this.pc.localDescription;
    // It was offered to somebody else before.
    if (before && description) this.#send(this.pc, { description });
  }

  /** @param {RTCPeerConnection} pc @param {RTCSessionDescriptionInit} description */
  async #describe(pc, description) {
    const isOffer = description.type === "offer";
    const collision = isOffer && (this.#making || pc.signalingState !== "stable");
    this.#ignoring = collision && this.role === "host";
    if (this.#ignoring) return;
    await pc.setRemoteDescription(description);
    this.#heard = true;
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
      this.#complain(error);
    }
  }

  /** @param {RTCPeerConnection} pc */
  #watch(pc) {
    emit(this.session, new Happening("rtcstate", { state: pc.connectionState }));
    if (pc.connectionState === "connected") {
      clearTimeout(this.#mending);
      this.#stopWaiting();
      this.#tries = 0;
      this.#patience = PATIENCE[this.role];
    } else if (pc.connectionState === "disconnected") {
      this.#mendAfter(MENDING[this.role]);
    } else if (pc.connectionState === "failed" && this.#watchdog === undefined) {
      // Otherwise a try is under way, and will be followed by the next.
      this.#mendAfter(0);
    }
  }

  /** @param {number} time Milliseconds. */
  #mendAfter(time) {
    clearTimeout(this.#mending);
    this.#mending = setTimeout(() => this.#inTurn(() => this.#mend()), time);
  }

  /** Restart ICE, with servers that are fresh; if the other side is away, its return does it. */
  async #mend() {
    const pc = this.pc;
    if (!pc || pc.connectionState === "connected" || !this.session.peerOnline) return;
    await this.session.refreshIce().catch(() => {
      // The old ones may do.
    });
    if (pc !== this.pc) return;
    pc.restartIce();
    this.#waitForConnection();
  }

  #waitForConnection() {
    this.#stopWaiting();
    this.#watchdog = setTimeout(() => this.#tryAgain(), this.#patience);
  }

  #stopWaiting() {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
  }

  #tryAgain() {
    this.#patience *= 1.5;
    if (!this.session.peerOnline) {
      this.#waitForConnection();
    } else if (this.#tries < TRIES) {
      this.#tries += 1;
      this.#inTurn(() => this.#begin());
    } else {
      const message = "the two sides do not reach each other, and it is tried no more by itself";
      this.#giveUp(new ProximError("unreachable", message, { sessionId: this.session.id }));
    }
  }

  /** Only the channel was closed: open it anew, unless the other side is gone, or closes it each time. */
  async #reopen() {
    const pc = this.pc;
    // Where all of it has broken, what mends that has a channel of its own.
    if (!pc || this.#main || pc.connectionState !== "connected") return;
    if (pc.sctp?.transport.state === "closed" || !this.session.peerOnline) return;
    if (this.#reopened < REOPENING.most) {
      this.#reopened += 1;
      this.#adopt(pc.createDataChannel("proxim"));
    } else {
      const message = "the other side closes the data channel again and again";
      this.#giveUp(new ProximError("unreachable", message, { sessionId: this.session.id }));
    }
  }

  /** @param {RTCDataChannel} channel */
  #adopt(channel) {
    channel.binaryType = "arraybuffer";
    this.#waiting.hold(channel);
    if (channel.label !== "proxim" || this.#main) {
      this.session._takeChannel(channel);
      return;
    }
    this.#main = channel;
    const opened = () => {
      if (channel === this.#main) this.session._connected(channel);
    };
    if (channel.readyState === "open") opened();
    else channel.addEventListener("open", opened);
    channel.addEventListener("close", () => {
      if (channel !== this.#main) return;
      this.#main = null;
      this.session._disconnected(channel);
      if (this.role !== "host") return;
      clearTimeout(this.#reopening);
      this.#reopening = setTimeout(() => this.#inTurn(() => this.#reopen()), REOPENING.pause);
    });
  }
}
