// Keeps the screen on while files cross: a phone that sleeps stops them.

/** @type {Set<unknown>} What needs the screen. */
const needs = new Set();
/** @type {Promise<{ release: () => Promise<void> } | null> | null} The lock; a browser may not have it or refuse it. */
let lock = null;

/** Say whether something needs the screen. @param {unknown} what @param {boolean} isNeeded */
export function keepAwake(what, isNeeded) {
  if (isNeeded) needs.add(what);
  else needs.delete(what);
  tend();
}

function tend() {
  if (needs.size > 0 && !lock && !document.hidden) {
    lock = Promise.resolve(navigator.wakeLock?.request("screen")).then((got) => got ?? null, () => null);
  } else if (needs.size === 0 && lock) {
    lock.then((got) => got?.release()).catch(() => {});
    lock = null;
  }
}

document.addEventListener("visibilitychange", () => {
  // A browser releases the lock of a hidden page by itself.
  if (document.hidden) lock = null;
  tend();
});
