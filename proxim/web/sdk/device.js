// This device's name, and random ids.

/** Return a name for this device, by the browser's user agent: `iPhone`, `Linux PC`. */
export function deviceName() {
  const agent = globalThis.navigator?.userAgent ?? "";
  const known = [
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Android.*Mobile/, "Android phone"],
    [/Android/, "Android tablet"],
    [/CrOS/, "Chromebook"],
    [/Macintosh/, "Mac"],
    [/Windows/, "Windows PC"],
    [/Linux/, "Linux PC"],
  ];
  const match = known.find(([pattern]) => /** @type {RegExp} */ (pattern).test(agent));
  return match ? String(match[1]) : "A device";
}

/** Return random bytes as hexadecimal digits. @param {number} size The number of bytes. */
export function randomHex(size) {
  const bytes = crypto.getRandomValues(new Uint8Array(size));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
