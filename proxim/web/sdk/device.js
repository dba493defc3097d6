// What this device may be called.

/** What this device may be called, from what the browser says of itself: `iPhone`, `Linux PC`. */
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
