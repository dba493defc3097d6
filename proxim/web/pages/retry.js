// Automatic retries, with a button for people who do not want to wait.

import { el, everyTick, say } from "./dom.js";
import { duration } from "./format.js";
import { text } from "./text.js";

/** Seconds before each automatic retry. */
const PAUSES = [3, 6, 12, 24, 48];

export class Retries {
  #used = 0;

  /** Start with the first pause again, after a success. */
  reset() {
    this.#used = 0;
  }

  /**
   * Return a button that tries again, and the time until the next automatic retry, if any is left. Call
   * `stop` when it leaves the page.
   * @param {() => void} action
   */
  offer(action) {
    const pause = PAUSES[this.#used];
    const button = el("button", { type: "button", text: pause ? text.tryNow : text.tryAgain });
    const note = el("p", { class: "muted", role: "timer", hidden: !pause });
    const element = el("div", { class: "stack again" }, note, button);
    let stop = () => {};
    const go = () => {
      stop();
      action();
    };
    button.addEventListener("click", go);
    if (pause) {
      this.#used += 1;
      const due = Date.now() + pause * 1000;
      stop = everyTick(() => {
        const seconds = (due - Date.now()) / 1000;
        say(note, text.tryingIn(duration(seconds)));
        if (seconds <= 0) go();
      });
    }
    return { element, stop: () => stop() };
  }
}
