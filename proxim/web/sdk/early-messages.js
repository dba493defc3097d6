// What comes over a data channel before anybody listens.

import { ProximError } from "./errors.js";
import { beforeListening } from "./events.js";

/** Bytes of messages, and data channels, that wait for a page that does not listen yet. */
export const EARLY = { bytes: 16 * 1024 * 1024, channels: 32 };
/** What a message that waits takes beside its bytes, about. */
const MESSAGE_OVERHEAD = 200;

export const tooManyEarlyMessages = () =>
  new ProximError("limit_reached", "more has come than can wait for a page that does not listen yet");

/**
 * What came over data channels to which nobody listens yet: as with a `MessagePort` it is handed
 * over, in order, once somebody does. A page may have to load first what listens; meanwhile nothing
 * is lost that the other side has sent.
 */
export class EarlyMessages {
  #bytes = 0;

  /** @param {() => void} overflow Called for what is dropped, as there is no room for more. */
  constructor(overflow) {
    this.overflow = overflow;
  }

  /** @param {RTCDataChannel} channel One to which nobody can have listened before. */
  hold(channel) {
    /** @type {unknown[]} */
    const held = [];
    /** @type {Event | null} */
    let handingOver = null;
    /** @param {MessageEvent} event */
    const keep = (event) => {
      if (event === handingOver) return;
      // This listener is the first, so no other one gets the message yet.
      event.stopImmediatePropagation();
      if (this.#hasRoom(event.data)) held.push(event.data);
      else this.overflow();
    };
    channel.addEventListener("message", keep);
    beforeListening(channel, "message", async () => {
      await null;
      // The loop also sees what is added while it runs.
      for (const data of held) {
        handingOver = new MessageEvent("message", { data });
        channel.dispatchEvent(handingOver);
        this.#bytes -= sizeOf(data);
        // Between two messages a page may add a listener, as between two of the browser's own.
        await null;
      }
      channel.removeEventListener("message", keep);
    });
  }

  /** @param {unknown} data */
  #hasRoom(data) {
    const size = sizeOf(data);
    if (this.#bytes + size > EARLY.bytes) return false;
    this.#bytes += size;
    return true;
  }
}

/** @param {any} data A message's, in bytes, about. */
const sizeOf = (data) => MESSAGE_OVERHEAD + (data?.byteLength ?? data?.size ?? 2 * String(data).length);
