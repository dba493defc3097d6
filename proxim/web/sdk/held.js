// Messages that wait until what the host's answer brought is stored.

/** @import { Message } from "./types.js" */

export class Held {
  #take;
  /** @type {Message[] | null} */
  #waiting = null;

  /** @param {(message: Message) => void} take Takes a message after its time. */
  constructor(take) {
    this.#take = take;
  }

  /** Return whether a message waits behind others. @param {Message} message */
  add(message) {
    this.#waiting?.push(message);
    return this.#waiting !== null;
  }

  /** Let a message, and those that follow, wait. @param {Message} message @param {Promise<void>} storing */
  async hold(message, storing) {
    this.#waiting = [message];
    await storing;
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const each of waiting) this.#take(each);
  }
}
