// What is remembered in the browser.

/** Web storage that may be forbidden or full: then nothing is remembered, and nothing breaks. */
export const storage = {
  /** @param {"localStorage" | "sessionStorage"} kind @param {string} name @returns {any} */
  read(kind, name) {
    try {
      return JSON.parse(globalThis[kind].getItem(name) ?? "null");
    } catch {
      return null;
    }
  },
  /** @param {"localStorage" | "sessionStorage"} kind @param {string} name @param {unknown} value */
  write(kind, name, value) {
    try {
      if (value === null) globalThis[kind].removeItem(name);
      else globalThis[kind].setItem(name, JSON.stringify(value));
    } catch {
      // Private windows and full disks: it works as long as the page is open.
    }
  },
};
