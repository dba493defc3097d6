// How much the other side may say. It was let in, and yet must not be able to freeze this page.

/** A token bucket: so many at once, and then so many a second. */
export class Pace {
  #left;
  #at = performance.now();

  /** @param {number} burst At once. @param {number} rate A second. */
  constructor(burst, rate) {
    this.burst = burst;
    this.rate = rate;
    this.#left = burst;
  }

  /** Take one more. @returns {boolean} Whether that is within the pace. */
  takes() {
    const now = performance.now();
    this.#left = Math.min(this.burst, this.#left + ((now - this.#at) / 1000) * this.rate);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
