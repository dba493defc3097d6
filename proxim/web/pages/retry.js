// Tries again by itself where waiting may help, a few times; nobody has to wait for it.

import { el, everyTick, say } from "./dom.js";
import { duration } from "./format.js";
import { text } from "./text.js";

/** Seconds before each try that is made without being asked for. */
const PAUSES = [3, 6, 12, 24, 48];

export class Retries {
  #used = 0;

  /** It worked: the next time it begins with the first pause again. */
  reset() {
    this.#used = 0;
  }

  /**
   * A button that tries again, and a line that says when that is done without it, as long as there
   * are tries left. `stop` when it is taken off the page.
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
