// The URLs of nodes, and the links that guests open.

import { ProximError } from "./errors.js";

/** Return the URL of a node without a slash at its end. @param {string | URL} url @returns {string} */
export function nodeAddress(url) {
  try {
    const { origin, pathname, protocol } = new URL(url);
    if (/^https?:$/.test(protocol)) return origin + pathname.replace(/\/+$/, "");
  } catch {
    // The error below says so.
  }
  throw new ProximError("invalid_link", `${url} is not the URL of a node, such as http://127.0.0.1:8765`);
}

/**
 * Parse a link (protocol: Links and QR codes).
 * @param {string | URL | Location} link
 * @returns {{ nodeUrl: string, sessionId: string, token: string }}
 * @throws {ProximError} `invalid_link`
 */
export function parseLink(link) {
  const found = /^(https?:\/\/[^?#]+)\/join\/?#([\w-]{16,128})\.([\w-]{16,128})$/.exec(String(link).trim());
  if (!found) {
    throw new ProximError("invalid_link", "a link looks like https://node.example/join#<session id>.<token>");
  }
  return { nodeUrl: nodeAddress(found[1]), sessionId: found[2], token: found[3] };
}
