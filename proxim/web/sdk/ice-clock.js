// When the ICE servers of a session expire, and when to refresh them.

import { momentIn, secondsFrom } from "./clock.js";

/** ICE servers are refreshed after this part of their time, if the last ones gained as many milliseconds;
 * after a failure they are refreshed again after `retry` milliseconds. */
const ICE = { age: 0.75, gain: 500, retry: 10_000 };

/** Refreshes the ICE servers before they expire. */
export class IceClock {
  /** By the clock that cannot be set and by the one that runs in sleep. */
  #expiry = { moment: Infinity, date: Infinity };
  #timer = 0;
  #isStopped = false;

  /** @param {() => Promise<unknown>} refresh Gets new servers. */
  constructor(refresh) {
    this.refresh = refresh;
  }

  get hasExpired() {
    return performance.now() >= this.#expiry.moment || Date.now() >= this.#expiry.date;
  }

  /** There are servers. @param {number} said The seconds until they expire, as the node says. */
  set(said) {
    const ttl = secondsFrom(said);
    const moment = momentIn(ttl);
    // Servers that expire with the session cannot be renewed.
    if (this.#timer && moment < this.#expiry.moment + ICE.gain) return;
    this.#expiry = { moment, date: Date.now() + ttl * 1000 };
    this.#refreshAfter(ttl * 1000 * ICE.age);
  }

  /** There are no servers any more. */
  reset() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#expiry = { moment: Infinity, date: Infinity };
  }

  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** @param {number} time Milliseconds. */
  #refreshAfter(time) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.refresh().catch(() => {
        if (!this.#isStopped) this.#refreshAfter(ICE.retry);
      });
    }, time);
  }
}
