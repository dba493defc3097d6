// Links in messages.

import { el } from "./dom.js";

/** What looks like a link. It has only visible ASCII characters, so that it leads where it says. */
const LINK = /https?:\/\/[!-~]+/g;
/** Characters at the end that belong to the sentence around the link. */
const TAIL = ".,;:!?'\")]}>";

/** Return a text with its links. @param {string} words @returns {(Node | string)[]} */
export function withLinks(words) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of words.matchAll(LINK)) {
    const link = withoutTail(found);
    const href = addressOf(link);
    if (!href) continue;
    // The page that opens gets no access to this one, and does not learn its address.
    const element = el("a", { href, target: "_blank", rel: "noopener noreferrer", text: link });
    parts.push(words.slice(end, index), element);
    end = index + link.length;
  }
  return [...parts, words.slice(end)];
}

/** Return what looks like a link without its tail, in a time that grows with its length alone. @param {string} found */
function withoutTail(found) {
  let end = found.length;
  while (TAIL.includes(found[end - 1])) end -= 1;
  return found.slice(0, end);
}

/** Return the address of a link, if it leads where it seems to: `https://bank.example@evil.example` does not. @param {string} link */
export function addressOf(link) {
  try {
    const { href, username, password, host } = new URL(link);
    return !username && !password && host && link.toLowerCase().includes(host) ? href : null;
  } catch {
    return null;
  }
}
