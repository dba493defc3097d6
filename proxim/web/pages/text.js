// Every English word that the pages say, in one place. The one exception is the pages' <noscript>,
// which no script can fill in; a test reads that there is no other.

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
    one_time: { name: "Once", summary: "Ends as soon as either side disconnects." },
    temporary: { name: "For a while", summary: "Ends by itself after the time you set." },
    persistent: { name: "Until closed", summary: "Both sides may leave and come back." },
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
  pausedAndLapsed: "Renewing is paused. Press “New code” for one that works.",
  lapsed: "This code has lapsed",
  cancelCode: "Cancel",
  lapsesIn: (/** @type {string} */ time) => `Code lapses in ${time}`,

  promptTitle: "A device asks to connect",
  promptName: "It says it is",
  promptNotice: (/** @type {string} */ name) => `It says it is “${name}”.`,
  promptId: "Device id",
  unverified: "Not verified. Nobody has checked this name or id.",
  promptSession: (/** @type {string} */ digits, /** @type {string} */ summary) => `For session ${digits}. ${summary}`,
  promptConfirm: "I am expecting this device",
  approve: "Approve",
  decline: "Decline",
  answerIn: (/** @type {string} */ time) => `${time} left to answer`,
  promptTabTitle: "● A device asks – Proxim",
  notifyMe: "Notify me",
  notifyHint: "Show a notification when a device asks while this page is hidden",

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
  here: (/** @type {boolean} */ online) => `this desktop ${online ? "online" : "away"}`,
  there: (/** @type {boolean} */ online) => `the device ${online ? "online" : "away"}`,
  statuses: {
    pending: "waiting",
    prompt: "asking",
    approved: "approved",
    connected: "connected",
    rejected: "declined",
    expired: "ended",
  },

  useHere: "Use it here",
  accessLabel: "Access token",
  accessGo: "Continue",
  tryAgain: "Try again",
  tryNow: "Try now",
  tryingIn: (/** @type {string} */ time) => `Trying again in ${time}`,

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
  linkingSlow: "They have not reached each other yet. Trying another time…",
  connectedTo: (/** @type {string} */ who) => `Connected to ${who}`,
  otherSide: "the other side",
  theOtherSide: "The other side",
  notReached: "Not connected",
  chat: "Chat",
  chatEmpty: "Say something. It goes straight to the other device.",
  message: "Message",
  send: "Send",
  youSaid: "You: ",
  theySaid: "They: ",
  perhapsLost: "The connection broke off here. What was sent just before may not have arrived.",
  notSent: "That was not sent: the connection is too busy. Try again in a moment.",
  cut: (/** @type {string} */ words) => `${words}… (the rest was too long to show)`,
  files: "Files",
  drop: "Drop files here, or",
  choose: "Choose files",
  nameless: "Unnamed file",
  waitingToSend: (/** @type {string} */ size) => `${size} · Waiting for its turn`,
  sending: (/** @type {string} */ done, /** @type {string} */ size, /** @type {string} */ speed) =>
    `Sending ${done} of ${size} · ${speed} a second`,
  receiving: (/** @type {string} */ done, /** @type {string} */ size, /** @type {string} */ speed) =>
    `Receiving ${done} of ${size} · ${speed} a second`,
  confirming: "Waiting for the other side to confirm…",
  sentOk: (/** @type {string} */ size) => `${size} · Arrived.`,
  gotOk: (/** @type {string} */ size) => `${size} · Complete.`,
  cancelled: "Cancelled",
  refused: "Cancelled by the other side",
  interrupted: "Interrupted: the connection was lost. Send it again.",
  cancel: "Cancel",
  save: "Save",
  remove: "Remove",
  removeOf: (/** @type {string} */ name) => `Remove ${name}`,
  inboxFull: "No more files are taken in: save and remove some of these first.",
  flooded: "The other side sent more than this page can show; the session was closed.",
  sessionOver: "The session has ended. Nothing more can be sent.",
  saveOf: (/** @type {string} */ name) => `Save ${name}`,
  cancelOf: (/** @type {string} */ name) => `Cancel ${name}`,
  progressOf: (/** @type {string} */ name) => `Progress of ${name}`,
  // What the browser knows, and no more: two addresses of their own may be in one network, or not.
  paths: { host: "Direct", prflx: "Direct", srflx: "Direct, by a public address", relay: "Relayed" },
  candidates: { host: "own address", prflx: "address found on the way", srflx: "public address", relay: "relay" },
  pathDetail: (/** @type {string} */ local, /** @type {string} */ remote, /** @type {string} */ protocol) =>
    `Here: ${local}. There: ${remote}. ${protocol.toUpperCase()}.`,
  roundTrip: (/** @type {number} */ ms) => `Round trip ${ms < 1 ? "under 1" : Math.round(ms)} ms`,
  rttChart: "Round-trip time over the last minute",
  leave: "End session",
  dismiss: "Dismiss",

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
    approval_timeout: "Make sure that somebody is there, and ask for a new code.",
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
  overNotice: (/** @type {string} */ reason) => `The session has ended. ${reason}`,
  waitThenTry: (/** @type {string} */ time) => `Wait ${time}, then try again.`,
  problem: (/** @type {string} */ title, /** @type {string} */ next) => `${title}. ${next}`,
};

/**
 * What went wrong, by the code of the SDK's error, and what to do next; `host` and `guest` where the
 * two have different things to do.
 * @typedef {{ title: string, next: string }} Problem
 * @type {Record<"both" | "host" | "guest", Record<string, Problem>>}
 */
export const problems = {
  both: {
    not_registered: {
      title: "The node does not know this page yet",
      next: "Reload the page, and try again.",
    },
    token_used: {
      title: "This code was used already",
      next: "A code works once. Ask for a new code.",
    },
    link_lapsed: {
      title: "This code has lapsed",
      next: "Codes live for a few minutes. Ask for a new code.",
    },
    not_approved: {
      title: "Nobody has said yes to this session",
      next: "Wait for the answer, or begin with a new code.",
    },
    peer_offline: {
      title: "The other side is away",
      next: "Try again when it is back.",
    },
    rate_limited: {
      title: "Too many tries",
      next: "Wait a moment, then try again.",
    },
    unavailable: {
      title: "The node cannot do this at the moment",
      next: "Wait a moment, then try again.",
    },
    internal_error: {
      title: "The node had a fault",
      next: "Try again. If it stays so, tell who runs the node.",
    },
    unreachable: {
      title: "The two devices do not reach each other",
      next: "Bring both into the same network, or have the node’s owner set up a relay; then try again.",
    },
    webrtc_failed: {
      title: "This browser could not begin the connection",
      next: "Allow WebRTC in its settings, or take another browser; then try again.",
    },
    other: {
      title: "That did not work",
      next: "Reload the page, and try again.",
    },
  },
  host: {
    bad_message: {
      title: "The node did not accept that",
      next: "Reload the page, and try again.",
    },
    access_denied: {
      title: "This node asks for an access token",
      next: "Enter the one that you have from its owner.",
    },
    unknown_session: {
      title: "The node knows nothing of this session any more",
      next: "Show a new code.",
    },
    host_offline: {
      title: "This page was away when somebody asked",
      next: "Have the code scanned once more.",
    },
    not_allowed: {
      title: "That cannot be done now",
      next: "Somebody may be asking already. See how the session stands in the list.",
    },
    already_decided: {
      title: "Too late",
      next: "The answer came after the time was up. Show a new code.",
    },
    limit_reached: {
      title: "No more sessions can be opened now",
      next: "Close those that you do not need, then try again.",
    },
    session_ended: {
      title: "The session has ended",
      next: "Show a new code to connect again.",
    },
    connection_lost: {
      title: "The node cannot be reached",
      next: "Make sure that it runs, and that this device is in its network.",
    },
    replaced: {
      title: "This page is open somewhere else",
      next: "Another tab of this browser has taken over your sessions.",
    },
    invalid_link: {
      title: "This page may not connect to the node",
      next: "Open the page at the node’s own address.",
    },
  },
  guest: {
    bad_message: {
      title: "The node did not accept that",
      next: "Choose another name for this device, and try again.",
    },
    access_denied: {
      title: "This node asks for an access token",
      next: "Ask its owner for one.",
    },
    unknown_session: {
      title: "This code is not valid any more",
      next: "It may have been renewed, the session may have ended, or the link is incomplete. Scan the code that the screen shows now.",
    },
    host_offline: {
      title: "Nobody is there",
      next: "The other device has left the node. Ask its owner to open the page, then try again.",
    },
    not_allowed: {
      title: "That cannot be done now",
      next: "Ask for a new code.",
    },
    already_decided: {
      title: "The answer was given already",
      next: "Ask for a new code.",
    },
    limit_reached: {
      title: "The node is full",
      next: "Wait a moment, then try again.",
    },
    session_ended: {
      title: "The session has ended",
      next: "Ask for a new code to connect again.",
    },
    connection_lost: {
      title: "The node cannot be reached",
      next: "Check that this device is in the right network.",
    },
    replaced: {
      title: "Continued somewhere else",
      next: "Another tab or window of this browser has taken this session over.",
    },
    invalid_link: {
      title: "This link is incomplete",
      next: "Scan the code again, or copy the whole link.",
    },
  },
};
