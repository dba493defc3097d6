// Whether a session is sealed, and what was noticed about it.

import { el } from "./dom.js";
import { text } from "./text.js";
import { toast } from "./toast.js";

/** Milliseconds before the same notice is shown again: a hostile server could cause any number. */
const PAUSE = 60_000;

/** @type {Map<string, number>} When each notice was shown. */
const told = new Map();

/** Return the mark that says whether a session is sealed. @param {import("../proxim.js").Session} session */
export const sealMark = ({ sealed }) =>
  el(
    "p",
    {},
    el("span", { class: `tag ${sealed ? "good" : "warn"}`, text: sealed ? text.sealed : text.notSealed }),
    ` ${sealed ? text.sealedHint : text.notSealedHint}`,
  );

/** Show what a sealed session has noticed. @param {{ notice: import("../proxim.js").Notice }} event */
export function showNotice({ notice }) {
  const words = /** @type {Record<string, string>} */ (text.sealNotices)[notice];
  if (!words || performance.now() < (told.get(notice) ?? -Infinity) + PAUSE) return;
  told.set(notice, performance.now());
  toast(words);
}
