// Moments that stay right when a person or the network sets the device's clock.

/** Return the moment that is so many seconds from now, in the time of `performance.now()`. @param {number} seconds */
export const momentIn = (seconds) => performance.now() + seconds * 1000;

/** Return such a moment in the time of `Date.now()`, as it is at present. @param {number} moment */
export const asDate = (moment) => moment - performance.now() + Date.now();

/** Milliseconds; a longer timer of a browser ends at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Return a node's number of seconds, with a timer that a browser can keep for it; 0 for anything else. A node could
 * otherwise have a page ask it again and again, without a pause.
 * @param {unknown} said
 */
export const secondsFrom = (said) => (typeof said === "number" ? Math.min(Math.max(said, 0), LONGEST_TIMER / 1000) : 0);
