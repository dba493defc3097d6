// The guest page: names the host, asks when the person wants it to, and shows the result.

import { Guest, deviceName, parseLink, remembered } from "../proxim.js";
import { actionButton, byId, el, everyTick, fillText, ring, say, secondsTo, showReach } from "./dom.js";
import { duration, sign } from "./format.js";
import { codeOf, problem, reasonWords } from "./problem.js";
import { Retries } from "./retry.js";
import { load, store } from "./storage.js";
import { text } from "./text.js";
import { workbench } from "./workbench.js";

const ASKING = "proxim.asking";
const NAME = "proxim.name";
const nodeUrl = new URL("..", import.meta.url);
const retries = new Retries();

/** Stops the timers of the last view. */
let leaveView = () => {};

/** @param {(Node | null)[]} children */
function view(...children) {
  leaveView();
  leaveView = () => {};
  byId("stage").hidden = children.length === 0;
  byId("stage").replaceChildren(...children.filter((child) => child !== null));
}

/** Move the link out of the address bar, and remember it for a reload until it is used. */
function takeLink() {
  if (location.hash.length <= 1) return load("sessionStorage", ASKING);
  const link = location.href;
  store("sessionStorage", ASKING, link);
  history.replaceState(null, "", location.pathname + location.search);
  return link;
}

const heading = (/** @type {string} */ words) => el("h1", { text: words, tabindex: -1 });

/** @param {string} link */
function showForm(link) {
  const { sessionId } = parseLink(link);
  const input = el("input", {
    id: "name",
    maxlength: 64,
    required: true,
    value: load("localStorage", NAME) ?? deviceName(),
    autocomplete: "off",
    enterkeyhint: "go",
  });
  const button = el("button", { type: "submit", class: "wide", text: text.ask });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    button.textContent = text.asking;
    const name = input.value.trim() || deviceName();
    store("localStorage", NAME, name);
    begin(new Guest(link, { name }), () => showForm(link), name);
  };
  view(
    heading(text.askTitle),
    el("p", { class: "whom", text: text.askWhom(sign(sessionId), location.host) }),
    el(
      "form",
      { class: "stack", onsubmit: submit },
      el("div", { class: "field" }, el("label", { for: "name", text: text.name }), input),
      el("p", { class: "muted small", text: text.askNothingYet }),
      button,
    ),
  );
}

/** Take a seat again. @param {import("../proxim.js").Remembered} seat */
function rejoin(seat) {
  begin(new Guest(seat), () => rejoin(seat));
}

/**
 * Ask by a link, or take the seat again.
 * @param {Guest} guest @param {() => void} again Tries again.
 * @param {string} [name] The name of the guest that asks; none for a seat.
 */
async function begin(guest, again, name) {
  guest.onpending = () => {
    store("sessionStorage", ASKING, null);
    if (guest.status === "pending") showWaiting(guest, name);
  };
  guest.onapproved = () => {
    store("sessionStorage", ASKING, null);
    view();
    workbench(guest, "guest").show();
  };
  guest.onreachable = ({ online }) => {
    if (guest.over) return;
    showReach(online);
    if (online) retries.reset();
  };
  guest.onover = ({ error }) => showOver(error, again, name === undefined);
  try {
    await (name === undefined ? guest.resume() : guest.ask());
  } catch (error) {
    if (!guest.over) showOver(/** @type {any} */ (error), again, name === undefined);
  }
}

/** @param {Guest} guest @param {string} [name] */
function showWaiting(guest, name) {
  const countdown = ring("ring");
  const left = el("span");
  const whole = Math.max(0.1, secondsTo(guest.expiresAt));
  view(
    el(
      "div",
      { class: "big" },
      heading(text.waitingTitle),
      el("div", { class: "ring-box", role: "timer" }, countdown.element, left),
      el("p", { text: text.waiting }),
      name === undefined ? null : el("p", { class: "muted", text: text.waitingName(name) }),
      el("p", { class: "sign", text: text.sign(sign(guest.id)) }),
    ),
  );
  leaveView = everyTick(() => {
    const seconds = secondsTo(guest.expiresAt);
    countdown.show(seconds / whole);
    say(left, duration(seconds));
  });
}

/** Codes after which a person can try the same again. */
const PASSING = ["host_offline", "rate_limited", "unavailable", "limit_reached", "connection_lost", "bad_message", "internal_error"];

/**
 * Show how the session ended, and what to do next.
 * @param {import("../proxim.js").ProximError} error @param {() => void} [again]
 * @param {boolean} [isSeat] Whether a seat is taken again. That asks no person, so it is retried.
 */
function showOver(error, again, isSeat = false) {
  byId("reach").textContent = "";
  const code = codeOf(error);
  const { title, next } = wordsFor(error);
  const heard = heading(title);
  if (!again || !PASSING.includes(code)) {
    store("sessionStorage", ASKING, null);
    view(heard, el("p", { text: next }), seats());
  } else if (isSeat && code === "connection_lost") {
    const offer = retries.offer(again);
    view(heard, el("p", { text: next }), offer.element, seats());
    leaveView = offer.stop;
  } else {
    view(heard, el("p", { text: next }), actionButton(text.tryAgain, again), seats());
  }
  heard.focus();
}

/** @param {import("../proxim.js").ProximError} error */
function wordsFor(error) {
  if (error.code !== "session_ended") return problem("guest", error);
  const reason = String(error.reason);
  const titles = /** @type {Record<string, string>} */ (text.overTitles);
  const next = /** @type {Record<string, string>} */ (text.guestNext)[reason] ?? text.guestNext.closed;
  return { title: titles[reason] ?? text.overTitles.other, next: `${reasonWords(reason)} ${next}` };
}

/** Return the list of the sessions that this browser can come back to. */
function seats() {
  const known = remembered(nodeUrl);
  if (known.length === 0) return null;
  const rows = known.map((seat) => {
    const name = el("strong", { text: text.seatOf(sign(seat.sessionId)) });
    const button = actionButton(text.rejoin, () => rejoin(seat), "second");
    return el("li", {}, el("div", { class: "row" }, name, button));
  });
  return el(
    "div",
    { class: "stack" },
    el("h2", { text: text.rejoinTitle }),
    el("p", { class: "muted small", text: text.rejoinHint }),
    el("ul", { class: "list" }, ...rows),
  );
}

function start() {
  const link = takeLink();
  if (link) {
    try {
      showForm(link);
    } catch (error) {
      showOver(/** @type {any} */ (error));
    }
    return;
  }
  const known = remembered(nodeUrl);
  // If the seat is of this tab or the only one, the person need not choose.
  const seat = known.find((each) => each.thisTab) ?? (known.length === 1 ? known[0] : null);
  if (seat) rejoin(seat);
  else view(heading(text.nothingTitle), el("p", { text: text.nothing }), seats());
}

fillText();
document.title = text.joinTitle;
addEventListener("hashchange", () => location.hash && location.reload());
start();
