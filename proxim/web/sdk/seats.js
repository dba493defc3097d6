// The seats that a guest can take again.

import { nodeAddress } from "./link.js";
import { storage } from "./storage.js";

/** @import { Remembered } from "./types.js" */

/** @param {string} nodeUrl Where the seats of a node are remembered. */
export const seatsKey = (nodeUrl) => `proxim.guest.${nodeUrl}`;

/**
 * The seats at a node that this browser can take again: of this tab first, then the latest.
 * @param {string | URL} [url] The node; the page's own origin if left out.
 * @returns {(Remembered & { thisTab: boolean })[]}
 */
export function remembered(url = location.origin) {
  const key = seatsKey(nodeAddress(url));
  const tab = storage.read("sessionStorage", key) ?? {};
  const kept = Object.values(storage.read("localStorage", key) ?? {});
  const all = Object.values({ ...Object.fromEntries(kept.map((k) => [k.sessionId, k])), ...tab });
  return all
    .map((seat) => ({ ...seat, thisTab: seat.sessionId in tab }))
    .sort((a, b) => Number(b.thisTab) - Number(a.thisTab) || b.since - a.since);
}
