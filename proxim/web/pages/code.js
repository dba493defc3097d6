// The QR code of a pending session, with a ring that counts down. It is renewed before it expires.

import { actionButton, el, everyTick, ring, say, secondsTo } from "./dom.js";
import { duration, sign } from "./format.js";
import { text } from "./text.js";
import { toast, toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */

/** A code is renewed this many seconds before it expires, or at a fifth of its time if that is less. */
const AHEAD = 15;

/**
 * Return the panel of a session's code. Call `stop` when the panel leaves the page.
 * @param {HostSession} session
 */
export function codePanel(session) {
  let paused = false;
  let whole = 1;
  let renewing = false;
  const countdown = ring("ring");
  const image = el("img", { alt: text.qrAlt, width: 300, height: 300 });
  const stale = el("span", { class: "stale-words", text: text.expired });
  const face = el("div", { class: "code-face" }, countdown.element, image, stale);
  const left = el("p", { role: "timer", class: "muted" });
  const hint = el("p", { class: "muted small" });
  const link = el("input", { id: "link", readonly: true, onfocus: () => link.select() });
  const copy = actionButton(text.copy, copyLink, "second");
  const pause = actionButton(text.pause, togglePause, "second");
  const renew = actionButton(text.renewNow, renewLink, "second");
  const cancel = actionButton(text.cancelCode, () => session.close().catch(toastProblem("host")), "quiet bad");

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

  function togglePause() {
    paused = !paused;
    tick();
  }

  async function renewLink() {
    if (renewing) return;
    renewing = true;
    try {
      await session.renew();
    } catch (error) {
      if (!session.over && !session.prompt) toastProblem("host")(error);
    }
    renewing = false;
  }

  function showLink() {
    if (!session.link || !session.qr) return;
    image.src = session.qr;
    link.value = session.link;
    whole = Math.max(0.1, secondsTo(session.lapsesAt));
    tick();
  }

  function tick() {
    const seconds = secondsTo(session.lapsesAt);
    const expired = seconds <= 0;
    countdown.show(seconds / whole);
    face.classList.toggle("stale", expired);
    say(left, expired ? text.expired : text.expiresIn(duration(seconds)));
    say(hint, paused ? (expired ? text.pausedAndExpired : text.paused) : text.renewing);
    say(pause, paused ? text.goOn : text.pause);
    const due = seconds < Math.min(AHEAD, whole / 5);
    if (due && !paused && !session.prompt && !session.over && !document.hidden) renewLink();
  }

  session.addEventListener("link", showLink);
  showLink();
  const stop = everyTick(tick);
  if (!session.link) renewLink();
  const element = el(
    "div",
    { class: "code" },
    face,
    el("p", { class: "sign", text: text.sign(sign(session.id)) }),
    el("p", { class: "muted small", text: text.signHint }),
    left,
    el(
      "div",
      { class: "field link-field" },
      el("label", { for: "link", text: text.linkLabel }),
      el("div", { class: "link" }, link, copy),
    ),
    hint,
    el("div", { class: "actions" }, pause, renew, cancel),
  );
  return {
    element,
    stop() {
      stop();
      session.removeEventListener("link", showLink);
    },
  };
}
