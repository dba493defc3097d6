// The link of a sealed session (sealing: The link).

import { decode64, encode64, KEY_BYTES } from "./encoding.js";

/**
 * @typedef {{ nodeUrl: string, sessionId: string, seed: Uint8Array, hostKey: Uint8Array }} SealedLink
 *   The parts of a link, the last two decoded.
 */

/**
 * Return the parts of a sealed link, or null if it is not one: then nothing may be sent.
 * @param {string | URL | Location} link
 * @returns {SealedLink | null}
 */
export function parseSealedLink(link) {
  const form = /^(https?:\/\/[^?#]+)\/join\/?(?:\?[^#]*)?#([\w-]{16,128})\.([\w-]{43})\.([\w-]{43})$/;
  const found = form.exec(String(link).trim());
  if (!found) return null;
  try {
    const { origin, pathname } = new URL(found[1]);
    return {
      nodeUrl: origin + pathname.replace(/\/+$/, ""),
      sessionId: found[2],
      seed: decode64(found[3], KEY_BYTES),
      hostKey: decode64(found[4], KEY_BYTES),
    };
  } catch {
    return null;
  }
}

/** Return a link as it is shown. @param {SealedLink} link */
export const sealedLinkText = ({ nodeUrl, sessionId, seed, hostKey }) =>
  `${nodeUrl.replace(/\/+$/, "")}/join#${sessionId}.${encode64(seed)}.${encode64(hostKey)}`;
