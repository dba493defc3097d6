// How the two sides of a sealed session come back to a node that has forgotten it (sealing: Coming back).

import { sealedDevice } from "./device.js";
import { connectionLost, sessionEnded } from "./errors.js";

/** @import { Connection } from "./connection.js" */
/** @import { ProximError } from "./errors.js" */
/** @import { GuestSecret } from "./guest-secret.js" */
/** @import { HostSecret } from "./host-secrets.js" */

/** Milliseconds between two requests of a guest; each pause is shortened at random, by half at most. */
const PAUSE = { first: 2_000, longest: 60_000 };
/** Milliseconds that the guest of a persistent session tries to come back. */
const RETURN_TIME = 15 * 60_000;
/** Seconds that the link of an approved session works, since its guest may be away: the node may allow less. */
const LINK_TIME = 90 * 86_400;

/** What a node refuses for a time only. A guest may also ask before the host has opened the session again. */
const PASSING = ["rate_limited", "unavailable", "limit_reached"];
const NOT_YET = [...PASSING, "unknown_session", "host_offline", "link_lapsed"];

/** @param {unknown} error */
const codeOf = (error) => /** @type {{ code?: string }} */ (error).code ?? "";
/** Return whether a host may try again after an error. @param {unknown} error */
export const isPassing = (error) => PASSING.includes(codeOf(error));
/** Return whether a guest may try again after an error. @param {unknown} error */
const isNotYet = (error) => NOT_YET.includes(codeOf(error));

/**
 * Return the milliseconds before another try.
 * @param {number} tries How many there were. @param {number} [retryAfter] Seconds that the node asks for.
 */
export function pauseAfter(tries, retryAfter = 0) {
  const pause = Math.min(PAUSE.first * 2 ** Math.min(tries, 10), PAUSE.longest);
  return Math.max(pause * (0.5 + 0.5 * Math.random()), retryAfter * 1000);
}

/**
 * How a guest comes back: until when (`Date.now()`), how often it has asked, and the number of its connection.
 * @typedef {{ by: number | null, tries: number, round: number }} Return
 */

/**
 * Ask for the seat in a session that the node has forgotten, until the host has opened it again.
 * @param {Connection} connection @param {GuestSecret} secret @param {string} id The session's.
 * @param {Return} state @param {() => boolean} isOver
 * @throws {ProximError} `session_ended` if the session does not come back.
 */
export async function comeBack(connection, secret, id, state, isOver) {
  state.by ??= secret.kept?.until ?? Date.now() + RETURN_TIME;
  const round = ++state.round;
  for (;;) {
    let retryAfter = 0;
    try {
      const fields = { device_info: sealedDevice(), ...secret.returnRequest() };
      return await connection.requestNow("pair_pending", { type: "pair_request", session_id: id, ...fields });
    } catch (error) {
      if (codeOf(error) === "connection_lost") throw error;
      if (!isNotYet(error)) throw sessionEnded("expired", "lost", id);
      retryAfter = /** @type {ProximError} */ (error).retryAfter ?? 0;
    }
    const left = state.by - Date.now();
    if (left <= 0) throw sessionEnded("expired", "lost", id);
    const pause = Math.min(pauseAfter(state.tries++, retryAfter), left);
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (isOver() || round !== state.round) throw connectionLost("this guest has connected again");
  }
}

/**
 * Return whether a session that the node at `boot` does not know was forgotten there, and not closed, and can be
 * opened again: an approved one that this tab has held, unless it was for once, or one whose link no device has used
 * and that still works.
 * @param {HostSecret} secret @param {string | undefined} boot
 */
export function canReopen({ back, hasHeld, sealedHost, isApproved, type, until }, boot) {
  if (!back.nonce || boot === undefined || back.boot === boot) return false;
  if (until !== null && Date.now() >= until) return false;
  if (isApproved) return hasHeld && type !== "one_time";
  return Boolean(sealedHost?.reopenHash) && Date.now() < (back.lapses ?? 0);
}

/**
 * Return the request that opens a session again.
 * @param {HostSecret} secret @param {string[]} features What the node can do.
 */
export function reopenRequest({ back, sealedHost, isApproved, type, until }, features) {
  const secondsTo = (/** @type {number} */ time) => Math.max(1, Math.ceil((time - Date.now()) / 1000));
  // A visit ends with the grant of its device, but its session is a persistent one.
  const ttl = until === null || back.end ? undefined : secondsTo(until);
  const longest = ttl ?? (back.end ? secondsTo(back.end) : LINK_TIME);
  const link_ttl = isApproved && features.includes("link_ttl") ? longest : undefined;
  const fields = { session_type: type, ttl, link_ttl, token_hash: sealedHost?.reopenHash, seal: 1, nonce: back.nonce };
  return { type: "create_session", ...fields };
}
