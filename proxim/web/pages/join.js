// The guest page: names the host, asks when the person wants it to, and shows the result.

import { grants, Guest, remembered, seatFor } from "../proxim.js";
import { actionButton, byId, el, everyTick, fillText, onTimeJump, secondsTo, sentence, showLeft, showReach } from "./dom.js";
import { endReason } from "./end.js";
import { duration } from "./format.js";
import { grantFor, notNow, sayRemembered, showHosts } from "./hosts.js";
import { ownName, setOwnName } from "./own-name.js";
import { pictureOf } from "./pictures.js";
import { codeOf, nextStep, problem, reasonWords } from "./problem.js";
import { offerRetry, resetRetries } from "./retry.js";
import { canScan, linkField, scanner } from "./scan.js";
import { showNotice } from "./sealed.js";
import { isStorageOpen, load, store } from "./storage.js";
import { isUsedElsewhere, leaveToOthers, useHere } from "./tabs.js";
import { text } from "./text.js";
import { workbench } from "./workbench.js";

const ASKING = "proxim.asking";
/** Seconds left from which the time is amber. */
const LATE = 10;
/** Reasons that the title says already. */
const ENTITLED = ["cancelled", "rejected"];
/** Reasons after which the other device does not know this browser. */
const FORGOTTEN = ["forgotten", "copied"];
const nodeUrl = new URL("..", import.meta.url);

/** @type {Guest | null} The guest that has asked or come back last. */
let current = null;
/** @type {Guest | null} The guest whose request the person has cancelled last. */
let cancelled = null;
/** @type {ReturnType<typeof workbench> | null} The workbench of the connection of before. */
let lastBench = null;
/** The seconds that its prompt had at first. */
let whole = 0;
/** Stops the timers of the last view. */
let leaveView = () => {};

/** Show a part of the stage, or none. @param {"asking" | "waiting" | "over"} [name] */
function view(name) {
  leaveView();
  leaveView = () => {};
  byId("stage").hidden = name === undefined;
  for (const each of ["asking", "waiting", "over"]) byId(each).hidden = each !== name;
}

/** Move the link out of the address bar, and remember it for a reload until it is used. */
function takeLink() {
  if (location.hash.length <= 1) return load("sessionStorage", ASKING);
  const link = location.href;
  store("sessionStorage", ASKING, link);
  history.replaceState(null, "", location.pathname + location.search);
  return link;
}

/** @param {string} link */
function showForm(link) {
  const seat = seatFor(link);
  if (seat) {
    // The person scanned the code again. It works once, and this browser has used it.
    askAndRejoin(seat);
    return;
  }
  const [form, input, button] = ["asking", "name", "ask"].map(byId);
  byId("whom").textContent = text.askWhom(location.host);
  input.value = ownName();
  button.disabled = false;
  button.textContent = text.ask;
  form.onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    button.textContent = text.asking;
    setOwnName(input.value);
    const name = ownName();
    begin(new Guest(link, { name }), () => showForm(link), name);
  };
  // The link may be an old one of a computer that needs no code.
  grants(nodeUrl).then((known) => (byId("ask-known").hidden = known.length === 0), () => {});
  byId("ask-known").onclick = () => {
    store("sessionStorage", ASKING, null);
    tell("nothing", text.nothingTitle, text.nothing);
    byId("over-title").focus();
  };
  view("asking");
}

/** Return the name of a seat for `tabs.js`. @param {string} sessionId */
const tabOf = (sessionId) => `seat ${sessionId}`;

/** Take a seat again, but ask first if another tab uses it. @param {import("../proxim.js").Remembered} seat */
async function askAndRejoin(seat) {
  if (!(await isUsedElsewhere(tabOf(seat.sessionId)))) return rejoin(seat);
  tellOf(seat.sessionId, "replaced", text.seatElsewhereTitle, text.seatElsewhere, actionButton(text.useHere, () => rejoin(seat)));
}

/** Take a seat again. @param {import("../proxim.js").Remembered} seat */
function rejoin(seat) {
  begin(new Guest(seat), () => rejoin(seat));
}

/** Visit a host that knows this browser, but ask first if another tab does. @param {import("../proxim.js").Grant} grant */
async function askAndVisit(grant) {
  if (!(await isUsedElsewhere(tabOf(grant.sessionId)))) return visit(grant);
  tellOf(grant.sessionId, "replaced", text.seatElsewhereTitle, text.seatElsewhere, actionButton(text.useHere, () => visit(grant)));
}

/** @param {import("../proxim.js").Grant} grant */
function visit(grant) {
  const name = ownName();
  const guest = new Guest(grant, { name });
  begin(guest, () => visit(grant), name, grant);
}

/**
 * Ask by a link, or take the seat again.
 * @param {Guest} guest @param {() => void} again Tries again.
 * @param {string} [name] The name of the guest that asks; none for a seat. @param {import("../proxim.js").Grant} [grant]
 */
function begin(guest, again, name, grant) {
  current = guest;
  whole = 0.1;
  byId("remembered").hidden = true;
  lastBench?.pass();
  useHere(tabOf(guest.id));
  guest.onpending = () => {
    store("sessionStorage", ASKING, null);
    if (guest.status === "pending") showWaiting(guest, name);
  };
  guest.onnotice = showNotice;
  guest.onapproved = () => {
    store("sessionStorage", ASKING, null);
    view();
    lastBench = workbench(guest, "guest");
    lastBench.show();
    if (name !== undefined && !grant) sayRemembered(nodeUrl, guest.id);
  };
  guest.onreachable = ({ online }) => {
    if (guest.over) return;
    showReach(online);
    if (online) resetRetries();
    if (online && guest.status === "pending" && guest.expiresAt === -Infinity) showAway();
  };
  guest.onover = async ({ error }) => {
    leaveToOthers(tabOf(guest.id));
    const later = grant && guest.type === null ? notNow(grant, codeOf(error)) : null;
    if (later) return tellOf(guest.id, "host_offline", later.title, later.next, actionButton(text.tryAgain, again));
    byId("remembered").hidden = true;
    const reason = guest === cancelled ? "cancelled" : endReason(guest);
    const isKnown = codeOf(error) === "session_ended" && !FORGOTTEN.includes(reason);
    const known = isKnown ? await grantFor(nodeUrl, guest.id) : undefined;
    if (guest === current) showOver(error, again, name === undefined, reason, known);
  };
  // `onover` hears of a failure, too.
  (name === undefined ? guest.resume() : guest.ask()).catch(() => {});
}

/** @param {Guest} guest @param {string} [name] */
function showWaiting(guest, name) {
  const isNew = byId("waiting").hidden;
  whole = Math.max(whole, secondsTo(guest.expiresAt));
  const host = guest.hostName;
  byId("waiting-title").replaceChildren(...(host === null ? [text.waitingTitle] : sentence(text.waitingFor, { host })));
  byId("waiting-number").textContent = guest.code;
  byId("waiting-number").hidden = guest.code === null;
  byId("waiting-time").hidden = byId("waiting-cancel").hidden = false;
  byId("waiting-cancel").onclick = () => {
    cancelled = guest;
    guest.close();
  };
  byId("waiting-name").textContent = name === undefined ? "" : text.waitingName(name);
  view("waiting");
  byId("waiting-words").textContent = guest.code === null ? text.waiting : text.waitingNumber;
  leaveView = everyTick(() => {
    const seconds = secondsTo(guest.expiresAt);
    showLeft(byId("waiting-left"), text.waitingLeft(duration(seconds)), seconds / whole, seconds < LATE);
  });
  if (isNew) byId("waiting-title").focus();
}

/** Show that the server has forgotten an approved session, and that its host has not opened it again yet. */
function showAway() {
  view("waiting");
  byId("waiting-title").textContent = text.awayTitle;
  byId("waiting-words").textContent = text.away;
  byId("waiting-name").textContent = "";
  for (const part of ["number", "time", "cancel"]) byId(`waiting-${part}`).hidden = true;
  byId("waiting-title").focus();
}

/**
 * Show how the session ended, and what to do next.
 * @param {import("../proxim.js").ProximError} error @param {() => void} [again]
 * @param {boolean} [isSeat] Whether a seat is taken again. That asks no person, so it is retried.
 * @param {string} [reason] Why the session ended. @param {import("../proxim.js").Grant} [known] The grant of the other device.
 */
function showOver(error, again, isSeat = false, reason = "", known) {
  byId("reach").textContent = "";
  const code = codeOf(error);
  const what = code === "session_ended" ? reason : code;
  const { title, next } = wordsFor(error, reason, known);
  const step = nextStep(error);
  if (step === "scan") {
    store("sessionStorage", ASKING, null);
    tellWith({ last: known }, what, title, next);
  } else if (step === "reload" || !again) {
    tell(what, title, next, actionButton(text.reload, () => location.reload()));
  } else if (step === "here") {
    const seat = remembered(nodeUrl).find(({ sessionId }) => sessionId === current?.id);
    tell(what, title, next, actionButton(text.useHere, () => (seat ? rejoin(seat) : again())));
  } else if (isSeat && code === "connection_lost") {
    const offer = offerRetry(again);
    tell(what, title, next, offer.element);
    leaveView = offer.stop;
  } else {
    tell(what, title, next, actionButton(text.tryAgain, again));
  }
  byId("over-title").focus();
}

/**
 * Show two texts, with an action for a session.
 * @param {string} sessionId @param {string} what @param {string} title @param {string} next @param {Element[]} action
 */
const tellOf = (sessionId, what, title, next, ...action) => tellWith({ beside: sessionId }, what, title, next, ...action);

/** @param {string} what @param {string} title @param {string} next @param {Element[]} action */
const tell = (what, title, next, ...action) => tellWith({}, what, title, next, ...action);

/**
 * Show two texts, and list the sessions that this browser can come back to.
 * @param {{ last?: import("../proxim.js").Grant, beside?: string }} about The grant of which the texts speak, and the
 *   session for which `action` is.
 * @param {string} what Chooses the drawing. @param {string} title @param {string} next What to do next.
 * @param {Element[]} action What does that; by default buttons that scan a code and take a link.
 */
function tellWith({ last, beside }, what, title, next, ...action) {
  view("over");
  byId("over-picture").replaceChildren(pictureOf(what));
  byId("over-title").textContent = title;
  byId("over-next").textContent = next;
  if (action.length === 0) offerCode();
  else byId("over-action").replaceChildren(...action);
  const seats = remembered(nodeUrl).filter(({ sessionId }) => sessionId !== beside).map((seat) => {
    const used = new Date(seat.since).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const type = text.types[/** @type {"one_time"} */ (seat.type)]?.name ?? "";
    const { hostName } = /** @type {{ hostName?: string }} */ (seat.seal ?? {});
    const host = hostName ? [el("bdi", { text: hostName }), " · "] : [];
    const name = el("strong", {}, ...host, text.seatOf(type, used));
    const button = actionButton(text.rejoin, () => askAndRejoin(seat), "second");
    return el("li", {}, el("div", { class: "row" }, name, button));
  });
  showHosts(nodeUrl, askAndVisit, what === "nothing", last, beside);
  byId("seats").hidden = seats.length === 0;
  byId("seat-list").replaceChildren(...seats);
}

/** Offer to scan a code, if this browser can, and to paste a link. */
function offerCode() {
  const node = String(nodeUrl).replace(/\/+$/, "");
  const scan = actionButton(text.scanAgain, () => {
    const { element, stop } = scanner(node, offerCode);
    byId("over-action").replaceChildren(element);
    leaveView = stop;
  });
  const paste = actionButton(text.paste, () => {
    const { element, input } = linkField(node);
    byId("over-action").replaceChildren(element);
    input.focus();
  }, "second");
  byId("over-action").replaceChildren(...(canScan() ? [scan, paste] : [paste]));
}

/**
 * @param {import("../proxim.js").ProximError} error @param {string} reason
 * @param {import("../proxim.js").Grant} [known]
 */
function wordsFor(error, reason, known) {
  if (error.code !== "session_ended") return problem("guest", error);
  const titles = /** @type {Record<string, string>} */ (text.overTitles);
  const steps = /** @type {Record<string, string>} */ (known ? text.knownNext : text.guestNext);
  const next = steps[reason] ?? steps.other;
  const why = ENTITLED.includes(reason) ? "" : reasonWords(reason);
  return { title: titles[reason] ?? text.overTitles.other, next: `${why} ${next}`.trim() };
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
  if (seat) askAndRejoin(seat);
  else tell("nothing", text.nothingTitle, text.nothing);
}

fillText();
document.title = text.joinTitle;
byId("no-storage").hidden = isStorageOpen();
onTimeJump(() => current?.refresh().catch(() => {}));
addEventListener("hashchange", () => location.hash && location.reload());
start();
