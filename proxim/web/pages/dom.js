// Elements and timers of the pages. Content from the wire becomes text, never markup.

import { text } from "./text.js";

/**
 * Return a new element. `props` are its attributes, but `text` is its text, and `on…` is a listener. A
 * boolean sets an attribute without a value, or leaves it out.
 * @param {string} tag @param {Record<string, any>} [props] @param {(Node | null)[]} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  set(element, props);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Return a button that calls `action`.
 * @param {string} words @param {(event: Event) => unknown} action @param {string} [kind] Its class.
 */
export const actionButton = (words, action, kind) =>
  el("button", { type: "button", class: kind, text: words, onclick: action });

/** Return a new SVG element. @param {string} tag @param {Record<string, any>} props @param {Node[]} children */
export function svg(tag, props, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, props);
  element.append(...children);
  return element;
}

/** @param {Element} element @param {Record<string, any>} props */
function set(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
}

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** Fill in the fixed texts of the page. */
export function fillText() {
  for (const element of document.querySelectorAll("[data-text]")) {
    const words = /** @type {any} */ (text)[element.getAttribute("data-text") ?? ""];
    if (element instanceof HTMLInputElement) element.placeholder = words;
    else element.textContent = words;
  }
}

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

/** Return a ring that shows how much time is left. @param {string} name Its class. */
export function ring(name) {
  const arc = svg("circle", { cx: 50, cy: 50, r: 47, pathLength: 100, class: "arc" });
  const track = svg("circle", { cx: 50, cy: 50, r: 47, class: "track" });
  const element = svg("svg", { viewBox: "0 0 100 100", class: name, "aria-hidden": "true" }, track, arc);
  return {
    element,
    /** @param {number} part From 1, full, to 0. */
    show(part) {
      const whole = Math.max(0, Math.min(1, part)) * 100;
      arc.setAttribute("stroke-dasharray", `${whole} 100`);
      // The round ends of an empty arc would still be visible.
      arc.setAttribute("visibility", whole > 0 ? "visible" : "hidden");
      element.classList.toggle("late", part < 0.25);
    },
  };
}

/** Call now and four times a second. @param {() => void} action @returns {() => void} Stops the calls. */
export function everyTick(action) {
  const timer = setInterval(action, 250);
  action();
  return () => clearInterval(timer);
}

/** Return the seconds until a time of `Date.now()`. @param {number} moment */
export const secondsTo = (moment) => (moment - Date.now()) / 1000;
