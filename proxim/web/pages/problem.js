// What an error means in plain words, and what to do next.

import { roughly } from "./format.js";
import { problems, text } from "./text.js";

/** @typedef {"host" | "guest"} Role Who reads it. */

/** A close code of the protocol: another connection took over. */
const REPLACED = 4000;

/** The SDK's code, but told apart from a lost node: to have been replaced. @param {any} error */
export function codeOf(error) {
  return error?.closeCode === REPLACED ? "replaced" : String(error?.code);
}

/**
 * @param {Role} role @param {any} error
 * @returns {import("./text.js").Problem}
 */
export function problem(role, error) {
  const code = codeOf(error);
  const words = find(role, code) ?? problems.both.other;
  if (!["rate_limited", "unavailable"].includes(code) || !error.retryAfter) return words;
  const unit = error.retryAfter > 60 ? 60 : 1;
  return { ...words, next: text.waitThenTry(roughly(Math.ceil(error.retryAfter / unit) * unit)) };
}

/** The same in one line. @param {Role} role @param {any} error */
export function problemText(role, error) {
  if (error?.code === "session_ended") return text.overNotice(reasonWords(error.reason));
  const { title, next } = problem(role, error);
  return text.problem(title, next);
}

/** Why a session ended. @param {string | undefined} reason */
export const reasonWords = (reason) =>
  Object.hasOwn(text.reasons, String(reason))
    ? text.reasons[/** @type {"closed"} */ (reason)]
    : text.reasons.internal_error;

/** @param {Role} role @param {string} code */
function find(role, code) {
  for (const words of [problems[role], problems.both]) if (Object.hasOwn(words, code)) return words[code];
  return null;
}
