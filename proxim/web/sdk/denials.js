// The denials of a person in the last minutes: a person who is asked too often says yes at last.

/** After `most` denials within `time` milliseconds the next prompt is silent. */
const DENIALS = { most: 2, time: 10 * 60_000 };

/** Stands for all devices that the host does not know: each request may come from another one. */
export const UNKNOWN = "";

/** @type {{ at: number, marks: string[] }[]} Those of all hosts of the page: a new host forgets none. */
let denials = [];

/**
 * Count the denial of a request by its marks: its session, which has one link, the key of its device, if it names one,
 * and `UNKNOWN`, if the host does not know the device. A new link and a new key cost nothing, so that only the last mark
 * stops a stranger.
 * @param {string[]} marks
 */
export const addDenial = (marks) => denials.push({ at: performance.now(), marks });

/** Return whether a person has denied one of the marks so often that to ask is silent. @param {string[]} marks */
export function areManyDenials(marks) {
  denials = denials.filter(({ at }) => performance.now() - at < DENIALS.time);
  return marks.some((mark) => denials.filter((each) => each.marks.includes(mark)).length >= DENIALS.most);
}
