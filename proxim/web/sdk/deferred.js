// A promise that is settled from outside.

/**
 * A promise to be settled later. Nobody has to wait for it: a rejection that nobody sees is no
 * error of the page.
 * @template T
 */
export class Deferred {
  constructor() {
    /** @type {(value: T) => void} */
    this.resolve = () => {};
    /** @type {(error: unknown) => void} */
    this.reject = () => {};
    /** @type {Promise<T>} */
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }
}
