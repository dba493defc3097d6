// Files over data channels. Each file has a channel of its own, so that nothing else waits for it.
//
// The sender sends {name, size, type} and then the bytes. SCTP delivers all of them in order, and
// DTLS protects them. So the receiver has the file once it has as many bytes as were announced, and
// answers {ok}. A side that cancels sends {cancelled} before it closes the channel; a channel that
// closes without it was interrupted.

const LABEL = "file";
/** Bytes per message, which every browser accepts. */
const CHUNK = 64 * 1024;
/** Bytes to read from a file at once. */
const READ = 1024 * 1024;
/** Bytes that may wait in the channel, and below which sending goes on. */
const HIGH = 8 * 1024 * 1024;
const LOW = 2 * 1024 * 1024;
/** Received bytes that are packed into a blob, which a browser may keep on disk. */
const HEAP = 16 * 1024 * 1024;

/** Messages that a file may have beyond one per `LEAST_PIECE` bytes. More are a flood. */
const FREE_PIECES = 64;
const LEAST_PIECE = 1024;

/** Invisible characters of a name, and those that reverse it: exe.png may be a gnp.exe. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * The state of a transfer. It is `cancelled` by this side, or `refused` by the other one.
 * @typedef {"waiting" | "running" | "confirming" | "done" | "cancelled" | "refused"
 *   | "interrupted"} State
 */

/** A transfer in either direction; `blob` is the received file. */
export class Transfer extends EventTarget {
  /** @type {State} */
  state = "running";
  done = 0;
  /** @type {Blob | null} */
  blob = null;
  startedAt = performance.now();
  /** @type {RTCDataChannel | null} */
  channel = null;

  /** @param {boolean} outgoing */
  constructor(outgoing) {
    super();
    this.outgoing = outgoing;
    this.name = "";
    this.size = 0;
  }

  /** Use a channel, and end with it. @param {RTCDataChannel} channel */
  use(channel) {
    this.channel = channel;
    channel.binaryType = "arraybuffer";
    // A side that cancels says so first; a reloaded or closed page cannot.
    channel.addEventListener("close", () => this.note("interrupted"));
  }

  get isOpen() {
    return ["waiting", "running", "confirming"].includes(this.state);
  }

  /** Bytes per second so far. */
  get speed() {
    return (this.done / Math.max(1, performance.now() - this.startedAt)) * 1000;
  }

  cancel() {
    this.note("cancelled");
    if (this.channel) refuse(this.channel);
  }

  /** @param {State} [state] */
  note(state) {
    if (!this.isOpen) return;
    if (state) this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** Cancel a file and close its channel. @param {RTCDataChannel} channel */
export function refuse(channel) {
  try {
    channel.send(JSON.stringify({ cancelled: true }));
  } catch {
    // The channel is closed or full: the other side sees an interruption.
  }
  channel.close();
}

/** Return whether a data channel is for a file. @param {RTCDataChannel} channel */
export const isTransfer = (channel) => channel.label === LABEL;

/** A file to send. It waits for `start`. */
export class Outgoing extends Transfer {
  /** @param {File} file */
  constructor(file) {
    super(true);
    /** @type {State} */
    this.state = "waiting";
    this.file = file;
    this.name = file.name;
    this.size = file.size;
  }

  /** @param {RTCPeerConnection} pc */
  start(pc) {
    const channel = pc.createDataChannel(LABEL);
    this.use(channel);
    this.note("running");
    channel.bufferedAmountLowThreshold = LOW;
    channel.addEventListener("message", ({ data }) => {
      const message = parse(data);
      this.note(message?.ok === true ? "done" : "refused");
      channel.close();
    });
    channel.addEventListener("open", () => {
      sendFile(this, channel).catch(() => this.cancel());
    });
  }
}

/** @param {Outgoing} transfer @param {RTCDataChannel} channel */
async function sendFile(transfer, channel) {
  const { file } = transfer;
  channel.send(JSON.stringify({ name: file.name, size: file.size, type: file.type }));
  transfer.startedAt = performance.now();
  for (let at = 0; at < file.size; at += READ) {
    const piece = new Uint8Array(await file.slice(at, at + READ).arrayBuffer());
    for (let offset = 0; offset < piece.length; offset += CHUNK) {
      if (channel.bufferedAmount > HIGH) await waitForRoom(channel);
      if (!transfer.isOpen) return;
      const chunk = piece.subarray(offset, offset + CHUNK);
      channel.send(chunk);
      transfer.done += chunk.length;
    }
    transfer.note();
  }
  if (transfer.done !== file.size) throw new Error("the file has changed");
  transfer.note("confirming");
}

/** Wait until the channel has room or is closed. @param {RTCDataChannel} channel */
function waitForRoom(channel) {
  return new Promise((resolve) => {
    channel.addEventListener("bufferedamountlow", resolve, { once: true });
    channel.addEventListener("close", resolve, { once: true });
  });
}

/**
 * Receive the file that the other side sends.
 * @param {RTCDataChannel} channel
 * @param {() => void} flooded Called when the other side sends more than a file can need.
 */
export function receiveFile(channel, flooded) {
  const transfer = new Transfer(false);
  transfer.use(channel);
  /** @type {(Blob | ArrayBuffer)[]} */
  let parts = [];
  let heaped = 0;
  let announced = false;
  let pieces = 0;
  let bytes = 0;

  /** @param {ArrayBuffer} piece */
  const addPiece = (piece) => {
    transfer.done += piece.byteLength;
    // The header comes first, and announces the number of bytes.
    if (!announced || transfer.done > transfer.size) {
      transfer.cancel();
      return;
    }
    parts.push(piece);
    heaped += piece.byteLength;
    if (heaped >= HEAP) {
      parts = [new Blob(parts)];
      heaped = 0;
    }
    advance();
  };
  const advance = () => {
    if (transfer.done < transfer.size) return transfer.note();
    // With a type of the sender's choice, a saved file could become a page of this origin.
    transfer.blob = new Blob(parts, { type: "application/octet-stream" });
    channel.send(JSON.stringify({ ok: true }));
    transfer.note("done");
  };
  /** @param {any} message */
  const receive = (message) => {
    if (message?.cancelled === true) {
      transfer.note("refused");
    } else if (!announced && isHeader(message)) {
      announced = true;
      transfer.name = message.name.replace(UNSEEN, "").slice(0, 255);
      transfer.size = message.size;
      transfer.startedAt = performance.now();
      advance();
    } else {
      transfer.cancel();
    }
  };
  channel.addEventListener("message", ({ data }) => {
    pieces += 1;
    bytes += data.byteLength ?? 0;
    // Messages after the end count, too.
    if (pieces > FREE_PIECES + bytes / LEAST_PIECE) flooded();
    else if (!transfer.isOpen) return;
    else if (typeof data === "string") receive(parse(data));
    else addPiece(data);
  });
  return transfer;
}

/** @param {any} message */
const isHeader = (message) =>
  typeof message?.name === "string" && Number.isSafeInteger(message.size) && message.size >= 0;

/** @param {unknown} data */
function parse(data) {
  try {
    return JSON.parse(String(data));
  } catch {
    return null;
  }
}
