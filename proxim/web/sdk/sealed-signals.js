// The signals of a sealed session (sealing: Sealed signals, Hellos).

import { LONGEST_TIMER } from "./clock.js";
import { ProximError, sessionEnded } from "./errors.js";
import { emit } from "./events.js";

/** @import { SealCode } from "./load-seal.js" */
/** @import { SealedPeer } from "./seal/peer.js" */
/** @import { Session } from "./session.js" */
/**
 * What a host hears of: that the guest has sent something sealed. What a guest hears of: that the host does not know it
 * any more. If a known `device` visits, nothing but hellos is sent before something of it has opened: a copy that only
 * listens would not use its ticket, and not be found out.
 * @typedef {{ _heard?: () => void, _gone?: (why: unknown) => boolean, device?: unknown }} Listener
 */

/** Milliseconds to wait for a new epoch before another hello. */
const HELLO_TIMEOUT = 10_000;
/** Milliseconds between two notices of tampering: a hostile node could otherwise send any number. */
const NOTICE_PAUSE = 60_000;
/** Values that may wait. */
const MAX_WAITING = 256;
const TAG_BYTES = 16;
/** What a sealed signal has beside its ciphertext, at most. */
const FRAME = { s: 1, e: "e".repeat(11), n: Number.MAX_SAFE_INTEGER, c: "" };

/** Seals and opens the signals of one side. What is sent while the other side is offline waits here. */
export class SealedSignals {
  #code;
  #peer;
  #session;
  /** @type {unknown[]} */
  #waiting = [];
  /** Whether a side has come back, so that a new epoch is to begin with a hello. */
  #expectsHello = false;
  /** Whether this side has come back, and could not say hello since the other side is offline. */
  #owesHello = false;
  #hasHeard;
  #toldAt = -Infinity;
  #timer = 0;
  #endTimer = 0;

  /**
   * @param {SealCode} code @param {SealedPeer} peer @param {Session & Listener} session
   * @param {number | null} [until] When the session ends by the clock of this device, whatever the node says.
   */
  constructor(code, peer, session, until) {
    this.#code = code;
    this.#peer = peer;
    this.#session = session;
    this.#hasHeard = !session.device;
    if (typeof until === "number") this.#endAt(until);
    if (!peer.isReady && session._getConnection().isIntroduced) this.start();
  }

  /** @param {number} until */
  #endAt(until) {
    const rest = until - Date.now();
    this.#endTimer = setTimeout(() => {
      if (rest > LONGEST_TIMER) this.#endAt(until);
      else this.#session._end(sessionEnded("expired", "expired", this.#session.id));
    }, Math.min(Math.max(rest, 0), LONGEST_TIMER));
  }

  /** Begin a new epoch: this side has come back to the node. */
  start() {
    this.#owesHello = !this.#session.peerOnline;
    if (this.#owesHello) this.#expectsHello = true;
    else this.#session._sendSignal(this.#peer.start());
    this.#update();
  }

  /** @param {boolean} online */
  setPeerOnline(online) {
    this.#expectsHello ||= !online;
    if (online && this.#owesHello) this.start();
    else this.#update();
  }

  /** A hello has answered the guest that comes back: do not begin another epoch before its echo. */
  expectEcho() {
    this.#owesHello = false;
  }

  /** The guest has connected again while its earlier connection still stood. */
  peerReplaced() {
    this.#expectsHello = true;
    this.#update();
  }

  /** @param {unknown} data @throws {ProximError} `bad_message`, `limit_reached` */
  send(data) {
    const copy = this.#checked(data);
    if (this.#waiting.length >= MAX_WAITING) {
      throw new ProximError("limit_reached", "the other side is offline, and too many messages wait for it");
    }
    this.#waiting.push(copy);
    this.#update();
  }

  /** Return the value in a signal, or null. @param {unknown} signal @returns {{ data: any } | null} */
  receive(signal) {
    const wasReady = this.#peer.isReady;
    const { opened, notice, send } = this.#peer.receive(signal, performance.now());
    if (send) this.#session._sendSignal(send);
    // A hello has come from the other side since it came back.
    if (!wasReady && this.#peer.isReady) this.#expectsHello = this.#owesHello = false;
    this.#hasHeard ||= !notice;
    if (notice) this.#tell(notice);
    else this.#session._heard?.();
    if (opened?.missed) emit(this.#session, "notice", { notice: "missed", missed: opened.missed });
    this.#update();
    const why = /** @type {any} */ (opened)?.data?.known?.gone;
    if (why !== undefined && this.#session._gone?.(why)) return null;
    return opened ? { data: opened.data } : null;
  }

  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#endTimer);
    this.#waiting = [];
  }

  /** Return a copy of what the node and the other side would take. @param {unknown} data */
  #checked(data) {
    let text;
    try {
      text = this.#code.utf8(JSON.stringify(data));
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      throw new ProximError("bad_message", `the message cannot be written as JSON: ${why}`, { cause: error });
    }
    const frame = JSON.stringify({ type: "signal", session_id: this.#session.id, data: FRAME }).length;
    this.#session._getConnection().checkSize(frame + Math.ceil(((text.length + TAG_BYTES) * 4) / 3));
    try {
      return this.#code.readJson(text);
    } catch {
      throw new ProximError("bad_message", "the message has half a surrogate pair, or is nested too deep");
    }
  }

  /** Send what waits, or wait for the new epoch for a time. */
  #update() {
    const { peerOnline } = this.#session;
    const isReachable = this.#session._getConnection().isIntroduced;
    const isReady = this.#peer.isReady && !this.#expectsHello && this.#hasHeard;
    if (isReachable && peerOnline && isReady) {
      for (const data of this.#waiting.splice(0)) this.#session._sendSignal(this.#peer.seal(data));
    }
    if (isReady || !isReachable || !peerOnline) {
      clearTimeout(this.#timer);
      this.#timer = 0;
    } else if (!this.#timer) {
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        this.start();
      }, HELLO_TIMEOUT);
    }
  }

  /** @param {"tampered" | "late" | "before"} notice */
  #tell(notice) {
    if (notice === "tampered") {
      if (performance.now() < this.#toldAt + NOTICE_PAUSE) return;
      this.#toldAt = performance.now();
    }
    emit(this.#session, "notice", { notice, missed: 0 });
  }
}
