// The denials of a person in the last minutes: a person who is asked too often says yes at last.

/** After `most` denials within `time` milliseconds the next prompt is silent. */
const DENIALS = { most: 2, time: 10 * 60_000 };

/** @type {{ at: number, by: string | undefined }[]} Those of all hosts of the page: a new host forgets none. */
let denials = [];

/** Count a denial. @param {string} [by] The id of the known device; unknown ones count together. */
export const addDenial = (by) => denials.push({ at: performance.now(), by });

/** Return whether a person has denied a device so often that it should ask silently. @param {string} [by] */
export function areManyDenials(by) {
  denials = denials.filter(({ at }) => performance.now() - at < DENIALS.time);
  return denials.filter((each) => each.by === by).length >= DENIALS.most;
}
