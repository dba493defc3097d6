// Numbers in the form that people read.

import { text } from "./text.js";

/** Return the day of a time of `Date.now()`. @param {number} time */
export const day = (time) => new Date(time).toLocaleDateString([], { dateStyle: "medium" });

/** Return seconds as `0:39`, `12:05`, `3 h 20 min`, `2 d 4 h`. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return text.minutesShort(hours, minutes % 60);
  return text.hoursShort(Math.floor(hours / 24), hours % 24);
}

/** Return seconds rounded down: `20 s`, `5 min`, `3 h`, `2 d`. @param {number} seconds */
export function roughly(seconds) {
  const units = Object.entries({ d: 86_400, h: 3_600, min: 60, s: 1 });
  const [unit, size] = units.find((each) => seconds >= each[1]) ?? ["s", 1];
  return `${Math.max(0, Math.floor(seconds / size))} ${text.unitsShort[/** @type {"s"} */ (unit)]}`;
}

/** Return bytes as `512 B`, `3.4 MB`. @param {number} bytes */
export function size(bytes) {
  const step = Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** step;
  return `${step && value < 100 ? value.toFixed(1) : Math.round(value)} ${text.bytes[/** @type {0} */ (step)]}`;
}
