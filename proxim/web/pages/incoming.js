// A file that the other side sends. No byte of it is taken before a person accepts it.

import { Transfer } from "./transfer.js";

/** @typedef {import("./transfer.js").Reason} Reason */

/** Received bytes that are packed into a blob, which a browser may keep on disk. */
const HEAP = 16 * 1024 * 1024;

/** Invisible characters of a name, and those that reverse it: exe.png may be a gnp.exe. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{DI}\u2800]/gu;
/** Spaces, of which a row would hide what follows it. */
const SPACES = /\p{Zs}+/gu;
/** More than two marks on a character, which would cover the lines above and below. */
const PILED_MARKS = /([\p{Mn}\p{Me}]{2})[\p{Mn}\p{Me}]+/gu;
const LONGEST_NAME = 255;

/** With a type of the sender's choice, a saved file could become a page of this origin. */
const TYPE = { type: "application/octet-stream" };

/** A file to receive. It is `offered` once its offer has come, and waits for `accept` or `cancel`. */
export class Incoming extends Transfer {
  #refusal;
  /** @type {(Blob | ArrayBuffer)[]} */
  #parts = [];
  #heaped = 0;

  /**
   * @param {RTCDataChannel} channel @param {() => void} flooded
   * @param {(size: number) => Reason | null} [refusal] Returns why a file of this size is not taken, if so.
   */
  constructor(channel, flooded, refusal = () => null) {
    super(false, "expected", flooded);
    this.#refusal = refusal;
    this.use(channel);
  }

  accept() {
    if (this.state !== "offered") return;
    this.startedAt = performance.now();
    this.say({ accept: true });
    this.note("running");
    if (this.size === 0) this.#store();
  }

  /** @param {any} message */
  receive(message) {
    if (this.state !== "expected" || !isOffer(message)) return this.cancel("failed");
    const refusal = this.#refusal(message.size);
    this.name = nameFrom(message.name);
    this.size = message.size;
    if (refusal) this.cancel(refusal);
    else this.note("offered");
  }

  /** @param {ArrayBuffer} piece */
  receivePiece(piece) {
    const left = this.size - this.done;
    if (this.state !== "running" || left === 0 || piece.byteLength > left) return this.cancel("failed");
    this.done += piece.byteLength;
    this.#parts.push(piece);
    this.#heaped += piece.byteLength;
    if (this.#heaped >= HEAP) {
      this.#parts = [new Blob(this.#parts)];
      this.#heaped = 0;
    }
    this.note();
    if (this.done === this.size) this.#store();
  }

  /** @param {import("./transfer.js").State} [state] @param {Reason} [reason] */
  note(state, reason) {
    super.note(state, reason);
    if (!this.isOpen) this.#parts = [];
  }

  async #store() {
    const blob = new Blob(this.#parts, TYPE);
    try {
      // A browser that has no room for the bytes says so only when they are read.
      await blob.slice(-1).arrayBuffer();
    } catch {
      return this.cancel("disk_full");
    }
    if (!this.isOpen) return;
    this.say({ ok: true });
    this.blob = blob;
    this.note("done");
  }
}

/** @param {any} message */
const isOffer = (message) =>
  typeof message?.name === "string" && Number.isSafeInteger(message.size) && message.size >= 0;

/** Return a name as `safe_name` of the Python SDK shows it. @param {string} claimed */
function nameFrom(claimed) {
  const seen = claimed.slice(0, 2 * LONGEST_NAME).normalize("NFC").replace(UNSEEN, "");
  const name = seen.replace(SPACES, " ").replace(PILED_MARKS, "$1").trim();
  return [...name].slice(0, LONGEST_NAME).join("");
}
