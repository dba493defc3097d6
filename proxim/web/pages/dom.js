// Elements and timers of the pages. Content from the wire becomes text, never markup.

import { text } from "./text.js";

/**
 * Return a new element. `props` are its attributes, but `text` is its text, and `on…` is a listener. A
 * boolean sets an attribute without a value, or leaves it out.
 * @param {string} tag @param {Record<string, any>} [props] @param {(Node | string | null)[]} children
 * @returns {any}
 */
export const el = (tag, props = {}, ...children) => fill(document.createElement(tag), props, children);

/**
 * Return a button that calls `action`.
 * @param {string} words @param {(event: Event) => unknown} action @param {string} [kind] Its class.
 * @param {string} [label] What a screen reader says in place of the words.
 */
export const actionButton = (words, action, kind, label) =>
  el("button", { type: "button", class: kind, text: words, "aria-label": label, onclick: action });

/** Return a new SVG element. @param {string} tag @param {Record<string, any>} props @param {Node[]} children */
export const svg = (tag, props, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);

/** @param {Element} element @param {Record<string, any>} props @param {(Node | string | null)[]} children */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** Where the fixed text of an element goes, if not into the element. */
const PLACES = /** @type {Record<string, string>} */ ({ IMG: "alt", INPUT: "placeholder", SELECT: "aria-label" });

/** Fill in the fixed texts of the page, or of a part. @param {ParentNode} part */
export function fillText(part = document) {
  document.documentElement.lang = text.language;
  for (const element of part.querySelectorAll("[data-text]")) {
    const path = element.getAttribute("data-text") ?? "";
    const words = path.split(".").reduce((table, name) => table[name], /** @type {any} */ (text));
    if (element.tagName in PLACES) element.setAttribute(PLACES[element.tagName], words);
    else element.textContent = words;
  }
}

/** Return a copy of a template's element, with its parts by their names. @param {string} id */
export function copyOf(id) {
  const element = byId(id).content.firstElementChild.cloneNode(true);
  fillText(element);
  /** @type {any[]} */
  const parts = [...element.querySelectorAll("[data-part]")];
  return Object.fromEntries([["element", element], ...parts.map((each) => [each.dataset.part, each])]);
}

/**
 * Return a text with names in the place of its `{placeholders}`. The other side chooses such names, so each is
 * isolated: it cannot reverse the words around it.
 * @param {string} words @param {Record<string, string>} names @returns {(Node | string)[]}
 */
export const sentence = (words, names) =>
  words.split(/\{(\w+)\}/).map((part, index) => (index % 2 ? el("bdi", { text: names[part] }) : part));

/** Set an element's text if it differs: a screen reader may announce each change. */
export function say(/** @type {any} */ element, /** @type {string} */ words) {
  if (element.textContent !== words) element.textContent = words;
}

/** Show whether the server is reached. @param {boolean} online */
export function showReach(online) {
  const reach = byId("reach");
  reach.textContent = online ? text.reached : text.unreached;
  reach.className = `pill ${online ? "on" : "off"}`;
}

/** Return whether the server is reached, as `showReach` has shown last. */
export const isReached = () => byId("reach").classList.contains("on");

/**
 * Show the time left, in words and by the bar beside them.
 * @param {Element} words @param {string} time @param {number} part Of the whole time, from 1 to 0.
 * @param {boolean} isLate Whether little is left.
 */
export function showLeft(words, time, part, isLate) {
  say(words, time);
  const bar = /** @type {HTMLElement} */ (words.parentElement?.querySelector(".bar"));
  bar.style.setProperty("--left", String(Math.max(0, Math.min(1, part))));
  words.parentElement?.classList.toggle("late", isLate);
}

/** Call now and four times a second. @param {() => void} action @returns {() => void} Stops the calls. */
export function everyTick(action) {
  const timer = setInterval(action, 250);
  action();
  return () => clearInterval(timer);
}

/** Return the seconds until a time of `Date.now()`. @param {number} moment */
export const secondsTo = (moment) => (moment - Date.now()) / 1000;

/** Milliseconds between two ticks from which the page stood still; and by which two clocks part. */
const GAP = 3_000;
const PARTED = 1_000;

/**
 * Call `action` when the page stood still, or when the device slept or its clock was set. Messages may have
 * waited in the meantime, so what they say of the time left is wrong.
 * @param {(skipped: number) => void} action Gets the seconds that the clock went on without the page.
 */
export function onTimeJump(action) {
  let [steady, clock] = [performance.now(), Date.now()];
  setInterval(() => {
    // A browser slows down the timers of a hidden page.
    if (document.hidden) return;
    const [passed, shown] = [performance.now() - steady, Date.now() - clock];
    [steady, clock] = [performance.now(), Date.now()];
    if (passed > GAP || Math.abs(shown - passed) > PARTED) action((shown - passed) / 1000);
  }, 500);
}
