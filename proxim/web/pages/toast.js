// A short word at the foot of the page.

import { byId } from "./dom.js";

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} words */
export function toast(words) {
  clearTimeout(timer);
  byId("toast").textContent = words;
  timer = setTimeout(() => {
    byId("toast").textContent = "";
  }, 5_000);
}
