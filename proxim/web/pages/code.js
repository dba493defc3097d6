// The QR code of a session that waits for a device, with the time until it is refreshed. A code that does not work
// is covered.

import { byId, everyTick, onTimeJump, say, secondsTo, showLeft } from "./dom.js";
import { duration } from "./format.js";
import { text } from "./text.js";
import { toast, toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */

/** A code is renewed this many seconds before it expires, or at a fifth of its time if that is less. */
const AHEAD = 15;
/** Whole seconds below which the time left of a code that is not refreshed is amber. */
const LATE = 10;

const [qr, link] = ["qr", "link"].map(byId);
/** @type {HostSession | null} The session whose code is on the page. */
export let shown = null;
let whole = 1;
/** The seconds that the device may have slept since the link was made. */
let asleep = 0;
let paused = false;
let renewing = false;
let isOnline = false;
let answer = () => {};

/** Show the code of a session, or none. @param {HostSession | null} session @param {() => void} answerIt Opens its prompt. */
export function showCode(session, answerIt = () => {}) {
  shown?.removeEventListener("link", showLink);
  shown = session;
  answer = answerIt;
  byId("code").hidden = session === null;
  byId("loopback").hidden = true;
  if (!session) return;
  whole = 1;
  paused = false;
  draw(null);
  session.addEventListener("link", showLink);
  showLink();
}

/** Tell whether the server is reached: without it a code does not work. @param {boolean} online */
export function setOnline(online) {
  isOnline = online;
  tick();
}

/** Draw the code of a session: the only place of the page where that is done. @param {HostSession | null} session */
function draw(session) {
  if (session?.qr) qr.src = session.qr;
  else qr.removeAttribute("src");
  link.value = session?.link ?? "";
}

function showLink() {
  if (shown?.link && shown.qr) {
    draw(shown);
    whole = Math.max(0.1, secondsTo(shown.lapsesAt));
    asleep = 0;
    byId("loopback").hidden = !isLoopback(new URL(shown.link).hostname);
  }
  tick();
}

/** Return whether an address leads every device to itself. @param {string} hostname */
const isLoopback = (hostname) => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

function tick() {
  if (!shown) return;
  const seconds = secondsTo(shown.lapsesAt) - asleep;
  const ahead = Math.min(AHEAD, whole / 5);
  // The time that people see is that until the page refreshes the code.
  const [left, all] = paused ? [seconds, whole] : [seconds - ahead, whole - ahead];
  const words = (paused ? text.expiresIn : text.refreshesIn)(duration(left));
  // The session of a server that has stopped is over, perhaps before the page has lost the server.
  const isOffline = !isOnline || shown.over !== null;
  const why = shown.prompt ? "asked" : isOffline ? "offline" : seconds <= 0 ? "expired" : null;
  cover(why);
  showLeft(byId("code-left"), why ? "" : words, why ? 0 : left / all, paused && left < LATE);
  say(byId("code-hint"), !paused ? text.renewing : why === "expired" ? text.pausedExpired : text.paused);
  // The cover has the same button.
  byId("renew").hidden = why === "expired";
  showKind(shown);
  say(byId("pause"), paused ? text.goOn : text.pause);
  if (left < 0 && isOnline && !paused && !shown.prompt && !shown.over && !document.hidden) renewLink();
}

/** Say what the code is for, unless it is for one connection. @param {HostSession} session */
function showKind({ type, expiresAt }) {
  byId("code-kind").hidden = type === null || type === "one_time";
  if (type) say(byId("code-kind"), text.codeKind(text.types[type].name, leftWords(expiresAt)));
}

/** Return the time until a connection ends, in words. @param {number | null} expiresAt */
export const leftWords = (expiresAt) => (expiresAt ? text.kindLeft(duration(secondsTo(expiresAt))) : "");

/** Cover a code that does not work, and turn its buttons off. @param {keyof typeof text.covers | null} why */
function cover(why) {
  // A new session has no code for a moment.
  const isCovered = why !== null && (why !== "expired" || link.value !== "");
  byId("cover").hidden = !isCovered;
  byId("code-face").classList.toggle("stale", isCovered);
  byId("cover-action").hidden = why === "offline";
  link.disabled = byId("copy").disabled = isCovered;
  for (const id of ["renew", "pause"]) byId(id).disabled = why === "asked" || why === "offline";
  byId("cancel-code").disabled = why === "offline";
  if (!why || !isCovered) {
    byId("cover-words").textContent = "";
    return;
  }
  say(byId("cover-words"), text.covers[why]);
  say(byId("cover-action"), why === "asked" ? text.answer : text.renewNow);
}

async function renewLink() {
  if (renewing || !shown) return;
  renewing = true;
  const session = shown;
  try {
    await session.renew();
  } catch (error) {
    if (!session.over && !session.prompt) toastProblem("host")(error);
  }
  renewing = false;
}

async function copyLink() {
  link.select();
  try {
    await navigator.clipboard.writeText(link.value);
    toast(text.copied);
  } catch {
    // A page of plain http has no `navigator.clipboard`, but the old command.
    toast(document.execCommand("copy") ? text.copied : text.copyByHand);
  }
}

link.addEventListener("focus", () => link.select());
byId("copy").addEventListener("click", copyLink);
byId("renew").addEventListener("click", renewLink);
byId("cover-action").addEventListener("click", () => (shown?.prompt ? answer() : renewLink()));
byId("pause").addEventListener("click", () => {
  paused = !paused;
  tick();
});
everyTick(tick);
onTimeJump((skipped) => {
  asleep += Math.max(0, skipped);
  if (!paused && isOnline) renewLink();
});
