// Numbers in the form that people read.

/** Return seconds as `0:39`, `12:05`, `3 h 20 min`, `2 d 4 h`. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Return seconds rounded down: `20 s`, `5 min`, `3 h`, `2 d`. @param {number} seconds */
export function roughly(seconds) {
  const units = Object.entries({ d: 86_400, h: 3_600, min: 60, s: 1 });
  const [unit, size] = units.find((each) => seconds >= each[1]) ?? ["s", 1];
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`;
}

/** Return bytes as `512 B`, `3.4 MB`. @param {number} bytes */
export function size(bytes) {
  const step = Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** step;
  return `${step && value < 100 ? value.toFixed(1) : Math.round(value)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
}

/**
 * Return four digits by which two people recognize a session. They are not a secret: the token protects
 * the session.
 * @param {string} sessionId
 */
export function sign(sessionId) {
  let hash = 2166136261;
  for (const letter of sessionId) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619);
  return String((hash >>> 0) % 10_000).padStart(4, "0");
}
