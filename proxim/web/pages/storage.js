// Web storage. A browser may forbid it or fill it up: then the page forgets, and nothing else breaks.

/** @typedef {"localStorage" | "sessionStorage"} Kind */

/** @param {Kind} kind @param {string} name @returns {string | null} */
export function load(kind, name) {
  try {
    return globalThis[kind].getItem(name);
  } catch {
    return null;
  }
}

/** @param {Kind} kind @param {string} name @param {string | null} value Null removes it. */
export function store(kind, name, value) {
  try {
    if (value === null) globalThis[kind].removeItem(name);
    else globalThis[kind].setItem(name, value);
  } catch {
    // Forbidden or full.
  }
}

/** Return whether the browser keeps anything for this page. */
export function isStorageOpen() {
  store("localStorage", "proxim.probe", "1");
  const isOpen = load("localStorage", "proxim.probe") !== null;
  store("localStorage", "proxim.probe", null);
  return isOpen;
}
