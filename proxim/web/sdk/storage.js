// Web storage. A browser may forbid it or fill it up: then the SDK forgets, and nothing else breaks.

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
      globalThis[kind].setItem(name, JSON.stringify(value));
    } catch {
      // Forbidden or full.
    }
  },
};
