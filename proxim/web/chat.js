// Chat over the session's own data channel: a message is a text, and nothing else.

import { el } from "./dom.js";
import { text } from "./text.js";

const MOST_SHOWN = 500;

export function chatPane() {
  /** @type {RTCDataChannel | null} */
  let channel = null;
  const hint = el("p", { class: "hint", text: text.chatEmpty });
  const talk = el("div", { class: "talk", role: "log", tabindex: 0, "aria-label": text.chat }, hint);
  const input = el("input", { "aria-label": text.message, placeholder: text.message, autocomplete: "off", maxlength: 10_000 });
  const button = el("button", { type: "submit", text: text.send });

  /** @param {string} words @param {boolean} mine */
  const add = (words, mine) => {
    hint.remove();
    const who = el("span", { class: "unseen", text: `${mine ? text.you : text.them}: ` });
    talk.append(el("p", { class: mine ? "mine" : "", dir: "auto" }, who, document.createTextNode(words)));
    if (talk.childElementCount > MOST_SHOWN) talk.firstElementChild.remove();
    talk.scrollTop = talk.scrollHeight;
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const words = input.value.trim();
    if (!words || channel?.readyState !== "open") return;
    channel.send(words);
    add(words, true);
    input.value = "";
  };
  return {
    element: el(
      "section",
      { class: "pane" },
      el("h3", { text: text.chat }),
      talk,
      el("form", { class: "say", onsubmit: submit }, input, button),
    ),
    /** @param {boolean} on */
    enable(on) {
      button.disabled = !on;
    },
    /** @param {RTCDataChannel} open */
    use(open) {
      channel = open;
      open.addEventListener("message", ({ data }) => {
        if (typeof data === "string") add(data, false);
      });
    },
  };
}
