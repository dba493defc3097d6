// Data channels that the other side opens before the page listens.

import { EARLY } from "./early-messages.js";
import { beforeListening, emit } from "./events.js";

/** Holds the data channels of a session until the page listens to its `channel` event, and then emits them in order. */
export class EarlyChannels {
  #session;
  /** @type {RTCDataChannel[] | null} Those that came before the first listener; null after it. */
  #waiting = [];

  /** @param {EventTarget} session */
  constructor(session) {
    this.#session = session;
    beforeListening(session, "channel", () => this.#announce());
  }

  /** Emit a channel, now or later. @param {RTCDataChannel} channel */
  add(channel) {
    if (!this.#waiting) emit(this.#session, "channel", { channel });
    else if (this.#waiting.length < EARLY.channels) this.#waiting.push(channel);
    else channel.close();
  }

  /** Emit the channels that wait, after the page's current task. */
  async #announce() {
    if (this.#waiting?.length) await null;
    const channels = this.#waiting ?? [];
    this.#waiting = null;
    for (const channel of channels) emit(this.#session, "channel", { channel });
  }
}
