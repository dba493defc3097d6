// The shortest way to join a session.

import { Guest } from "./guest.js";
import { remembered, seatFor } from "./seats.js";

/**
 * Join a session, and return the open data channel. The guest asks by the link, or takes this browser's
 * earlier seat again. With a `Location` the link is removed from the address bar.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string, nodeUrl?: string | URL }} [options] Those of `Guest`.
 * @returns {Promise<RTCDataChannel>}
 * @example
 * import { join } from "/proxim.js";
 *
 * const channel = await join(location);
 * channel.onmessage = ({ data }) => console.log(data); // prints: Hello, phone
 */
export async function join(link, options = {}) {
  const guest = guestAt(link, options);
  await guest.ask();
  return guest.connected;
}

/**
 * Return the guest that `join` uses, for pages that need more than the channel. It has not asked yet.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string, nodeUrl?: string | URL, rtc?: boolean }} [options] Those of
 *   `Guest`.
 * @returns {Guest}
 * @throws {ProximError} `invalid_link`, `tampered` if the node has given the sealed session of the link the id of an
 *   earlier one of this browser.
 */
export function guestAt(link, options = {}) {
  const isLocation = typeof link === "object" && "reload" in link;
  if (isLocation && !link.hash) {
    const node = options.nodeUrl ?? link.href.replace(/\/join\/?([?#].*)?$/, "");
    const seat = remembered(node).find((each) => each.thisTab);
    if (seat) return new Guest(seat, options);
  }
  const text = isLocation ? link.href : link;
  // A person may scan a code again: this browser then comes back to its seat.
  const guest = new Guest(seatFor(text, options.nodeUrl) ?? text, options);
  if (isLocation) history.replaceState(history.state, "", link.pathname + link.search);
  return guest;
}
