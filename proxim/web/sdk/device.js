// This device's name, and random ids.

/** Return a name for this device, by the browser's user agent: `iPhone`, `Linux PC`. */
export function deviceName() {
  const agent = globalThis.navigator?.userAgent ?? "";
  const known = {
    iPhone: /iPhone/,
    iPad: /iPad/,
    "Android phone": /Android.*Mobile/,
    "Android tablet": /Android/,
    Chromebook: /CrOS/,
    Mac: /Macintosh/,
    "Windows PC": /Windows/,
    "Linux PC": /Linux/,
  };
  return Object.entries(known).find(([, pattern]) => pattern.test(agent))?.[0] ?? "A device";
}

/** Return random bytes as hexadecimal digits. @param {number} size The number of bytes. */
export function randomHex(size) {
  const bytes = crypto.getRandomValues(new Uint8Array(size));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
