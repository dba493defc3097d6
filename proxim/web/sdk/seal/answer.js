// The host's decision, sealed for the guest (sealing: The answer).

import { checkedName, openedName } from "./ask.js";
import { openBox, sealBox } from "./box.js";
import { readKnown } from "./device.js";
import { DoesNotOpen, padded, unpadded } from "./encoding.js";

/** @import { SessionType } from "../types.js" */
/** @import { Known, WireKnown } from "./device.js" */
/** @import { Draw } from "./encoding.js" */
/**
 * @typedef {{ name: string, type: SessionType, left: number | null }} Terms
 *   What the host says of itself and of the session; `left` is in seconds from now, null without an end.
 */
/** @typedef {Terms & { approved: boolean, known?: Known }} Answer `known` is for a device that the host knows, or knew. */

const ANSWER_BYTES = 1024;
const SESSION_TYPES = ["one_time", "persistent", "temporary"];

/**
 * Return the box of an answer.
 * @param {Uint8Array} secret
 * @param {boolean} approved
 * @param {Terms} terms
 * @param {Draw} draw
 * @param {WireKnown} [known] An approval may have the grant or the ticket of a device, a rejection may say that the
 *   device is gone.
 * @throws {RangeError} If the name is not allowed.
 */
export function sealAnswer(secret, approved, { name, type, left }, draw, known) {
  const text = padded({ v: 1, yes: approved, name: checkedName(name), type, left, ...known }, ANSWER_BYTES);
  return sealBox(secret, "answer", "h", text, draw);
}

/**
 * Return the answer in a box.
 * @param {Uint8Array} secret
 * @param {Uint8Array} box
 * @returns {Answer}
 * @throws {DoesNotOpen}
 */
export function openAnswer(secret, box) {
  const content = unpadded(openBox(secret, "answer", "h", box), ANSWER_BYTES);
  const { v, yes, name, type, left } = content;
  const isCount = left === null || (typeof left === "number" && Number.isFinite(left) && left >= 0);
  if (v !== 1 || typeof yes !== "boolean" || !SESSION_TYPES.includes(String(type)) || !isCount) throw new DoesNotOpen();
  const known = readKnown(content);
  if (known && yes === "gone" in known) throw new DoesNotOpen();
  return {
    approved: yes,
    name: openedName(name),
    type: /** @type {SessionType} */ (type),
    left: /** @type {number | null} */ (left),
    ...(known && { known }),
  };
}
