// One side of an approved sealed session (sealing: Sealed signals, Hellos).

import { openBox, sealBox } from "./box.js";
import { decode64, DoesNotOpen, drawRandom, encode64, readJson, utf8 } from "./encoding.js";
import { Epoch } from "./epoch.js";
import { helloBytes, HelloMachine, readHello } from "./hello.js";
import { exchange, newPair } from "./keys.js";

/** @import { Draw, KeyPair, Role } from "./encoding.js" */
/** @import { Hello } from "./hello.js" */

/**
 * Why a signal was dropped. `tampered`: the peer did not seal it; show that at most once a minute. `late`: it
 * came twice, or after one that was sent later. `before`: it was sealed for an epoch that this side does not
 * have, such as the one before a reload.
 * @typedef {"tampered" | "late" | "before"} Notice
 */

/**
 * What a signal leads to: the value that the peer sent, if any, and how many are missing before it; why the
 * signal was dropped; and what is to be sent as a signal at once.
 * @typedef {{ opened?: { data: unknown, missed: number }, notice?: Notice, send?: object }} Received
 */

/**
 * Seals what this side sends, opens what the peer sent, and agrees on new epochs.
 *
 * Call `start` when this side has come back to an approved session: after `registered`, `resumed` or a
 * reload. While `isReady` is false, keep what is to be sent.
 */
export class SealedPeer {
  #role;
  #peerRole;
  #draw;
  #machine;
  /** @type {Epoch | null} */
  #epoch = null;
  /** Whether another page may seal in this epoch, too: then this side only opens in it. */
  #isShared = false;

  /** @param {Role} role @param {Uint8Array} secret @param {Draw} [draw] */
  constructor(role, secret, draw = drawRandom) {
    this.#role = role;
    this.#peerRole = /** @type {Role} */ (role === "g" ? "h" : "g");
    this.#draw = draw;
    this.#machine = new HelloMachine(() => newPair(draw));
    /** The secret of the session: keep it where the resume token is kept, and nowhere else. */
    this.secret = secret;
  }

  /** Whether `seal` may be called: the sides agree on an epoch, and none is on its way. */
  get isReady() {
    return this.#epoch !== null && !this.#isShared && this.#machine.out === null;
  }

  /**
   * Begin epoch 0 with the keys of the request and the ack. This side only opens in it if its own key `isShared`, since
   * it was stored: another page that had it would use the same numbers. So call `start` then.
   * @param {KeyPair} own @param {Uint8Array} peerKey @param {boolean} isShared
   */
  adopt(own, peerKey, isShared) {
    this.#epoch = new Epoch(this.#role, this.secret, own, peerKey);
    this.#isShared = isShared;
    this.#machine.adopted = { own: own.public, peer: peerKey };
  }

  /** Return the `data` of the hello of a side that has come back. */
  start() {
    return this.#signal(this.#machine.start());
  }

  /** Return the `data` of a hello that begins no epoch: this side is there. Null while it is not ready. */
  echo() {
    const { adopted } = this.#machine;
    return adopted && this.isReady ? this.#signal({ key: adopted.own, answers: adopted.peer }) : null;
  }

  /** Return the box of that hello, for a request to a session that was opened again. */
  startBox() {
    return this.#box(this.#machine.start());
  }

  /** Return the `data` of a signal. @param {unknown} data @throws {RangeError} If this side is not ready. */
  seal(data) {
    if (!this.#epoch || !this.isReady) throw new RangeError("the two sides have not agreed on an epoch");
    const { number, sealed } = this.#epoch.seal(utf8(JSON.stringify(data)));
    return { s: 1, e: this.#epoch.id, n: number, c: encode64(sealed) };
  }

  /**
   * Return what the `data` of a signal leads to.
   * @param {unknown} data
   * @param {number} now In milliseconds, of any clock.
   * @returns {Received}
   */
  receive(data, now) {
    try {
      const { s, h, ...signal } = /** @type {Record<string, unknown>} */ (Object(data));
      if (s !== 1) throw new DoesNotOpen();
      if (h === undefined) return this.#open(signal);
      const hello = this.receiveBox(decode64(h), now);
      return hello ? { send: this.#signal(hello) } : {};
    } catch (error) {
      if (error instanceof DoesNotOpen) return { notice: "tampered" };
      throw error;
    }
  }

  /**
   * Take the hello in a box, and return the hello to send.
   * @param {Uint8Array} box
   * @param {number} now In milliseconds, of any clock.
   * @throws {DoesNotOpen}
   */
  receiveBox(box, now) {
    const hello = readHello(openBox(this.secret, "hello", this.#peerRole, box));
    // Before the machine changes, so that a key which shares nothing changes nothing.
    if (this.#machine.isEcho(hello)) exchange(/** @type {KeyPair} */ (this.#machine.out).private, hello.key);
    const { adopt, send } = this.#machine.receive(hello, now);
    if (adopt) {
      this.#epoch = new Epoch(this.#role, this.secret, adopt.own, adopt.peerKey);
      this.#isShared = false;
    }
    return send;
  }

  /**
   * Take the hello in the box of a request, and return the box of the answer, if any.
   * @param {Uint8Array} box
   * @param {number} now In milliseconds, of any clock.
   * @throws {DoesNotOpen}
   */
  answerBox(box, now) {
    const hello = this.receiveBox(box, now);
    return hello ? this.#box(hello) : null;
  }

  /** @param {Record<string, unknown>} signal @returns {Received} */
  #open({ e, n, c }) {
    const name = encode64(decode64(e, 8));
    const number = Number.isSafeInteger(n) && Number(n) >= 0 ? Number(n) : null;
    if (number === null || typeof c !== "string") throw new DoesNotOpen();
    if (name !== this.#epoch?.id) return { notice: "before" };
    const last = this.#epoch.heard;
    if (number <= last) return { notice: "late" };
    return { opened: { data: readJson(this.#epoch.open(number, decode64(c))), missed: number - last - 1 } };
  }

  /** @param {Hello} hello */
  #signal(hello) {
    return { s: 1, h: encode64(this.#box(hello)) };
  }

  /** @param {Hello} hello */
  #box(hello) {
    return sealBox(this.secret, "hello", this.#role, helloBytes(hello), this.#draw);
  }
}
