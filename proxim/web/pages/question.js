// A question with two answers, before something that cannot be undone.

import { actionButton, el, everyTick } from "./dom.js";

/**
 * Ask a person, and return whether the answer was yes. To close the question means no.
 * @param {{ title: string, words: string, yes: string, no: string }} texts
 * @param {() => boolean} isNeeded Returns whether the question still holds: else it closes.
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, words, yes, no }, isNeeded = () => true) {
  return new Promise((resolve) => {
    let isYes = false;
    const answer = (/** @type {boolean} */ is) => () => {
      isYes = is;
      dialog.close();
    };
    const buttons = el("div", { class: "answer" }, actionButton(no, answer(false), "second"), actionButton(yes, answer(true)));
    const body = el("div", { class: "stack" }, el("h2", { text: title }), el("p", { text: words }), buttons);
    const dialog = el("dialog", { "aria-label": title }, body);
    dialog.addEventListener("close", () => {
      stop();
      dialog.remove();
      resolve(isYes);
    });
    document.body.append(dialog);
    dialog.showModal();
    const stop = everyTick(() => isNeeded() || dialog.close());
  });
}
