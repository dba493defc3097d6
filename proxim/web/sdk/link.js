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
 * Return the URL of a page that links lead to; a relative one is of this page's origin.
 * @param {string | URL} url
 * @returns {string}
 * @throws {ProximError} `invalid_link`
 */
export function pageAddress(url) {
  try {
    const { href, protocol } = new URL(url, globalThis.location?.href);
    if (/^https?:$/.test(protocol) && !href.includes("#")) return href;
  } catch {
    // The error below says so.
  }
  throw new ProximError("invalid_link", `${url} is not the URL of a page without #, such as https://app.example/pair`);
}

/**
 * Parse a link (protocol: Links and QR codes). A link that leads to a page of its own (`joinUrl`) does
 * not say which node it is from: give `nodeUrl`.
 * @param {string | URL | Location} link
 * @param {string | URL} [nodeUrl]
 * @returns {{ nodeUrl: string, sessionId: string, token: string }}
 * @throws {ProximError} `invalid_link`
 */
export function parseLink(link, nodeUrl) {
  const found = /^(https?:\/\/[^?#]+)(?:\?[^#]*)?#([\w-]{16,128})\.([\w-]{16,128})$/.exec(String(link).trim());
  const [, page, sessionId, token] = found ?? [];
  const ofNode = /^(.*)\/join\/?$/.exec(page ?? "")?.[1];
  if (!page || !(nodeUrl ?? ofNode)) {
    throw new ProximError("invalid_link", "a link looks like https://node.example/join#<session id>.<token>");
  }
  return { nodeUrl: nodeAddress(nodeUrl ?? String(ofNode)), sessionId, token };
}
