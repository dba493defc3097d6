// The offers of files that wait for a person's answer.

import { callForAttention } from "./attention.js";
import { actionButton, el, say, sentence } from "./dom.js";
import { size } from "./format.js";
import { text } from "./text.js";

/** @typedef {import("./incoming.js").Incoming} Incoming */

/** Milliseconds in which no offer can be accepted after one of them came or went: the press of a button that has
 * moved was meant for another one. */
const IGNORED = 600;

/**
 * @param {() => string} whoAsks Returns the name of the other side.
 * @param {() => void} answered Called when a person has answered the last offer, and the focus needs a place.
 */
export function offersBox(whoAsks, answered) {
  /** @type {Map<Incoming, { element: HTMLElement, accept: HTMLElement }>} The oldest first. */
  const items = new Map();
  let deafUntil = 0;
  let stopCalling = () => {};
  const list = el("ul", { class: "offer-list" });
  const acceptAll = actionButton("", () => answer(true, [...items.keys()]));
  const declineAll = actionButton(text.declineAll, () => answer(false, [...items.keys()]), "second");
  const all = el("div", { class: "offer-actions", hidden: true }, acceptAll, declineAll);
  const element = el("section", { class: "offers", "aria-label": text.offers, hidden: true }, list, all);
  // It stays on the page, because a screen reader announces only what is added to a part that it knows.
  const announcer = el("div", { "aria-live": "polite" }, element);

  /** @param {boolean} isYes @param {Incoming[]} which */
  const answer = (isYes, which) => {
    const before = deafUntil;
    if (isYes && performance.now() < before) return;
    for (const transfer of which) {
      if (isYes) transfer.accept();
      else transfer.cancel("declined");
    }
    // What a person has moved does not surprise that person.
    deafUntil = before;
    showDeafness();
    const [next] = items.values();
    if (next) next.accept.focus({ preventScroll: true });
    else answered();
  };
  const update = () => {
    const total = [...items.keys()].reduce((sum, transfer) => sum + transfer.size, 0);
    element.hidden = items.size === 0;
    all.hidden = items.size < 2;
    say(acceptAll, text.acceptAll(items.size, size(total)));
    if (items.size === 0) stopCalling();
  };
  const showDeafness = () => {
    const isDeaf = performance.now() < deafUntil;
    for (const button of [acceptAll, ...[...items.values()].map((item) => item.accept)]) {
      if (isDeaf) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  };
  const beDeaf = () => {
    deafUntil = performance.now() + IGNORED;
    setTimeout(showDeafness, IGNORED + 10);
    showDeafness();
  };
  /** @param {Incoming} transfer */
  const add = (transfer) => {
    const name = transfer.name || text.nameless;
    const words = sentence(text.wantsToSend, { who: whoAsks(), name, size: size(transfer.size) });
    const button = actionButton(text.accept, () => answer(true, [transfer]), "accept", text.acceptOf(name));
    const no = actionButton(text.decline, () => answer(false, [transfer]), "second", text.declineOf(name));
    const actions = el("div", { class: "offer-actions" }, button, no);
    const item = { element: el("li", {}, el("p", {}, ...words), actions), accept: button };
    items.set(transfer, item);
    list.append(item.element);
    if (items.size === 1 && document.hidden) stopCalling = callForAttention("file");
    transfer.addEventListener("change", () => {
      if (transfer.state === "offered" || !items.delete(transfer)) return;
      item.element.remove();
      beDeaf();
      update();
    });
    beDeaf();
    update();
  };
  return { element: announcer, add };
}
