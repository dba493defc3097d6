// The QR code of a pending session, with a ring that counts down. It is renewed before it expires.

import { byId, everyTick, say, secondsTo, showLeft } from "./dom.js";
import { duration, sign } from "./format.js";
import { text } from "./text.js";
import { toast, toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */

/** A code is renewed this many seconds before it expires, or at a fifth of its time if that is less. */
const AHEAD = 15;

const [qr, link] = ["qr", "link"].map(byId);
/** @type {HostSession | null} The session whose code is on the page. */
export let shown = null;
let whole = 1;
let paused = false;
let renewing = false;

/** Show the code of a session, or none. @param {HostSession | null} session */
export function showCode(session) {
  shown?.removeEventListener("link", showLink);
  shown = session;
  byId("code").hidden = session === null;
  if (!session) return;
  whole = 1;
  paused = false;
  qr.removeAttribute("src");
  link.value = "";
  byId("code-sign").textContent = text.sign(sign(session.id));
  session.addEventListener("link", showLink);
  showLink();
}

function showLink() {
  if (shown?.link && shown.qr) {
    qr.src = shown.qr;
    link.value = shown.link;
    whole = Math.max(0.1, secondsTo(shown.lapsesAt));
  }
  tick();
}

function tick() {
  if (!shown) return;
  const seconds = secondsTo(shown.lapsesAt);
  const expired = seconds <= 0;
  showLeft(byId("code-left"), expired ? text.expired : text.expiresIn(duration(seconds)), seconds / whole);
  byId("code-face").classList.toggle("stale", expired);
  say(byId("code-hint"), paused ? (expired ? text.pausedAndExpired : text.paused) : text.renewing);
  say(byId("pause"), paused ? text.goOn : text.pause);
  const due = seconds < Math.min(AHEAD, whole / 5);
  if (due && !paused && !shown.prompt && !shown.over && !document.hidden) renewLink();
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
byId("cancel-code").addEventListener("click", () => shown?.close().catch(toastProblem("host")));
byId("pause").addEventListener("click", () => {
  paused = !paused;
  tick();
});
everyTick(tick);
