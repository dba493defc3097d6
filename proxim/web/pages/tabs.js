// Connections that only one tab of a browser can use at a time.

import { load, store } from "./storage.js";

/** Milliseconds for the other tab to answer. Without an answer it has crashed, and has left its mark. */
const ANSWER_TIME = 1_000;

const me = String(Math.random());
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("proxim.tabs") : null;
/** @type {Set<string>} What this tab uses. */
const held = new Set();

tabs?.addEventListener("message", ({ data }) => {
  if (held.has(data?.asked)) tabs.postMessage({ held: data.asked });
});

/** @param {string} name */
const mark = (name) => `proxim.tab.${name}`;

/** Return whether another tab uses something. @param {string} name @returns {Promise<boolean>} */
export async function isUsedElsewhere(name) {
  const owner = load("localStorage", mark(name));
  if (!tabs || owner === null || owner === me) return false;
  return new Promise((resolve) => {
    const finish = (/** @type {boolean} */ isUsed) => {
      tabs.removeEventListener("message", hear);
      resolve(isUsed);
    };
    const hear = (/** @type {MessageEvent} */ { data }) => data?.held === name && finish(true);
    tabs.addEventListener("message", hear);
    tabs.postMessage({ asked: name });
    setTimeout(() => finish(false), ANSWER_TIME);
  });
}

/** Use something in this tab. @param {string} name */
export function useHere(name) {
  held.add(name);
  store("localStorage", mark(name), me);
}

/** Leave something to other tabs. @param {string} name */
export function leaveToOthers(name) {
  held.delete(name);
  if (load("localStorage", mark(name)) === me) store("localStorage", mark(name), null);
}

addEventListener("pagehide", () => {
  for (const name of held) leaveToOthers(name);
});
