// Every English sentence of the pages, in one place.

export const text = {
  brand: "Proxim",
  tagline: "Bring two devices together. Nothing happens until you say yes.",
  reached: "Node reached",
  unreached: "Node away – trying again",
  connecting: "Connecting to the node…",

  // The host page
  hostTitle: "Proxim – connect a device",
  newSession: "Connect a device",
  chooseType: "How long may it stay?",
  types: {
    one_time: { name: "Once", line: "Ends as soon as either side disconnects." },
    temporary: { name: "For a while", line: "Ends by itself after the time you set." },
    persistent: { name: "Until closed", line: "Both sides may leave and come back." },
  },
  duration: "Duration",
  durationUnit: "Unit",
  units: { 60: "minutes", 3600: "hours", 86400: "days" },
  showCode: "Show the code",
  opening: "Opening…",
  scan: "Scan with the other device’s camera",
  sign: (/** @type {string} */ digits) => `Session ${digits}`,
  signHint: "The other device shows the same number before it asks.",
  qrAlt: "QR code with the link of this session",
  linkLabel: "Or open this link there",
  copy: "Copy link",
  copied: "Copied",
  copyByHand: "Select and copy",
  pause: "Pause renewing",
  goOn: "Renew again",
  renewNow: "New code",
  renewing: "The code works once. It renews itself while this page is in view.",
  paused: "Renewing is paused. This code works once, until its time is up.",
  lapsed: "This code has lapsed",
  cancelCode: "Cancel",
  lapsesIn: (/** @type {string} */ time) => `Code lapses in ${time}`,

  promptTitle: "A device asks to connect",
  promptName: "It says it is",
  promptId: "Device id",
  unverified: "Not verified. Nobody has checked this name or id.",
  promptSession: "For",
  promptConfirm: "I am expecting this device",
  approve: "Approve",
  decline: "Decline",
  answerIn: (/** @type {string} */ time) => `${time} left to answer`,
  promptTabTitle: "● A device asks – Proxim",
  notifyMe: "Notify me",
  notifyHint: "Show a notification when a device asks while this page is hidden",
  tooLate: "Too late: the answer came after the time was up.",

  sessions: "Sessions of this desktop",
  noSessions: "None yet. Sessions you open are listed here.",
  closeAll: "Close all",
  close: "Close",
  closeOf: (/** @type {string} */ who) => `Close the session with ${who}`,
  open: "Open",
  showAgain: "Show code",
  nobody: "nobody yet",
  ended: "Ended",
  clearEnded: "Clear",
  age: (/** @type {string} */ time) => `opened ${time} ago`,
  left: (/** @type {string} */ time) => `${time} left`,
  here: "this desktop",
  there: "the device",
  online: "online",
  offline: "away",
  statuses: {
    pending: "waiting",
    prompt: "asking",
    approved: "approved",
    connected: "connected",
    rejected: "declined",
    expired: "ended",
  },

  replacedTitle: "This page is open somewhere else",
  replaced: "Another tab of this browser has taken over your sessions.",
  useHere: "Use it here",
  accessTitle: "This node asks for an access token",
  accessLabel: "Access token",
  accessGo: "Continue",
  lostTitle: "The node cannot be reached",
  tryAgain: "Try again",

  // The guest page
  joinTitle: "Proxim – ask to connect",
  askTitle: "Ask to connect",
  askWhom: (/** @type {string} */ sign, /** @type {string} */ node) =>
    `You are about to ask the person whose screen shows session ${sign}, at ${node}.`,
  askNothingYet: "Nothing has been sent yet. They will see this name, and decide.",
  name: "Name of this device",
  ask: "Ask to connect",
  asking: "Asking…",
  waitingTitle: "Waiting for a yes",
  waiting: "The other side sees your request now.",
  waitingName: (/** @type {string} */ name) => `You asked as “${name}”.`,
  approvedTitle: "Approved",
  rejoinTitle: "Your sessions",
  rejoin: "Connect again",
  rejoinHint: "These sessions let you come back without a new code.",
  seatOf: (/** @type {string} */ sign) => `Session ${sign}`,
  nothingTitle: "Scan a code first",
  nothing: "Open the page of a Proxim node on the other device, press “Show the code”, and scan it.",

  // Connected
  linking: "Connecting directly to the other device…",
  linkingAgain: "The connection was lost. Connecting again…",
  peerAway: "The other side is away. It is connected again when it comes back.",
  noPath: "The devices do not reach each other. They may need the same network, or a relay.",
  connectedTo: (/** @type {string} */ who) => `Connected to ${who}`,
  otherSide: "the other side",
  theOtherSide: "The other side",
  notReached: "Not connected",
  chat: "Chat",
  chatEmpty: "Say something. It goes straight to the other device.",
  message: "Message",
  send: "Send",
  you: "You",
  them: "They",
  files: "Files",
  drop: "Drop files here, or",
  choose: "Choose files",
  sending: "Sending",
  receiving: "Receiving",
  checking: "Waiting for the check at the other end…",
  sentOk: "Arrived. The SHA-256 checksum matches.",
  gotOk: "Complete. The SHA-256 checksum matches.",
  checksumBad: "The checksum does not match. Send it again.",
  cancelled: "Cancelled",
  interrupted: "Interrupted: the connection was lost. Send it again.",
  cancel: "Cancel",
  save: "Save",
  saveOf: (/** @type {string} */ name) => `Save ${name}`,
  cancelOf: (/** @type {string} */ name) => `Cancel ${name}`,
  progressOf: (/** @type {string} */ name) => `Progress of ${name}`,
  paths: {
    host: "Direct, same network",
    srflx: "Direct, over the internet",
    relay: "Relayed",
  },
  roundTrip: (/** @type {number} */ ms) => `Round trip ${ms < 1 ? "under 1" : Math.round(ms)} ms`,
  rttChart: "Round-trip time over the last minute",
  leave: "End session",

  // Why things end or fail, and what to do next
  reasons: {
    closed: "It was closed.",
    disconnected: "A side disconnected, and this was a one-time session.",
    expired: "Its time was up.",
    rejected: "The request was declined.",
    approval_timeout: "Nobody answered in time.",
    inactive: "Nobody used it.",
    shutdown: "The node was stopped or restarted.",
    internal_error: "The node had a fault.",
    lost: "The node knows nothing of it any more, perhaps after a restart.",
  },
  guestNext: {
    closed: "Ask for a new code to connect again.",
    disconnected: "Ask for a new code to connect again.",
    expired: "Ask for a new code to connect again.",
    rejected: "The person at the other side said no. If that was a mistake, ask them for a new code.",
    approval_timeout: "Nobody answered. Make sure that somebody is there, and ask for a new code.",
    inactive: "Ask for a new code.",
    shutdown: "Wait a moment, then ask for a new code.",
    internal_error: "Ask for a new code.",
    lost: "Ask for a new code.",
  },
  overTitles: {
    rejected: "Declined",
    approval_timeout: "No answer",
    other: "The session has ended",
  },
  errors: {
    unknown_session: {
      title: "This code is not valid",
      next: "The session has ended or the link is incomplete. Ask for a new code.",
    },
    token_used: {
      title: "This code was used already",
      next: "A code works once. Ask for a new code.",
    },
    link_lapsed: {
      title: "This code has lapsed",
      next: "Codes live for a few minutes. Ask for a new code.",
    },
    host_offline: {
      title: "Nobody is there",
      next: "The other device has left the node. Ask its owner to open the page, then try again.",
    },
    rate_limited: {
      title: "Too many tries",
      next: "Wait a moment, then try again.",
    },
    limit_reached: {
      title: "The node is full",
      next: "Wait a moment, then try again.",
    },
    bad_message: {
      title: "The node did not accept that",
      next: "Choose another name for this device, and try again.",
    },
    connection_lost: {
      title: "The node cannot be reached",
      next: "Check that this device is in the right network, then try again.",
    },
    replaced: {
      title: "Continued somewhere else",
      next: "Another tab or window of this browser has taken this session over.",
    },
    invalid_link: {
      title: "This link is incomplete",
      next: "Scan the code again, or copy the whole link.",
    },
    other: {
      title: "That did not work",
      next: "Ask for a new code, and try again.",
    },
  },
};

/** Seconds as `0:39`, `12:05`, `3 h 20 min`, `2 d 4 h`. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${String(whole % 60).padStart(2, "0")}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago, roughly: `20 s`, `5 min`, `3 h`, `2 d`. @param {number} seconds */
export function roughly(seconds) {
  const steps = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ];
  for (const [size, unit] of steps) {
    if (seconds >= Number(size)) return `${Math.floor(seconds / Number(size))} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

/** Bytes as `512 B`, `3.4 MB`. @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/**
 * Four digits by which two people see that they speak of one session. They identify, they do not
 * protect: the token does.
 * @param {string} sessionId
 */
export function sign(sessionId) {
  let hash = 2166136261;
  for (const letter of sessionId) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619);
  return String((hash >>> 0) % 10_000).padStart(4, "0");
}
