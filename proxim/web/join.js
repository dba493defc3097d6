// The guest page: says whom it is about to ask, asks when told to, and shows what came of it.

import { Guest, deviceName, parseLink, remembered } from "/proxim.js";
import { byId, el, everyTick, fillText, ring, say, secondsTo } from "./dom.js";
import { duration, sign, text } from "./text.js";

const ASKING = "proxim.asking";
const NAME = "proxim.name";
const nodeUrl = new URL(".", location.href);

/** Stops what the last view has left running. */
let leaveView = () => {};

/** @param {(Node | null)[]} children */
function view(...children) {
  leaveView();
  leaveView = () => {};
  byId("stage").hidden = children.length === 0;
  byId("stage").replaceChildren(...children.filter((child) => child !== null));
}

/** @param {string} name @param {string} [value] Written if given, null forgets. */
function tabMemory(name, value) {
  try {
    if (value === undefined) return sessionStorage.getItem(name);
    sessionStorage.setItem(name, value);
  } catch {
    // Then a reload asks for the code again.
  }
  return value ?? null;
}

/** The link, out of the address bar at once; kept for a reload until it is used. */
function takeLink() {
  if (location.hash.length <= 1) return tabMemory(ASKING) || null;
  const link = location.href;
  tabMemory(ASKING, link);
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
    value: readName(),
    autocomplete: "off",
    enterkeyhint: "go",
  });
  const button = el("button", { type: "submit", class: "wide", text: text.ask });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    button.textContent = text.asking;
    const name = input.value.trim() || deviceName();
    keepName(name);
    begin(new Guest(link, { name }), name, link);
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

/**
 * Ask by a link, or take the seat again.
 * @param {Guest} guest @param {string} [name] @param {string} [link]
 */
async function begin(guest, name, link) {
  guest.onpending = () => {
    tabMemory(ASKING, "");
    if (guest.status === "pending") showWaiting(guest, name);
  };
  guest.onapproved = () => {
    tabMemory(ASKING, "");
    showBench(guest);
  };
  guest.onreachable = ({ online }) => guest.over || showReach(online);
  guest.onover = ({ error }) => showOver(error, link);
  try {
    await (name === undefined ? guest.resume() : guest.ask());
  } catch (error) {
    showOver(/** @type {any} */ (error), link);
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

/** @param {Guest} guest */
async function showBench(guest) {
  view(el("div", { class: "big" }, heading(text.approvedTitle), el("p", { text: text.linking })));
  const { workbench } = await import("./workbench.js");
  if (guest.over) return;
  workbench(guest);
  view();
}

/** @param {boolean} online */
function showReach(online) {
  const reach = byId("reach");
  reach.textContent = online ? text.reached : text.unreached;
  reach.className = `pill ${online ? "on" : "off"}`;
}

/** How it ended, and what to do next. @param {import("/proxim.js").ProximError} error @param {string} [link] */
function showOver(error, link) {
  byId("reach").textContent = "";
  const { title, next, retry } = wordsFor(error);
  if (!retry) tabMemory(ASKING, "");
  const again = el("button", {
    type: "button",
    text: text.tryAgain,
    onclick: () => {
      if (link) showForm(link);
      else location.reload();
    },
  });
  view(heading(title), el("p", { text: next }), retry ? again : null, seats());
  byId("stage").querySelector("h1")?.focus();
}

/** @param {import("/proxim.js").ProximError} error */
function wordsFor(error) {
  if (error.code === "session_ended") {
    const reason = /** @type {keyof typeof text.reasons} */ (error.reason);
    const titles = /** @type {Record<string, string>} */ (text.overTitles);
    return {
      title: titles[reason] ?? text.overTitles.other,
      next: `${text.reasons[reason] ?? ""} ${text.guestNext[reason] ?? ""}`.trim(),
      retry: false,
    };
  }
  const code = error.closeCode === 4000 ? "replaced" : error.code;
  const words = text.errors[/** @type {"other"} */ (code)] ?? text.errors.other;
  const passing = ["host_offline", "rate_limited", "limit_reached", "connection_lost", "bad_message"];
  return { ...words, retry: passing.includes(code) };
}

/** The sessions that this browser can come back to. */
function seats() {
  const known = remembered(nodeUrl);
  if (known.length === 0) return null;
  return el(
    "div",
    { class: "stack" },
    el("h2", { text: text.rejoinTitle }),
    el("p", { class: "muted small", text: text.rejoinHint }),
    el(
      "ul",
      { class: "list" },
      ...known.map((seat) =>
        el(
          "li",
          {},
          el(
            "div",
            { class: "row" },
            el("strong", { text: text.seatOf(sign(seat.sessionId)) }),
            el("button", { type: "button", class: "second", text: text.rejoin, onclick: () => begin(new Guest(seat)) }),
          ),
        ),
      ),
    ),
  );
}

function readName() {
  try {
    return localStorage.getItem(NAME) ?? deviceName();
  } catch {
    return deviceName();
  }
}

/** @param {string} name */
function keepName(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // The default does.
  }
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
  // The tab's own session, or the only one there is: nobody has to choose.
  const seat = known.find((each) => each.thisTab) ?? (known.length === 1 ? known[0] : null);
  if (seat) begin(new Guest(seat));
  else view(heading(text.nothingTitle), el("p", { text: text.nothing }), seats());
}

fillText();
document.title = text.joinTitle;
addEventListener("hashchange", () => location.hash && location.reload());
start();
