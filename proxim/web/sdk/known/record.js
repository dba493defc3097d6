// A known device as its host keeps it, and the verdict about each request of the device (sealing: Known devices).
//
// The rules are those of `proxim/devices/record.py`. Nothing here has a clock or a store.

import { decode64, drawRandom, encode64, TICKET_BYTES } from "../seal/index.js";

/** @import { Visitor } from "../seal/device.js" */
/** @import { Draw } from "../seal/encoding.js" */
/** @import { StoredDevice } from "../types.js" */

/** The keys of so many requests are kept, to recognise a request that is sent again. */
export const KEYS_KEPT = 64;
/** Milliseconds for which what has expired is kept, out of sight: the clock of the device may be wrong. */
export const EXPIRED_KEPT = 30 * 86_400_000;

/**
 * What to do about a request on a standing link:
 *
 * - `ask`: ask the person, without a number;
 * - `auto`: approve, and show a notice with a way to end the visit;
 * - `expired`: decline, and forget the device: the grant has ended;
 * - `replay`: decline silently: a request with this key came before;
 * - `stranger`: decline, and say so: another device holds the link;
 * - `copied`: decline, forget the device and tell the person: two devices use the same grant.
 * @typedef {"ask" | "auto" | "expired" | "replay" | "stranger" | "copied"} VisitVerdict
 */

/**
 * Return the verdict about a request that opened, and the record to store before it is acted upon. Ask once for each
 * request: the same prompt again, as after `register`, is not new.
 * @param {StoredDevice} device
 * @param {Visitor | undefined} visitor
 * @param {Uint8Array | undefined} guestKey The request's key for epoch 0.
 * @param {number} now By `Date.now()`.
 * @returns {{ visit: VisitVerdict, device: StoredDevice }}
 */
export function judge(device, visitor, guestKey, now) {
  if (!visitor || !guestKey || !isSame(encode64(visitor.key), device.key)) return { visit: "stranger", device };
  const key = encode64(guestKey);
  if (device.seen.includes(key)) return { visit: "replay", device };
  device = { ...device, seen: [...device.seen, key].slice(-KEYS_KEPT) };
  if (now >= device.end) return { visit: "expired", device };
  if (!isGood(device, visitor.ticket)) return { visit: "copied", device };
  return { visit: device.policy, device };
}

/**
 * Return the record after an approval of a visit with `ticket`; null if the ticket is no longer good. Its ticket is the
 * one to send. Store the record before the answer is sent.
 * @param {StoredDevice} device @param {Uint8Array | null} ticket @param {number} now By `Date.now()`. @param {Draw} [draw]
 * @returns {StoredDevice | null}
 */
export function approve(device, ticket, now, draw = drawRandom) {
  if (!ticket || !isGood(device, ticket)) return null;
  const visited = { ...device, lastSeen: now };
  // By the previous ticket the answer of the visit before was lost: its ticket is sent again.
  if (!isSame(encode64(ticket), device.ticket)) return visited;
  return { ...visited, ticket: encode64(draw(TICKET_BYTES)), previous: encode64(ticket), isUsed: false };
}

/**
 * Return the record after the device has used `ticket`, that of the visit's answer. The one before is then worthless.
 * @param {StoredDevice} device @param {string} ticket
 */
export const use = (device, ticket) => (ticket === device.ticket ? { ...device, isUsed: true } : device);

/** @param {StoredDevice} device @param {Uint8Array | null} ticket */
function isGood({ ticket: current, previous, isUsed }, ticket) {
  if (!ticket) return false;
  const shown = encode64(ticket);
  if (isSame(shown, current)) return true;
  // A lost answer leaves the device with the ticket before.
  return previous !== null && !isUsed && isSame(shown, previous);
}

/** Return whether two texts are the same, in a time that reveals neither. @param {string} one @param {string} other */
function isSame(one, other) {
  const [left, right] = [decode64(one), decode64(other)];
  if (left.length !== right.length) return false;
  return left.reduce((difference, byte, at) => difference | (byte ^ right[at]), 0) === 0;
}
