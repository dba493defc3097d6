// This device's name and id, and random ids.

import { storage } from "./storage.js";

/** @import { DeviceInfo } from "./types.js" */

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

/**
 * Return what this device says of itself to hosts of plain sessions.
 * @param {{ name?: string, deviceId?: string }} options @returns {DeviceInfo}
 */
export function claimedDevice({ name, deviceId = storage.read("localStorage", "proxim.device") }) {
  if (!deviceId) {
    deviceId = randomHex(8);
    storage.write("localStorage", "proxim.device", deviceId);
  }
  return { name: name || deviceName(), id: deviceId };
}

/** Return what it says of itself where its name is sealed. @returns {DeviceInfo} */
export const sealedDevice = () => ({ name: "Sealed device", id: randomHex(8) });
