// What can go wrong, as one class of errors.

/** @import { Message, Status } from "./types.js" */

/**
 * Everything that can go wrong. `code` is the one on the wire (protocol: Errors), or one of
 *
 * - `session_ended`: the session is over; `status` and `reason` are those of `session_ended`, or
 *   the reason is `lost`: the node knows nothing of it any more;
 * - `connection_lost`: the node cannot be reached, or closed the connection with `closeCode`;
 * - `invalid_link`: what was given as a link or as a node's address is none, or is one to which the
 *   browser lets no page like this connect;
 * - `unreachable`: the two sides do not reach each other, after several tries;
 * - `webrtc_failed`: the browser's WebRTC refused something; `cause` is what it said.
 */
export class ProximError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ sessionId?: string, retryAfter?: number, status?: Status, reason?: string,
   *   closeCode?: number, cause?: unknown }} [more]
   */
  constructor(code, message, more = {}) {
    super(message, "cause" in more ? { cause: more.cause } : undefined);
    this.name = "ProximError";
    /** The code, for programs. */
    this.code = code;
    /** The session that it was about, if it was about one. */
    this.sessionId = more.sessionId;
    /** Seconds after which it can be tried again, for `rate_limited` and `unavailable`. */
    this.retryAfter = more.retryAfter;
    /** How a session ended, for `session_ended`. */
    this.status = more.status;
    /** Why a session ended, for `session_ended`. */
    this.reason = more.reason;
    /** The WebSocket's close code, for `connection_lost`. */
    this.closeCode = more.closeCode;
  }
}

/** @param {Status} status @param {string} reason @param {string} [sessionId] */
export const sessionEnded = (status, reason, sessionId) =>
  new ProximError("session_ended", `the session has ended: ${reason}`, {
    status,
    reason,
    sessionId,
  });

/** @param {string} message @param {number} [closeCode] */
export const connectionLost = (message, closeCode) =>
  new ProximError("connection_lost", message, { closeCode });

/** @param {Message} message An `error` of the node. */
export const wireError = (message) =>
  new ProximError(message.code, message.message, {
    sessionId: message.session_id,
    retryAfter: message.retry_after,
  });

/** @param {unknown} error What WebRTC threw. */
export const webrtcFailed = (error) =>
  error instanceof ProximError
    ? error
    : new ProximError("webrtc_failed", String(/** @type {any} */ (error)?.message ?? error), {
        cause: error,
      });
