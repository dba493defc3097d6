// Why a session ends: each side says it to the other one before it closes the session
// (docs/reference/channel.md, Signals).

import { Guest } from "../proxim.js";

/** @typedef {import("../proxim.js").Session} Session */
/** @typedef {typeof REASONS[number]} EndReason */

const REASONS = /** @type {const} */ (["left", "done", "flooded", "failed"]);
/** The node's reasons for an end that either side may have caused. */
const CAUSED = ["closed", "disconnected"];

/** @type {WeakMap<Session, "here" | "floodedHere" | "forgottenHere">} Why this side closes a session. */
const closing = new WeakMap();
/** @type {WeakSet<Session>} */
const begun = new WeakSet();
/** @type {WeakMap<Session, EndReason>} What the other side said last. */
const heard = new WeakMap();

/** Close a session, and tell the other side why. @param {Session} session @param {EndReason} reason */
export function closeFor(session, reason) {
  closing.set(session, reason === "flooded" ? "floodedHere" : "here");
  try {
    if (session.status === "approved") session.send({ end: reason });
  } catch {
    // Too much waits for the node. The other side sees that the session was closed.
  }
  return session.close();
}

/** Remember that this side has ended the visit of a device because it forgets the device. @param {Session} session */
export const noteForgotten = (session) => closing.set(session, "forgottenHere");

/** Remember that a session was approved: before that, a device that goes has withdrawn its request. @param {Session} session */
export const noteBegun = (session) => begun.add(session);

/** Remember why the other side is about to end the session. @param {Session} session @param {any} data A signal. */
export function hearEnd(session, data) {
  if (typeof data?.end === "string") heard.set(session, REASONS.find((each) => each === data.end) ?? "failed");
}

/** Return whether one of the two sides is about to end a session. @param {Session} session */
export const isEnding = (session) => closing.has(session) || heard.has(session);

/** Return which side ended a session, if that is known. @param {Session} session */
export function endOf(session) {
  if (!CAUSED.includes(String(session.over?.reason))) return "ended";
  return closing.has(session) ? "endedHere" : heard.has(session) ? "endedThere" : "ended";
}

/** Return why a session ended: by this side, for the other side's reason if it gave one, or for the node's. @param {Session} session */
export function endReason(session) {
  const reason = String(session.over?.reason);
  if (!CAUSED.includes(reason)) return reason;
  const isWithdrawn = reason === "disconnected" && !(session instanceof Guest) && !begun.has(session);
  return closing.get(session) ?? heard.get(session) ?? (isWithdrawn ? "withdrawn" : reason);
}
