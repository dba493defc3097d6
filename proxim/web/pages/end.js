// Why a session ends: each side says it to the other one before it closes the session
// (docs/reference/channel.md, Signals).

/** @typedef {import("../proxim.js").Session} Session */
/** @typedef {typeof REASONS[number]} EndReason */

const REASONS = /** @type {const} */ (["left", "done", "flooded", "failed"]);
/** The node's reasons for an end that either side may have caused. */
const CAUSED = ["closed", "disconnected"];

/** @type {WeakMap<Session, EndReason | null>} What the other side said last; null once this side closes the session. */
const heard = new WeakMap();

/** Close a session, and tell the other side why. @param {Session} session @param {EndReason} reason */
export function closeFor(session, reason) {
  heard.set(session, null);
  try {
    if (session.status === "approved") session.send({ end: reason });
  } catch {
    // Too much waits for the node. The other side sees that the session was closed.
  }
  return session.close();
}

/** Remember why the other side is about to end the session. @param {Session} session @param {any} data A signal. */
export function hearEnd(session, data) {
  if (typeof data?.end !== "string" || heard.get(session) === null) return;
  heard.set(session, REASONS.find((each) => each === data.end) ?? "failed");
}

/** Return why a session ended: the other side's reason if it gave one, or the node's. @param {Session} session */
export function endReason(session) {
  const reason = String(session.over?.reason);
  return (CAUSED.includes(reason) && heard.get(session)) || reason;
}
