// The conversation: messages and files in the order in which they came. Messages go over the session's own data
// channel or, while there is none, through the server.

import { el, say } from "./dom.js";
import { withLinks } from "./links.js";
import { Pace } from "./pace.js";
import { toast } from "./toast.js";
import { text } from "./text.js";

/** @typedef {"channel" | "server" | null} Way How messages reach the other side now. */

const MOST_SHOWN = 500;
/** Characters of a text that this page sends, and shows, at most. */
const LONGEST = 10_000;
/** Milliseconds that a browser may take to notice that the other side is gone. */
const UNNOTICED = 8_000;
/** Milliseconds that the last message may be on its way when a side ends the connection. */
const ON_ITS_WAY = 1_000;
/** Messages that the other side may send at once, and per second: far more than people type. */
const BURST = 300;
const RATE = 50;
/** Pixels from the end up to which the conversation follows what is new. */
const NEAR = 80;

/** On a screen keyboard, Enter begins a new line, as in other messengers. */
const hasKeyboard = () => !matchMedia("(pointer: coarse)").matches;

/**
 * @param {(words: string) => void} sendByServer
 * @param {() => void} flooded Called when the other side sends too much.
 */
export function chatPane(sendByServer, flooded) {
  /** @type {RTCDataChannel | null} */
  let channel = null;
  /** @type {Way} */
  let way = null;
  let sentAt = -Infinity;
  /** When this page noticed that the other side is gone. */
  let goneAt = Infinity;
  const pace = new Pace(BURST, RATE);
  let isFlooded = false;
  /** @type {Element[]} The oldest first. */
  const messages = [];
  const hint = el("p", { class: "hint", text: text.chatEmpty });
  const talk = el("div", { class: "talk", role: "log", tabindex: 0, "aria-label": text.chat }, hint);
  const input = el("textarea", { "aria-label": text.message, placeholder: text.message, autocomplete: "off", maxlength: LONGEST, rows: 1 });
  const button = el("button", { type: "submit", text: text.send });

  let scrolls = 0;
  /** Whether the person has not scrolled back to read earlier messages. */
  let isAtEnd = true;
  // Once per frame, because reading the height makes the browser compute the layout.
  const scroll = () => {
    scrolls ||= requestAnimationFrame(() => {
      scrolls = 0;
      if (isAtEnd) talk.scrollTop = talk.scrollHeight;
    });
  };
  talk.addEventListener("scroll", () => {
    isAtEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR;
  });
  new ResizeObserver(scroll).observe(talk);
  /** @param {Element} element */
  const place = (element) => {
    hint.remove();
    talk.append(element);
    scroll();
  };

  /** @param {string} words @param {boolean} mine */
  const add = (words, mine) => {
    const shown = words.length > LONGEST ? text.cut(words.slice(0, LONGEST)) : words;
    const who = el("span", { class: "unseen", text: mine ? text.youSaid : text.theySaid });
    const message = el("p", { class: mine ? "mine" : "", dir: "auto" }, who, ...withLinks(shown));
    place(message);
    messages.push(message);
    if (messages.length > MOST_SHOWN) messages.shift()?.remove();
  };
  const submit = () => {
    const words = input.value.trim();
    if (!words || !way) return;
    try {
      if (way === "channel") channel?.send(words);
      else sendByServer(words);
    } catch {
      // The text stays in the field, so that the person can send it again.
      toast(text.notSent);
      return;
    }
    sentAt = performance.now();
    isAtEnd = true;
    add(words, true);
    input.value = "";
  };
  input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !hasKeyboard()) return;
    event.preventDefault();
    submit();
  });
  const sends = (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
  };
  const buttons = el("div", { class: "attach" });
  const form = el("form", { class: "say", onsubmit: sends }, buttons, input, button);
  return {
    talk,
    form,
    /** The place of the buttons that send files. */
    buttons,
    /** Add a file to the conversation. */
    place,
    /** @param {Way} now */
    enable(now) {
      way = now;
      goneAt = way === "channel" ? Infinity : Math.min(goneAt, performance.now());
      button.disabled = !way;
      say(hint, way === "server" ? text.chatEmptyByServer : way ? text.chatEmpty : text.chatEmptyApart);
    },
    /** Leave the messages to be read, and remove the form. */
    end() {
      form.hidden = true;
      hint.remove();
    },
    /** Say that messages sent just before the channel closed may be lost. @param {boolean} [isEnding] */
    lose(isEnding) {
      if (sentAt < Math.min(goneAt, performance.now()) - (isEnding ? ON_ITS_WAY : UNNOTICED)) return;
      sentAt = -Infinity;
      place(el("p", { class: "hint small", text: text.perhapsLost }));
    },
    /** Show a message of the other side. @param {unknown} data */
    receive(data) {
      // After a flood the page shows no further message.
      isFlooded ||= !pace.takes();
      if (isFlooded) flooded();
      else if (typeof data === "string") add(data, false);
    },
    /** @param {RTCDataChannel} open */
    use(open) {
      channel = open;
      open.addEventListener("message", ({ data }) => this.receive(data));
    },
  };
}
