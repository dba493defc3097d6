// The shortest way to join a session.

import { Guest } from "./guest.js";
import { nodeAddress } from "./link.js";
import { loadKnown } from "./load-seal.js";
import { remembered, seatFor } from "./seats.js";

/** @import { Grant } from "./types.js" */

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

/**
 * Return the hosts at a node that know this browser, the latest first.
 * @param {string | URL} [url] The node; by default the page's own origin.
 * @returns {Promise<Grant[]>}
 */
export async function grants(url = location.origin) {
  const nodeUrl = nodeAddress(url);
  if (!(await hasGrants())) return [];
  const { grantsAt } = await loadKnown();
  // A browser may forbid its storage.
  return grantsAt(nodeUrl).catch(() => []);
}

/** Return whether this browser may have grants. To look for them loads the code of known devices. */
async function hasGrants() {
  if (!("indexedDB" in globalThis)) return false;
  // Older browsers do not list their databases.
  const all = await indexedDB.databases?.().catch(() => undefined);
  return all?.some(({ name }) => name === "proxim") ?? true;
}

/** Forget a host: this browser cannot come to it without a code any more. @param {Grant} grant */
export async function forgetGrant({ id }) {
  await (await loadKnown()).removeGrant(id);
}

/**
 * Visit a host that knows this browser, and return the open data channel. No code is needed; with `isAuto` the host
 * does not even ask its person. `unknown_session` and `host_offline` mean that the host cannot be reached now.
 * @param {Grant} grant One of `grants`.
 * @param {{ name?: string }} [options] Those of `Guest`.
 * @returns {Promise<RTCDataChannel>}
 */
export async function connect(grant, options = {}) {
  const guest = new Guest(grant, options);
  await guest.ask();
  return guest.connected;
}
