// How a session that is not sealed was opened, so that it can be opened again.

import { pageAddress } from "./link.js";

/** @import { HostSession } from "./host-session.js" */
/** @import { Message } from "./types.js" */

export class PlainOrigin {
  /** @type {string | URL | undefined} Where new links lead. */
  joinUrl;
  /** @type {string | undefined} The name that the guest is told, if this page has opened the session. */
  hostName;
  /** Whether the link has a token that the page itself has made. */
  hasOwnToken = false;
  /** @type {string | undefined} The `boot` of the node that had the session last. */
  boot;
  /** Whether the page is about to close the session. */
  isClosing = false;

  /**
   * Return the request that opens the session again at a node that has forgotten it; null if it is over, or sealed.
   * @param {HostSession} session @param {string | undefined} boot The node's.
   * @returns {Message | null}
   */
  reopening({ type, confirm, expiresAt, over, sealed }, boot) {
    const ttl = expiresAt === null ? undefined : (expiresAt - Date.now()) / 1000;
    const isForgotten = boot !== undefined && boot !== this.boot;
    const isOver = over !== null || this.isClosing || type === "one_time" || (ttl !== undefined && ttl <= 0);
    if (!isForgotten || isOver || sealed || this.hasOwnToken) return null;
    const terms = { session_type: type, ttl, confirm, host_name: this.hostName };
    return { type: "create_session", ...terms, ...linkRequest(undefined, this.joinUrl) };
  }
}

/**
 * Return the fields of a request for a link.
 * @param {string} [tokenHash] @param {string | URL} [joinUrl]
 */
export const linkRequest = (tokenHash, joinUrl) => ({
  ...(tokenHash ? { token_hash: tokenHash } : { qr: "svg" }),
  ...(joinUrl ? { join_url: pageAddress(joinUrl) } : {}),
});
