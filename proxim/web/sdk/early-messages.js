// Messages that arrive over a data channel before the page listens.

import { ProximError } from "./errors.js";
import { beforeListening } from "./events.js";

/** How many bytes of messages, and how many data channels, may wait for the page to listen. */
export const EARLY = { bytes: 16 * 1024 * 1024, channels: 32 };
/** About how many bytes a waiting message takes beside its content. */
const MESSAGE_OVERHEAD = 200;

export const tooManyEarlyMessages = () =>
  new ProximError("limit_reached", "too many messages wait, since the page does not listen yet");

/**
 * Holds the messages of data channels until the page listens, and then delivers them in order, like a
 * `MessagePort`. So no message is lost while the page still loads the module that listens.
 */
export class EarlyMessages {
  #bytes = 0;

  /** @param {() => void} overflow Called for each message that is dropped, for lack of room. */
  constructor(overflow) {
    this.overflow = overflow;
  }

  /** @param {RTCDataChannel} channel A new channel: it must not have a listener yet. */
  hold(channel) {
    /** @type {unknown[]} */
    const held = [];
    /** @type {Event | null} */
    let delivering = null;
    /** @param {MessageEvent} event */
    const keep = (event) => {
      if (event === delivering) return;
      // This listener is the first, so no other one gets the message yet.
      event.stopImmediatePropagation();
      if (this.#hasRoom(event.data)) held.push(event.data);
      else this.overflow();
    };
    channel.addEventListener("message", keep);
    beforeListening(channel, "message", async () => {
      await null;
      // The loop also delivers messages that arrive while it runs.
      for (const data of held) {
        delivering = new MessageEvent("message", { data });
        channel.dispatchEvent(delivering);
        this.#bytes -= sizeOf(data);
        // The page may add a listener between two messages, as with the browser's own.
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

/** Return about how many bytes a message takes. @param {any} data */
const sizeOf = (data) => MESSAGE_OVERHEAD + (data?.byteLength ?? data?.size ?? 2 * String(data).length);
