// The errors of the SDK.

import { secondsFrom } from "./clock.js";

/** @import { Message, Status } from "./types.js" */

/**
 * Every error of the SDK. `code` is a code of the wire (protocol: Errors), or one of
 *
 * - `session_ended`: the session is over, with the `status` and `reason` of `session_ended`. The reason
 *   is `lost` if the node does not know the session any more, and `unconfirmed` if the node says that the host of
 *   a sealed session declined, and the host's own word is missing. A host that does not know this device any more says
 *   `forgotten`, `copied` (two devices have used the same grant: perhaps its storage was copied) or `expired`;
 * - `connection_lost`: the node cannot be reached, refuses pages of this origin (`--allow-origin`), or
 *   closed the connection with `closeCode`;
 * - `invalid_link`: a link or a node's address is not valid, or the browser does not let this page
 *   connect to it;
 * - `not_supported`: the node is too old for what this page relies on;
 * - `seal_unavailable`: the node does not carry sealed sessions. Nothing was sent to it;
 * - `tampered`: somebody between the two sides of a sealed session has removed, changed or forged its request or
 *   its approval. The session is over;
 * - `code_required`: the session is sealed or was opened with `confirm: "code"`, and `approve` was called without
 *   the number that the guest shows;
 * - `wrong_code`: the guest shows another number, and was declined; the session has ended;
 * - `unreachable`: the two sides can't connect to each other, after several attempts, or the other side
 *   has no WebRTC;
 * - `webrtc_failed`: the browser's WebRTC reported an error, which is the `cause`.
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
    /** The id of the session concerned, if any. */
    this.sessionId = more.sessionId;
    /** Seconds after which to try again, for `rate_limited` and `unavailable`. */
    this.retryAfter = more.retryAfter;
    /** How a session ended, for `session_ended`. */
    this.status = more.status;
    /** Why a session ended, for `session_ended`; `no_webrtc` if an `unreachable` side has none. */
    this.reason = more.reason;
    /** The WebSocket's close code, for `connection_lost`. */
    this.closeCode = more.closeCode;
  }
}

/** @param {Status} status @param {string} reason @param {string} [sessionId] */
export const sessionEnded = (status, reason, sessionId) =>
  new ProximError("session_ended", `the session has ended: ${reason}`, { status, reason, sessionId });

/** @param {string} message @param {number} [closeCode] */
export const connectionLost = (message, closeCode) =>
  new ProximError("connection_lost", message, { closeCode });

/** @param {string} what @param {string} sessionId */
export const tampered = (what, sessionId) =>
  new ProximError("tampered", `somebody between the two sides has tampered with ${what}`, { sessionId });

/** @param {Message} message An `error` message of the node. */
export const wireError = ({ code, message, session_id: sessionId, retry_after }) =>
  new ProximError(code, message, { sessionId, retryAfter: retry_after === undefined ? undefined : secondsFrom(retry_after) });

/** @param {any} error An error of WebRTC. */
export const webrtcFailed = (error) =>
  error instanceof ProximError ? error : new ProximError("webrtc_failed", String(error?.message ?? error), { cause: error });
