// The form that chooses the type of a new session.

import { el } from "./dom.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").SessionType} SessionType */

/**
 * @param {(choice: { type: SessionType, ttl?: number }) => Promise<unknown>} open Opens a session.
 */
export function chooser(open) {
  const amount = el("input", { type: "number", id: "amount", min: 1, max: 999, value: 1, required: true });
  const unit = el(
    "select",
    { id: "unit", "aria-label": text.durationUnit },
    ...Object.entries(text.units).map(([seconds, name]) =>
      el("option", { value: seconds, text: name, selected: seconds === "3600" }),
    ),
  );
  const time = el(
    "div",
    { class: "field", hidden: true },
    el("label", { for: "amount", text: text.duration }),
    el("div", { class: "pair" }, amount, unit),
  );
  const button = el("button", { type: "submit", class: "wide", text: text.showCode });
  const cards = Object.entries(text.types).map(([type, words]) =>
    el(
      "label",
      { class: "type" },
      el("input", { type: "radio", name: "type", value: type, checked: type === "one_time" }),
      el("strong", { text: words.name }),
      el("span", { class: "summary", text: words.summary }),
    ),
  );
  const form = el(
    "form",
    { class: "stack" },
    el("fieldset", {}, el("legend", { text: text.chooseType }), el("div", { class: "types" }, ...cards)),
    time,
    button,
  );
  const chosen = () => String(new FormData(form).get("type"));
  const isTimed = () => chosen() === "temporary";
  form.addEventListener("change", () => {
    time.hidden = !isTimed();
    amount.disabled = !isTimed();
  });
  amount.disabled = true;
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    button.textContent = text.opening;
    const ttl = isTimed() ? Number(amount.value) * Number(unit.value) : undefined;
    await open({ type: /** @type {SessionType} */ (chosen()), ttl }).catch(toastProblem("host"));
    button.disabled = false;
    button.textContent = text.showCode;
  });
  return form;
}
