// Chat over the session's own data channel: a message is a text, and nothing else.

import { el } from "./dom.js";
import { Pace } from "./pace.js";
import { toast } from "./toast.js";
import { text } from "./text.js";

const MOST_SHOWN = 500;
/** Letters of a line: what this page sends at most, and shows of what others send. */
const LONGEST = 10_000;
/** Milliseconds for which a browser may not notice that the other side has gone. */
const UNNOTICED = 8_000;
/** Messages of the other side at once, and a second: far more than people type. */
const BURST = 300;
const RATE = 50;

/** @param {() => void} flooded Told when more comes than can be shown. */
export function chatPane(flooded) {
  /** @type {RTCDataChannel | null} */
  let channel = null;
  let sentAt = -Infinity;
  /** Since when the other side is known to be gone. */
  let goneAt = Infinity;
  const pace = new Pace(BURST, RATE);
  let isFlooded = false;
  const hint = el("p", { class: "hint", text: text.chatEmpty });
  const talk = el("div", { class: "talk", role: "log", tabindex: 0, "aria-label": text.chat }, hint);
  const input = el("input", { "aria-label": text.message, placeholder: text.message, autocomplete: "off", maxlength: LONGEST });
  const button = el("button", { type: "submit", text: text.send });

  let scrolls = 0;
  // Once for all that comes between two frames: to know the height is to lay the page out anew.
  const scroll = () => {
    scrolls ||= requestAnimationFrame(() => {
      scrolls = 0;
      talk.scrollTop = talk.scrollHeight;
    });
  };

  /** @param {string} words @param {boolean} mine */
  const add = (words, mine) => {
    hint.remove();
    const shown = words.length > LONGEST ? text.cut(words.slice(0, LONGEST)) : words;
    const who = el("span", { class: "unseen", text: mine ? text.youSaid : text.theySaid });
    talk.append(el("p", { class: mine ? "mine" : "", dir: "auto" }, who, document.createTextNode(shown)));
    if (talk.childElementCount > MOST_SHOWN) talk.firstElementChild.remove();
    scroll();
  };
  const form = el("form", { class: "say", onsubmit: (/** @type {Event} */ event) => submit(event) }, input, button);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const words = input.value.trim();
    if (!words || channel?.readyState !== "open") return;
    try {
      channel.send(words);
    } catch {
      // It stays in the field, to be sent again.
      toast(text.notSent);
      return;
    }
    sentAt = performance.now();
    add(words, true);
    input.value = "";
  };
  return {
    element: el(
      "section",
      { class: "pane" },
      el("h3", { text: text.chat }),
      talk,
      form,
    ),
    /** @param {boolean} on */
    enable(on) {
      goneAt = on ? Infinity : Math.min(goneAt, performance.now());
      button.disabled = !on || channel?.readyState !== "open";
    },
    /** What was said can still be read, and nothing be added. */
    end() {
      form.hidden = true;
      hint.remove();
    },
    /** The channel is gone, and with it what was still on its way: that is said. */
    lose() {
      if (sentAt < Math.min(goneAt, performance.now()) - UNNOTICED) return;
      sentAt = -Infinity;
      talk.append(el("p", { class: "hint small", text: text.perhapsLost }));
      scroll();
    },
    /** @param {RTCDataChannel} open */
    use(open) {
      channel = open;
      open.addEventListener("message", ({ data }) => {
        // What is still under way then is not shown, however slowly it comes.
        isFlooded ||= !pace.takes();
        if (isFlooded) flooded();
        else if (typeof data === "string") add(data, false);
      });
    },
  };
}
