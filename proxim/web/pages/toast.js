// A short message at the foot of the page.

import { byId } from "./dom.js";
import { problemText } from "./problem.js";

let timer = 0;

/** @param {string} words */
export function toast(words) {
  clearTimeout(timer);
  byId("toast").textContent = words;
  timer = setTimeout(() => {
    byId("toast").textContent = "";
  }, 5_000);
}

/** Return a handler of errors that shows what went wrong. @param {import("./problem.js").Role} role */
export const toastProblem = (role) => (/** @type {unknown} */ error) => toast(problemText(role, error));
