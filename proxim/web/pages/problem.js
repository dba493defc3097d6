// What errors mean for people, and what to do next.

import { roughly } from "./format.js";
import { problems, text } from "./text.js";

/** @typedef {"host" | "guest"} Role The side of the person who reads it. */

/** The close code of the protocol that says that another connection took over. */
const REPLACED = 4000;

/** Return an error's code, and `replaced` for a connection that another one took over. @param {any} error */
export function codeOf(error) {
  return error?.closeCode === REPLACED ? "replaced" : String(error?.code);
}

/** Return what went wrong, and what to do next. @param {Role} role @param {any} error */
export function problem(role, error) {
  // Trying again, in another network or by a relay, does not help against this.
  const code = error?.reason === "no_webrtc" ? "no_webrtc" : codeOf(error);
  const table = [problems[role], problems.both].find((each) => Object.hasOwn(each, code));
  const [title, next] = table ? table[code] : problems.both.other;
  if (!["rate_limited", "unavailable"].includes(code) || !error.retryAfter) return { title, next };
  const unit = error.retryAfter > 60 ? 60 : 1;
  return { title, next: text.waitThenTry(roughly(Math.ceil(error.retryAfter / unit) * unit)) };
}

/** Codes after which a guest tries the same again. */
const AGAIN = [
  "host_offline", "peer_offline", "rate_limited", "unavailable", "limit_reached", "connection_lost", "bad_message",
  "internal_error", "access_denied", "not_supported", "seal_unavailable", "unreachable", "no_webrtc", "webrtc_failed",
];

/** Return what a guest does next: what `problem` tells it. @param {any} error @returns {"here" | "again" | "reload" | "scan"} */
export function nextStep(error) {
  const code = codeOf(error);
  if (code === "replaced") return "here";
  if (AGAIN.includes(code)) return "again";
  const isKnown = Object.hasOwn(problems.guest, code) || Object.hasOwn(problems.both, code);
  return isKnown && !["not_registered", "other"].includes(code) ? "scan" : "reload";
}

/** Return what went wrong, and what to do next, as one text. @param {Role} role @param {any} error */
export function problemText(role, error) {
  if (error?.code === "session_ended") return text.overNotice(reasonWords(error.reason));
  const { title, next } = problem(role, error);
  return text.problem(title, next);
}

/** Return why a session ended. @param {string | undefined} reason */
export const reasonWords = (reason) =>
  Object.hasOwn(text.reasons, String(reason))
    ? text.reasons[/** @type {"closed"} */ (reason)]
    : text.reasons.internal_error;
