// What the other side of a session may cause in this browser.

import { ProximError } from "./errors.js";

/** How often the other side may start again, and describe its connection, within `time` milliseconds. A
 * browser makes only some hundred connections before it frees one, and a description may take it a second. */
const MOST = { starts: 20, descriptions: 60, time: 60_000 };
/** Candidates of a connection, told one by one. */
const MOST_CANDIDATES = 256;
/** Lines of a description, by what they begin with. */
const MOST_LINES = { "m=": 64, "a=candidate": 256 };

/** Counts what the other side causes. */
export class PeerLimits {
  /** @type {number[]} When it has started again. */
  #starts = [];
  /** @type {number[]} When it has described its connection. */
  #descriptions = [];
  #candidates = 0;

  /** A new connection begins. */
  restart() {
    this.#candidates = 0;
  }

  /** @throws {ProximError} `limit_reached` if the other side starts again too often. */
  countStart() {
    this.#starts = counted(this.#starts, MOST.starts, "starts again");
  }

  /** @param {RTCSessionDescriptionInit} description @throws {ProximError} `limit_reached` */
  countDescription(description) {
    for (const [beginning, most] of Object.entries(MOST_LINES)) {
      if (String(description.sdp).split(`\n${beginning}`).length - 1 <= most) continue;
      throw new ProximError("limit_reached", `a description of the other side has over ${most} lines with ${beginning}`);
    }
    this.#descriptions = counted(this.#descriptions, MOST.descriptions, "describes its connection");
  }

  /** Return whether one more candidate may be added. */
  countCandidate() {
    this.#candidates += 1;
    return this.#candidates <= MOST_CANDIDATES;
  }
}

/** @param {number[]} moments @param {number} most @param {string} what */
function counted(moments, most, what) {
  const now = performance.now();
  const recent = moments.filter((at) => now - at < MOST.time);
  if (recent.length >= most) throw new ProximError("limit_reached", `the other side ${what} too often`);
  return [...recent, now];
}
