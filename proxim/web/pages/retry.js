// Automatic retries, with a button for people who do not want to wait.

import { actionButton, el, everyTick, say } from "./dom.js";
import { duration } from "./format.js";
import { text } from "./text.js";

/** Seconds before each automatic retry. */
const PAUSES = [3, 6, 12, 24, 48];
let used = 0;

/** Start with the first pause again, after a success. */
export function resetRetries() {
  used = 0;
}

/**
 * Return a button that tries again, and the time until the next automatic retry, if any is left. Call
 * `stop` when it leaves the page.
 * @param {() => void} action
 */
export function offerRetry(action) {
  const pause = PAUSES[used];
  let stop = () => {};
  const go = () => {
    stop();
    action();
  };
  const note = el("p", { class: "muted", role: "timer", hidden: !pause });
  const element = el("div", { class: "stack again" }, note, actionButton(pause ? text.tryNow : text.tryAgain, go));
  if (pause) {
    used += 1;
    const due = Date.now() + pause * 1000;
    stop = everyTick(() => {
      const seconds = (due - Date.now()) / 1000;
      say(note, text.tryingIn(duration(seconds)));
      if (seconds <= 0) go();
    });
  }
  return { element, stop: () => stop() };
}
