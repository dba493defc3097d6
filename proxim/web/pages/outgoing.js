// A file that this side sends.

import { Transfer, openChannel } from "./transfer.js";

/** Bytes per message, which every browser accepts. */
const CHUNK = 64 * 1024;
/** Bytes to read from a file at once. */
const READ = 1024 * 1024;
/** Bytes that may wait in the channel, and below which sending goes on. */
const HIGH = 8 * 1024 * 1024;
const LOW = 2 * 1024 * 1024;

/** A file to send. It waits for `offer`, and once the other side has accepted it for `start`. */
export class Outgoing extends Transfer {
  /** Whether it waits for a direct connection, and not only for its turn. */
  isBlocked = false;

  /** @param {File} file @param {() => void} flooded */
  constructor(file, flooded) {
    super(true, "waiting", flooded);
    this.file = file;
    this.name = file.name;
    this.size = file.size;
  }

  /** Bytes that have left this device: the channel holds the rest of those that it was given. */
  get moved() {
    return Math.max(0, this.done - (this.isOpen ? (this.channel?.bufferedAmount ?? 0) : 0));
  }

  /** @param {RTCPeerConnection} pc */
  offer(pc) {
    const channel = openChannel(pc);
    this.use(channel);
    channel.bufferedAmountLowThreshold = LOW;
    const { name, size, type } = this.file;
    channel.addEventListener("open", () => this.say({ name, size, type }));
    this.note("offered");
  }

  /** Send the bytes of an accepted file. */
  start() {
    this.startedAt = performance.now();
    this.note("running");
    this.#sendBytes().catch((error) => {
      // A channel that is closing ends the transfer by itself.
      if (this.channel?.readyState === "open") this.cancel(isChange(error) ? "changed" : "failed");
    });
  }

  /** @param {any} message */
  receive(message) {
    const isAnswered = this.state !== "offered";
    if (message?.accept === true && !isAnswered) {
      this.note("accepted");
    } else if (message?.ok === true && isAnswered && this.done === this.size) {
      this.note("done");
      this.channel?.close();
    } else {
      this.cancel("failed");
    }
  }

  async #sendBytes() {
    const { channel, file } = this;
    if (!channel) return;
    for (let at = 0; at < this.size; at += READ) {
      const piece = new Uint8Array(await file.slice(at, at + READ).arrayBuffer());
      for (let offset = 0; offset < piece.length; offset += CHUNK) {
        if (channel.bufferedAmount > HIGH) await waitForRoom(channel);
        if (!this.isOpen) return;
        const chunk = piece.subarray(offset, offset + CHUNK);
        channel.send(chunk);
        this.done += chunk.length;
      }
      if (piece.length < Math.min(READ, this.size - at)) throw new FileChanged();
      this.note();
    }
    this.note("confirming");
  }
}

class FileChanged extends Error {}

/** Return whether an error says that the file has changed: a browser does not read such a file. @param {any} error */
const isChange = (error) => error instanceof FileChanged || error?.name === "NotReadableError";

/** Wait until the channel has room or is closed. @param {RTCDataChannel} channel */
function waitForRoom(channel) {
  return new Promise((resolve) => {
    channel.addEventListener("bufferedamountlow", resolve, { once: true });
    channel.addEventListener("close", resolve, { once: true });
  });
}
