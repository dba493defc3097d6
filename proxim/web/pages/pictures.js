// Small drawings: those of the errors, and those on buttons.

import { svg } from "./dom.js";

/** Shapes on a field of 24 by 24, as lines. */
const SHAPES = {
  clip: ["M20 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.8 17a1.6 1.6 0 0 1-2.3-2.3l7.3-7.2"],
  camera: ["M3 8.5h4l2-3h6l2 3h4v11H3z", "M12 17a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.6"],
  about: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18", "M12 11v5.5", "M12 7.5v.2"],
  code: ["M4 4h6v6H4z", "M14 4h6v6h-6z", "M4 14h6v6H4z", "M14 14h2v2h-2z", "M18 18h2v2h-2z", "M18 14h2", "M14 20v-2"],
  offline: ["M2 9a15 15 0 0 1 20 0", "M5.5 12.8a10 10 0 0 1 13 0", "M9 16.5a5 5 0 0 1 6 0", "M12 20v.2", "M4 3l16 18"],
  declined: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18", "M8.5 8.5l7 7", "M15.5 8.5l-7 7"],
  late: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18", "M12 7v5l3.5 2"],
  ended: ["M9 7H7a5 5 0 0 0 0 10h2", "M15 7h2a5 5 0 0 1 0 10h-2", "M10.5 14.5l3-5"],
};

/** @typedef {keyof typeof SHAPES} Picture */

/** Return a drawing that says nothing to a screen reader: words stand beside it. @param {Picture} name */
export const picture = (name) =>
  svg("svg", { class: "drawing", viewBox: "0 0 24 24", "aria-hidden": "true" }, ...SHAPES[name].map((d) => svg("path", { d })));

/** The drawing of an error's code, or of the reason for an end. @type {Record<string, Picture>} */
const MEANINGS = {
  ...Object.fromEntries(["token_used", "unknown_session", "invalid_link", "nothing"].map((code) => [code, "code"])),
  ...Object.fromEntries(["link_lapsed", "approval_timeout", "expired", "already_decided", "rate_limited"].map((code) => [code, "late"])),
  ...Object.fromEntries(["connection_lost", "host_offline", "shutdown", "lost", "unavailable"].map((code) => [code, "offline"])),
  ...Object.fromEntries(["rejected", "unconfirmed", "access_denied", "not_supported", "not_allowed", "tampered"].map((code) => [code, "declined"])),
};

/** Return the drawing for an error's code, or for the reason of an end. @param {string} code */
export const pictureOf = (code) => picture(Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : "ended");
