// Questions: with two answers, before something that cannot be undone, and for a name.

import { actionButton, el, everyTick } from "./dom.js";
import { text } from "./text.js";

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

/**
 * Ask a person for a name, and return it; null if the person has closed the question, or typed nothing.
 * @param {{ title: string, label: string, value: string }} texts `value` is the name of before.
 * @returns {Promise<string | null>}
 */
export function typed({ title, label, value }) {
  return new Promise((resolve) => {
    const field = el("input", { "aria-label": label, value, maxlength: "64", autocomplete: "off" });
    const save = el("button", { type: "submit", value: "save", text: text.save });
    const buttons = el("div", { class: "answer" }, actionButton(text.cancel, () => dialog.close(), "second"), save);
    const form = el("form", { method: "dialog", class: "stack" }, el("h2", { text: title }), field, buttons);
    const dialog = el("dialog", { "aria-label": title }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve((dialog.returnValue === "save" && field.value.trim()) || null);
    });
    document.body.append(dialog);
    dialog.showModal();
    field.select();
  });
}
