// Moments that stay right when a person or the network sets the device's clock.

/** Return the moment that is so many seconds from now, in the time of `performance.now()`. @param {number} seconds */
export const momentIn = (seconds) => performance.now() + seconds * 1000;

/** Return such a moment in the time of `Date.now()`, as it is at present. @param {number} moment */
export const asDate = (moment) => moment - performance.now() + Date.now();
