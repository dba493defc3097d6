// A limit on the messages of the other side: even an approved guest must not freeze this page.

/** A token bucket: it allows some messages at once, and then a number per second. */
export class Pace {
  #left;
  #at = performance.now();

  /** @param {number} burst Messages at once. @param {number} rate Messages per second. */
  constructor(burst, rate) {
    this.burst = burst;
    this.rate = rate;
    this.#left = burst;
  }

  /** Count a message, and return whether it is within the limit. */
  takes() {
    const now = performance.now();
    this.#left = Math.min(this.burst, this.#left + ((now - this.#at) / 1000) * this.rate);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
