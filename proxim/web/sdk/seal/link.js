// The link of a sealed session (sealing: The link).

import { decode64, encode64, KEY_BYTES } from "./encoding.js";

/** @import { LinkSeal } from "../types.js" */
/** @typedef {{ sessionId: string, seed: Uint8Array, hostKey: Uint8Array }} SealedLink The secrets of a link. */

/**
 * Return the secrets of a link.
 * @param {{ sessionId: string, seal: LinkSeal }} parts Those of `parseLink`.
 * @returns {SealedLink}
 */
export const sealedLink = ({ sessionId, seal: { seed, hostKey } }) => ({
  sessionId,
  seed: decode64(seed, KEY_BYTES),
  hostKey: decode64(hostKey, KEY_BYTES),
});

/** Return a link as it is shown. @param {string} page Where it leads. @param {SealedLink} link */
export const sealedLinkText = (page, { sessionId, seed, hostKey }) =>
  `${page}#${sessionId}.${encode64(seed)}.${encode64(hostKey)}`;
