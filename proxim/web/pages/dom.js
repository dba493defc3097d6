// What the pages need to build themselves. Whatever comes from the wire goes in as text.

import { text } from "./text.js";

/**
 * An element. `props` are attributes, but `text` is its text, `on…` listens, and true and false
 * set and leave out.
 * @param {string} tag @param {Record<string, any>} [props] @param {(Node | null)[]} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  set(element, props);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** The same for SVG. @param {string} tag @param {Record<string, any>} props @param {Node[]} children */
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

/** Fill the page's fixed words in. */
export function fillText() {
  for (const element of document.querySelectorAll("[data-text]")) {
    const words = /** @type {any} */ (text)[element.getAttribute("data-text") ?? ""];
    if (element instanceof HTMLInputElement) element.placeholder = words;
    else element.textContent = words;
  }
}

/** Change an element's text only where it differs, so that screen readers are left in peace. */
export function say(/** @type {any} */ element, /** @type {string} */ words) {
  if (element.textContent !== words) element.textContent = words;
}

/** Show whether the server is reached. @param {boolean} online */
export function showReach(online) {
  const reach = byId("reach");
  reach.textContent = online ? text.reached : text.unreached;
  reach.className = `pill ${online ? "on" : "off"}`;
}

/** A ring that runs empty. @param {string} name Its class. */
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
      // Its round ends would be seen where nothing is left.
      arc.setAttribute("visibility", whole > 0 ? "visible" : "hidden");
      element.classList.toggle("late", part < 0.25);
    },
  };
}

/** Call at once and four times a second. @param {() => void} action @returns {() => void} Stops it. */
export function everyTick(action) {
  const timer = setInterval(action, 250);
  action();
  return () => clearInterval(timer);
}

/** Milliseconds from now, in seconds. @param {number} moment */
export const secondsTo = (moment) => (moment - Date.now()) / 1000;
