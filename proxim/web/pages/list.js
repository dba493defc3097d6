// The list of this host's sessions, and of those that ended.

import { shown } from "./code.js";
import { byId, copyOf, everyTick, isReached, say, secondsTo } from "./dom.js";
import { endReason } from "./end.js";
import { duration, roughly } from "./format.js";
import { reasonWords } from "./problem.js";
import { wasApproved } from "./prompt.js";
import { load, store } from "./storage.js";
import { toastProblem } from "./toast.js";
import { text } from "./text.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */

const KEPT = "proxim.ended";
const MOST_KEPT = 20;
/** Ids of ended sessions that the person cleared; the node still lists them until its next sweep. */
const CLEARED = "proxim.cleared";
const MOST_CLEARED = 200;

/** @type {Map<HostSession, { element: HTMLElement, update: () => void, end: () => Promise<void> }>} */
const rows = new Map();

/** @type {{ id: string, type: string, device: string, reason: string, at: number }[]} */
let ended = loadList("sessionStorage", KEPT);
/** @type {string[]} */
let cleared = loadList("localStorage", CLEARED);

/** @param {import("./storage.js").Kind} kind @param {string} name @returns {any[]} */
function loadList(kind, name) {
  try {
    const list = JSON.parse(load(kind, name) ?? "[]");
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

/**
 * Add a session until it ends.
 * @param {HostSession} session @param {() => void} open Shows its code or its workbench.
 * @param {() => Promise<void>} end Ends it.
 */
export function addRow(session, open, end) {
  const { element, who, tag, type, age, left, here, there, show, close } = copyOf("row");
  type.textContent = kindWords(kindOf(session));
  show.addEventListener("click", open);
  close.addEventListener("click", () => end().catch(toastProblem("host")));
  const update = () => {
    const name = session.deviceInfo?.name ?? text.nobody;
    const state = stateOf(session);
    say(who, name);
    say(tag, text.statuses[state]);
    tag.className = `tag ${state === "connected" ? "good" : state === "prompt" ? "warn" : ""}`;
    say(age, text.age(roughly(-secondsTo(session.createdAt))));
    say(left, session.expiresAt ? text.left(duration(secondsTo(session.expiresAt))) : "");
    dot(here, text.here, isReached());
    dot(there, text.there, session.peerOnline || session.prompt !== null);
    there.hidden = !session.deviceInfo;
    say(show, session.status === "approved" ? text.open : session.prompt ? text.answer : text.showAgain);
    close.setAttribute("aria-label", text.closeOf(name));
    // Its code is on the page, or this page is about to show or to close it.
    element.hidden = state === "pending" && (session === shown || session.link !== null);
  };
  update();
  session.addEventListener("link", update);
  rows.set(session, { element, update, end });
  byId("list").prepend(element);
  showCounts();
}

/** Return the type of a session, or `visit` for that of a known device. @param {HostSession} session */
const kindOf = (session) => (session.device ? "visit" : String(session.type));

/** @param {string} kind */
const kindWords = (kind) => (kind === "visit" ? text.visit : (text.types[/** @type {"one_time"} */ (kind)]?.name ?? ""));

/** @param {HostSession} session @returns {keyof typeof text.statuses} */
function stateOf(session) {
  if (session.prompt) return "prompt";
  return session.status === "approved" && session.peerOnline && session.pc?.connectionState === "connected"
    ? "connected"
    : session.status;
}

/** @param {Element} element @param {(online: boolean) => string} words @param {boolean} on */
function dot(element, words, on) {
  element.classList.toggle("on", on);
  say(element, words(on));
}

/** Move an ended session to the list of ended ones. @param {HostSession} session */
export function moveToEnded(session) {
  rows.get(session)?.element.remove();
  rows.delete(session);
  const { over } = session;
  // A session goes on if this page lost the node, or was replaced.
  if (over?.code === "session_ended") {
    // A known device comes again under the same id.
    const id = session.device ? `${session.id} ${session.createdAt}` : session.id;
    const reason = over.reason === "rejected" && !session.device && wasApproved(session) ? "wrongNumber" : endReason(session);
    noteEnded(id, kindOf(session), session.deviceInfo?.name, reason);
  }
  showCounts();
}

/** @param {string} id @param {string} type @param {string | undefined} device @param {string} reason */
export function noteEnded(id, type, device, reason) {
  // A code that no device has used is not worth a row.
  if (device === undefined) return;
  if (cleared.includes(id) || ended.some((each) => each.id === id)) return;
  ended = [{ id, type, device, reason, at: Date.now() }, ...ended].slice(0, MOST_KEPT);
  showEnded();
}

function showEnded() {
  store("sessionStorage", KEPT, JSON.stringify(ended));
  byId("ended").hidden = ended.length === 0;
  byId("ended-list").replaceChildren(...ended.map(endedRow));
  showCounts();
}

/** @param {typeof ended[0]} row */
function endedRow({ type, device, reason, at }) {
  const row = copyOf("ended-row");
  row.who.textContent = device;
  row.reason.textContent = reasonWords(reason);
  row.type.textContent = kindWords(type);
  row.at.textContent = new Date(at).toLocaleTimeString();
  return row.element;
}

function showCounts() {
  const count = [...rows.values()].filter(({ element }) => !element.hidden).length;
  byId("connections").hidden = count + ended.length === 0;
  byId("close-all").hidden = count < 2;
}

byId("close-all").addEventListener("click", () => {
  const ends = [...rows.values()].filter(({ element }) => !element.hidden).map(({ end }) => end());
  Promise.all(ends).catch(toastProblem("host"));
});
byId("clear-ended").addEventListener("click", () => {
  cleared = [...ended.map(({ id }) => id), ...cleared].slice(0, MOST_CLEARED);
  store("localStorage", CLEARED, JSON.stringify(cleared));
  ended = [];
  showEnded();
  // The button is hidden now, and perhaps the whole list.
  byId(byId("connections").hidden ? "new-title" : "list-title").focus();
});
showEnded();
everyTick(() => {
  for (const { update } of rows.values()) update();
  showCounts();
});
