// The URLs of nodes, and the links that guests open.

import { ProximError } from "./errors.js";

/** @import { LinkSeal } from "./types.js" */

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
 * Return where the links of sealed sessions lead if the host does not say so. A node that serves this page, or runs
 * on this computer, knows best. With another node they lead to it, and not where it wants.
 * @param {string} nodeUrl @param {string} [joinUrl] What the node says.
 */
export function linkPage(nodeUrl, joinUrl) {
  const { origin, hostname } = new URL(nodeUrl);
  const isOwn = origin === globalThis.location?.origin || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return (isOwn && joinUrl) || `${nodeUrl}/join`;
}

/** The page of a link, its query, and the parts of the fragment. */
const LINK = /^(https?:\/\/[^?#]+)(?:\?[^#]*)?#([\w-]{16,128})\.([\w-]+)(?:\.([\w-]+))?$/;
/** 32 bytes in base64url, without unused bits (sealing: Notation). */
const KEY = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Return by what a browser knows a sealed link again: the beginning of the host's key. It has 132 bits, so that nobody
 * finds another key with it, and is no part of the link.
 * @param {LinkSeal} seal
 */
export const nameOfLink = ({ hostKey }) => hostKey.slice(0, 22);

/** Return whether a link has three parts: it is then sealed, or not valid. @param {string} [link] */
export const isSealed = (link = "") => link.replace(/^[^#]*#/, "").split(".").length === 3;

/**
 * Parse a link (protocol: Links and QR codes). A link that leads to a page of its own (`joinUrl`) does
 * not say which node it is from: give `nodeUrl`. The link of a sealed session has `seal` instead of
 * a token.
 * @param {string | URL | Location} link
 * @param {string | URL} [nodeUrl]
 * @returns {{ nodeUrl: string, sessionId: string, token: string, seal?: LinkSeal }}
 * @throws {ProximError} `invalid_link`
 */
export function parseLink(link, nodeUrl) {
  const [, page, sessionId, second, third] = LINK.exec(String(link).trim()) ?? [];
  const ofNode = /^(.*)\/join\/?$/.exec(page ?? "")?.[1];
  const hasKey = third !== undefined;
  const isRight = hasKey ? KEY.test(second) && KEY.test(third) : /^.{16,128}$/.test(second ?? "");
  if (!isRight || !(nodeUrl ?? ofNode)) {
    throw new ProximError("invalid_link", "a link looks like https://node.example/join#<session id>.<token>");
  }
  const parts = { nodeUrl: nodeAddress(nodeUrl ?? String(ofNode)), sessionId };
  return hasKey ? { ...parts, token: "", seal: { seed: second, hostKey: third } } : { ...parts, token: second };
}
