// Why a session ends: each side says it to the other one before it closes the session
// (docs/reference/channel.md, Signals).

/** @typedef {import("../proxim.js").Session} Session */
/** @typedef {typeof REASONS[number]} EndReason */

const REASONS = /** @type {const} */ (["left", "done", "flooded", "failed"]);
/** The node's reasons for an end that either side may have caused. */
const CAUSED = ["closed", "disconnected"];

/** @type {WeakMap<Session, "here" | "floodedHere">} Why this side closes a session. */
const closing = new WeakMap();
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
  return (CAUSED.includes(reason) && (closing.get(session) ?? heard.get(session))) || reason;
}
