// Messages that arrive over a data channel before the page listens.

import { ProximError } from "./errors.js";
import { beforeListening } from "./events.js";

/** How many bytes of messages, and how many data channels, may wait for the page to listen. */
export const EARLY = { bytes: 16 * 1024 * 1024, channels: 32 };
/** About how many bytes a waiting message takes beside its content. */
const MESSAGE_OVERHEAD = 200;

/**
 * Holds the messages of data channels until the page listens, and then delivers them in order, like a
 * `MessagePort`. So no message is lost while the page still loads the module that listens.
 */
export class EarlyMessages {
  #bytes = 0;

  /** @param {(error: ProximError) => void} report Called for each message that is dropped. */
  constructor(report) {
    this.report = report;
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
      const size = sizeOf(event.data);
      if (this.#bytes + size > EARLY.bytes) {
        this.report(new ProximError("limit_reached", "too many messages wait, since the page does not listen yet"));
        return;
      }
      this.#bytes += size;
      held.push(event.data);
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
}

/** Return about how many bytes a message takes. @param {any} data */
const sizeOf = (data) => MESSAGE_OVERHEAD + (data?.byteLength ?? data?.size ?? 2 * String(data).length);
