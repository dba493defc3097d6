// The shortest way in for a guest.

import { Guest } from "./guest.js";
import { remembered } from "./seats.js";

/**
 * Join a session, and get the open data channel: ask by the link, or take the seat again that this tab
 * has had. From a `Location` the link is taken out, so that it stands no more in the address bar.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string }} [options]
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
 * The guest that `join` makes, for who wants more than the channel. Nothing is asked yet.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string, rtc?: boolean }} [options]
 * @returns {Guest}
 * @throws {ProximError} `invalid_link`
 */
export function guestAt(link, options = {}) {
  const isLocation = typeof link === "object" && "reload" in link;
  if (isLocation && !link.hash) {
    const seat = remembered(link.href.replace(/\/join\/?([?#].*)?$/, "")).find((each) => each.thisTab);
    if (seat) return new Guest(seat, options);
  }
  const guest = new Guest(isLocation ? link.href : link, options);
  if (isLocation) history.replaceState(history.state, "", link.pathname + link.search);
  return guest;
}
