// The seats that a guest can take again, in the browser's storage.

import { tampered } from "./errors.js";
import { nameOfLink, nodeAddress, parseLink } from "./link.js";
import { storage } from "./storage.js";

/** @import { ProximError } from "./errors.js" */
/** @import { Remembered } from "./types.js" */

/** @param {string} nodeUrl */
const seatsKey = (nodeUrl) => `proxim.guest.${nodeUrl}`;

/**
 * Return the seats at a node that this browser can take again: first those of this tab, then the latest.
 * @param {string | URL} [url] The node; by default the page's own origin.
 * @returns {(Remembered & { thisTab: boolean })[]}
 */
export function remembered(url = location.origin) {
  const key = seatsKey(nodeAddress(url));
  const tab = storage.read("sessionStorage", key) ?? {};
  // What all tabs share goes first: another tab may have got a newer token.
  return Object.values({ ...tab, ...storage.read("localStorage", key) })
    .filter(({ resumeToken }) => resumeToken)
    .map((seat) => ({ ...seat, thisTab: seat.sessionId in tab }))
    .sort((a, b) => Number(b.thisTab) - Number(a.thisTab) || b.since - a.since);
}

/** Return the seat in a session that this browser can take again. @param {string} nodeUrl @param {string} id */
export const seatOf = (nodeUrl, id) => remembered(nodeUrl).find(({ sessionId }) => sessionId === id);

/**
 * Return the seat that this browser can take again by a link, since it has used the link before; null if it has none.
 * @param {string | URL | Location} link
 * @param {string | URL} [nodeUrl] The node of a link that leads to a page of its own.
 * @returns {Remembered | null}
 * @throws {ProximError} `invalid_link`, `tampered` if the seat is that of another session: the node has given the
 *   sealed session of this link the id of an earlier one.
 */
export function seatFor(link, nodeUrl) {
  const { nodeUrl: node, sessionId, seal } = parseLink(link, nodeUrl);
  const seat = seatOf(node, sessionId);
  // The person would come back to that session without a question, and take it for that of the code.
  if (seat && seal && /** @type {any} */ (seat.seal)?.link !== nameOfLink(seal)) throw tampered("the link", sessionId);
  return seat ?? null;
}

/**
 * Return the secrets of a sealed session that a guest of this tab has asked for.
 * @param {string} nodeUrl @param {string} id @returns {any}
 */
export const askedFor = (nodeUrl, id) => storage.read("sessionStorage", seatsKey(nodeUrl))?.[id]?.seal;

/** Remember a seat: of a one-time session only in this tab. @param {Remembered} seat */
export function rememberSeat(seat) {
  writeSeat("sessionStorage", seat.nodeUrl, seat.sessionId, seat);
  if (seat.type === "persistent" || seat.type === "temporary") {
    writeSeat("localStorage", seat.nodeUrl, seat.sessionId, seat);
  }
}

/** @param {string} nodeUrl @param {string} id The session's. */
export function forgetSeat(nodeUrl, id) {
  writeSeat("sessionStorage", nodeUrl, id);
  writeSeat("localStorage", nodeUrl, id);
}

/**
 * @param {"localStorage" | "sessionStorage"} kind
 * @param {string} nodeUrl @param {string} id @param {Remembered} [seat]
 */
function writeSeat(kind, nodeUrl, id, seat) {
  const key = seatsKey(nodeUrl);
  storage.write(kind, key, { ...storage.read(kind, key), [id]: seat });
}
