// What a guest starts from: a link, a seat that it had, or a grant.

import { GuestSecret } from "./guest-secret.js";
import { nodeAddress, parseLink } from "./link.js";
import { askedFor, seatOf } from "./seats.js";

/** @import { GuestKept } from "./guest-secret.js" */
/** @import { Grant, LinkSeal, Remembered } from "./types.js" */

/**
 * @param {string | URL | Location | Remembered | Grant} link
 * @param {{ nodeUrl?: string | URL, canBeRemembered?: boolean }} options
 * @throws {ProximError} `invalid_link`
 */
export function guestSource(link, options) {
  const grant = typeof link === "object" && "pairedIn" in link ? link : null;
  const given = typeof link === "object" && "resumeToken" in link ? link : null;
  // The visit before may go on: the host has not noticed that this page was closed. `Guest` checks whose seat it is.
  const seat = grant ? seatOf(grant.nodeUrl, grant.sessionId) : given;
  const parsed = grant || seat ? null : parseLink(/** @type {string} */ (link), options.nodeUrl);
  const { nodeUrl: url, sessionId } = /** @type {{ nodeUrl: string, sessionId: string }} */ (seat ?? grant ?? parsed);
  const nodeUrl = nodeAddress(url);
  const { token = "", seal } = parsed ?? {};
  const { resumeToken = "", boot } = seat ?? {};
  const isSealed = Boolean(grant ?? seat?.seal ?? seal);
  const isOffered = options.canBeRemembered !== false && "indexedDB" in globalThis;
  const kept = /** @type {GuestKept | undefined} */ (parsed ? askedFor(nodeUrl, sessionId) : seat?.seal);
  const secret = isSealed ? new GuestSecret(sessionId, seal, kept, { nodeUrl, grantId: grant?.id, isOffered }) : null;
  return { nodeUrl, sessionId, token, resumeToken, boot, secret, grant };
}
