// A file over a data channel of its own, so that nothing else waits for it.
//
// The sender says {name, size, type}, then the bytes, then {sha256}; the receiver answers {ok}.
// To close the channel before that is to cancel.

import { Sha256 } from "./sha256.js";

const LABEL = "file";
/** Bytes a message; every browser takes as much. */
const CHUNK = 64 * 1024;
/** Bytes that are read from a file at once. */
const READ = 1024 * 1024;
/** Bytes that may wait in the channel, and under which more is put in. */
const HIGH = 8 * 1024 * 1024;
const LOW = 2 * 1024 * 1024;
/** Received bytes after which they are made one blob, which a browser may put on its disk. */
const HEAP = 16 * 1024 * 1024;

/** What nobody sees in a name, and what turns the rest of it around: exe.png may be a gnp.exe. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * A transfer as it goes. `state` is where it stands; `blob` is there once it is received.
 * @typedef {"running" | "checking" | "done" | "mismatch" | "cancelled" | "interrupted"} State
 */

export class Transfer extends EventTarget {
  /** @type {State} */
  state = "running";
  done = 0;
  /** @type {Blob | null} */
  blob = null;
  startedAt = performance.now();
  #cancelled = false;

  /** @param {RTCDataChannel} channel @param {boolean} outgoing */
  constructor(channel, outgoing) {
    super();
    this.channel = channel;
    this.outgoing = outgoing;
    this.name = "";
    this.size = 0;
    channel.binaryType = "arraybuffer";
    channel.addEventListener("close", () => {
      if (this.isOpen) this.note(this.#cancelled || this.isConnected() ? "cancelled" : "interrupted");
    });
    /** Whether the other side is still connected: then a closed channel was closed by a person. */
    this.isConnected = () => false;
  }

  get isOpen() {
    return this.state === "running" || this.state === "checking";
  }

  /** Bytes a second so far. */
  get speed() {
    return (this.done / Math.max(1, performance.now() - this.startedAt)) * 1000;
  }

  cancel() {
    this.#cancelled = true;
    this.channel.close();
    this.note("cancelled");
  }

  /** @param {State} [state] */
  note(state) {
    if (!this.isOpen) return;
    if (state) this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** Whether a data channel that the other side has opened is for a file. @param {RTCDataChannel} channel */
export const isTransfer = (channel) => channel.label === LABEL;

/** Send a file. @param {RTCPeerConnection} pc @param {File} file */
export function sendFile(pc, file) {
  const channel = pc.createDataChannel(LABEL);
  const transfer = new Transfer(channel, true);
  transfer.name = file.name;
  transfer.size = file.size;
  transfer.isConnected = () => pc.connectionState === "connected";
  channel.bufferedAmountLowThreshold = LOW;
  channel.addEventListener("message", ({ data }) => {
    transfer.note(parse(data)?.ok === true ? "done" : "mismatch");
    channel.close();
  });
  channel.addEventListener("open", () => {
    pour(transfer, file).catch(() => transfer.cancel());
  });
  return transfer;
}

/** @param {Transfer} transfer @param {File} file */
async function pour(transfer, file) {
  const { channel } = transfer;
  const hash = new Sha256();
  channel.send(JSON.stringify({ name: file.name, size: file.size, type: file.type }));
  transfer.startedAt = performance.now();
  for (let at = 0; at < file.size; at += READ) {
    const piece = new Uint8Array(await file.slice(at, at + READ).arrayBuffer());
    hash.update(piece);
    for (let offset = 0; offset < piece.length; offset += CHUNK) {
      if (channel.bufferedAmount > HIGH) await room(channel);
      if (!transfer.isOpen) return;
      const chunk = piece.subarray(offset, offset + CHUNK);
      channel.send(chunk);
      transfer.done += chunk.length;
    }
    transfer.note();
  }
  channel.send(JSON.stringify({ sha256: hash.digest() }));
  transfer.note("checking");
}

/** Wait until the channel has room, or is closed. @param {RTCDataChannel} channel */
function room(channel) {
  return new Promise((resolve) => {
    channel.addEventListener("bufferedamountlow", resolve, { once: true });
    channel.addEventListener("close", resolve, { once: true });
  });
}

/**
 * Receive the file that the other side sends.
 * @param {RTCPeerConnection} pc @param {RTCDataChannel} channel
 */
export function receiveFile(pc, channel) {
  const transfer = new Transfer(channel, false);
  transfer.isConnected = () => pc.connectionState === "connected";
  const hash = new Sha256();
  /** @type {Blob[]} */
  const blobs = [];
  /** @type {ArrayBuffer[]} */
  let heap = [];
  let heaped = 0;
  let announced = false;
  // A type of its own choosing could make a saved file a page of this origin.
  const type = "application/octet-stream";

  const pack = () => {
    blobs.push(new Blob(heap));
    heap = [];
    heaped = 0;
  };
  /** @param {ArrayBuffer} bytes */
  const take = (bytes) => {
    transfer.done += bytes.byteLength;
    // More than was announced is nobody's file.
    if (transfer.done > transfer.size) {
      transfer.cancel();
      return;
    }
    hash.update(new Uint8Array(bytes));
    heap.push(bytes);
    heaped += bytes.byteLength;
    if (heaped >= HEAP) pack();
    transfer.note();
  };
  /** @param {any} said */
  const hear = (said) => {
    if (announced && typeof said?.sha256 === "string") {
      pack();
      const ok = said.sha256 === hash.digest() && transfer.done === transfer.size;
      if (ok) transfer.blob = new Blob(blobs, { type });
      channel.send(JSON.stringify({ ok }));
      transfer.note(ok ? "done" : "mismatch");
    } else if (!announced && isHeader(said)) {
      announced = true;
      transfer.name = said.name.replace(UNSEEN, "").slice(0, 255);
      transfer.size = said.size;
      transfer.startedAt = performance.now();
      transfer.note();
    } else {
      transfer.cancel();
    }
  };
  channel.addEventListener("message", ({ data }) => {
    if (!transfer.isOpen) return;
    if (typeof data === "string") hear(parse(data));
    else take(data);
  });
  return transfer;
}

/** @param {any} said */
const isHeader = (said) =>
  typeof said?.name === "string" && Number.isSafeInteger(said.size) && said.size >= 0;

/** @param {unknown} data */
function parse(data) {
  try {
    return JSON.parse(String(data));
  } catch {
    return null;
  }
}
