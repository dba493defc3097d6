// One file over a data channel of its own, so that nothing else waits for it. docs/reference/channel.md
// describes what the two sides say to each other.

const LABEL = "file";

/** Messages that a file may have beyond one per `LEAST_PIECE` bytes. More are a flood. */
const FREE_PIECES = 64;
const LEAST_PIECE = 1024;
/** Milliseconds within which a channel closes, and the end of its session is heard. */
const LAST_MOMENT = 10_000;

/**
 * The state of a transfer. It is `cancelled` by this side, or `refused` by the other one, with a reason.
 *
 * A file to send is `waiting` for its turn, `offered`, `accepted`, `running` and `confirming`. A file to
 * receive is `expected` until its offer comes, `offered` until a person answers, and `running`.
 * @typedef {"waiting" | "expected" | "offered" | "accepted" | "running" | "confirming" | "done"
 *   | "cancelled" | "refused" | "interrupted"} State
 */

/** @type {State[]} */
const OVER = ["done", "cancelled", "refused", "interrupted"];

const STOP_REASONS = /** @type {const} */ ([
  "declined",
  "cancelled",
  "too_large",
  "busy",
  "disk_full",
  "changed",
  "not_supported",
  "failed",
]);

/** Why a side stopped a transfer. @typedef {typeof STOP_REASONS[number]} Reason */

/** A transfer in either direction; `blob` is the received file. */
export class Transfer extends EventTarget {
  done = 0;
  name = "";
  size = 0;
  /** @type {Reason} Why it was cancelled or refused. */
  reason = "failed";
  /** @type {Blob | null} */
  blob = null;
  startedAt = performance.now();
  endedAt = Infinity;
  /** @type {"endedHere" | "endedThere" | "ended" | null} How the end of the session stopped it, if so. */
  endedBy = null;
  /** @type {RTCDataChannel | null} */
  channel = null;
  #pieces = 0;
  #bytes = 0;

  /**
   * @param {boolean} outgoing @param {State} state
   * @param {() => void} flooded Called when the other side sends more than a file can need.
   */
  constructor(outgoing, state, flooded) {
    super();
    this.outgoing = outgoing;
    /** @type {State} */
    this.state = state;
    this.flooded = flooded;
  }

  /** Use a channel, and end with it. @param {RTCDataChannel} channel */
  use(channel) {
    this.channel = channel;
    channel.binaryType = "arraybuffer";
    channel.addEventListener("message", ({ data }) => this.#hear(data));
    // A side that cancels says so first; a reloaded or closed page cannot.
    channel.addEventListener("close", () => this.note("interrupted"));
  }

  get isOpen() {
    return !OVER.includes(this.state);
  }

  /** Bytes that have left this device, or have come to it. */
  get moved() {
    return this.done;
  }

  /** Bytes per second so far. */
  get speed() {
    return (this.moved / Math.max(1, performance.now() - this.startedAt)) * 1000;
  }

  /** Stop the transfer, and tell the other side why. @param {Reason} reason */
  cancel(reason) {
    if (!this.isOpen) return;
    this.note("cancelled", reason);
    if (this.channel) refuse(this.channel, reason);
  }

  /** Send a message. If the channel is closing, the transfer is interrupted. @param {object} message */
  say(message) {
    try {
      this.channel?.send(JSON.stringify(message));
    } catch {
      this.channel?.close();
      this.note("interrupted");
    }
  }

  /** @param {State} [state] @param {Reason} [reason] */
  note(state, reason) {
    if (!this.isOpen) return;
    if (state) this.state = state;
    if (reason) this.reason = reason;
    if (!this.isOpen) this.endedAt = performance.now();
    this.dispatchEvent(new Event("change"));
  }

  /** Stop with the session. Its channel may have closed a moment ago. @param {"endedHere" | "endedThere" | "ended"} how */
  endWithSession(how) {
    const isJustOver = this.state === "interrupted" && performance.now() - this.endedAt < LAST_MOMENT;
    if (!this.isOpen && !isJustOver) return;
    this.endedBy = how;
    if (this.isOpen) this.note("interrupted");
    else this.dispatchEvent(new Event("change"));
  }

  /** Handle a message that is not a cancellation. @param {any} _message */
  receive(_message) {
    this.cancel("failed");
  }

  /** @param {ArrayBuffer} _piece */
  receivePiece(_piece) {
    this.cancel("failed");
  }

  /** @param {any} data */
  #hear(data) {
    this.#pieces += 1;
    this.#bytes += data.byteLength ?? 0;
    // Messages after the end count, too.
    if (this.#pieces > FREE_PIECES + this.#bytes / LEAST_PIECE) return this.flooded();
    if (!this.isOpen) return;
    if (typeof data !== "string") return this.receivePiece(data);
    const message = parse(data);
    if (typeof message?.cancel !== "string") return this.receive(message);
    this.note("refused", STOP_REASONS.find((each) => each === message.cancel) ?? "failed");
    this.channel?.close();
  }
}

/** Cancel a file and close its channel. @param {RTCDataChannel} channel @param {Reason} reason */
export function refuse(channel, reason) {
  try {
    channel.send(JSON.stringify({ cancel: reason }));
  } catch {
    // The channel is closed or full: the other side sees an interruption.
  }
  channel.close();
}

/** Return a new channel for a file. @param {RTCPeerConnection} pc */
export const openChannel = (pc) => pc.createDataChannel(LABEL);

/** Return whether a data channel is for a file. @param {RTCDataChannel} channel */
export const isTransfer = (channel) => channel.label === LABEL;

/** @param {string} data */
function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
