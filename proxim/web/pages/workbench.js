// The workbench of two connected devices: chat, files, and how they are connected.

import { Guest } from "../proxim.js";
import { chatPane } from "./chat.js";
import { actionButton, byId, el, isReached, say } from "./dom.js";
import { closeFor, endOf, endReason, hearEnd, isEnding, noteBegun } from "./end.js";
import { filesPane } from "./files.js";
import { Pace } from "./pace.js";
import { pathView } from "./path-view.js";
import { picture } from "./pictures.js";
import { problemText, reasonWords } from "./problem.js";
import { confirmed } from "./question.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";
import { isTransfer } from "./transfer.js";

/** @typedef {import("../proxim.js").Session} Session */

/** Channels that the other side may open at once, and per second. */
const MOST_AT_ONCE = 1_000;
const MOST_A_SECOND = 50;
/** Milliseconds without a channel after which chat messages go through the server. */
const LATE_AFTER = 10_000;
/** Milliseconds in which a server that is reached says that the connection has ended. */
const END_TIME = 2_000;

/**
 * Add the workbench of an approved session to the page. It is made before the devices are connected, so
 * that it misses no message. It stays after the end, so that received files can be saved.
 * @param {Session} session @param {import("./problem.js").Role} role This side.
 */
export function workbench(session, role) {
  noteBegun(session);
  const pace = new Pace(MOST_AT_ONCE, MOST_A_SECOND);
  let isFlooded = false;
  let isParted = false;
  /** Whether the server has forgotten the other device, and the session waits for a new one. */
  let isLost = false;
  /** Whether the guest page has turned to another connection, and does not say any more how this one ended. */
  let isPast = false;
  const listening = new AbortController();
  /** End the session: even an approved guest must not freeze this page. */
  const flooded = () => {
    if (isFlooded) return;
    isFlooded = true;
    session.pc?.close();
    closeFor(session, "flooded").catch(() => {});
    update();
  };
  // On the guest's side `deviceInfo` has the guest's own name.
  const otherName = () =>
    session instanceof Guest ? (session.hostName ?? undefined) : session.deviceInfo?.name;
  const chat = chatPane((words) => session.send(words), flooded);
  const toTitle = () => title.focus({ preventScroll: true });
  const files = filesPane(session, () => otherName() ?? text.otherSide, flooded, chat.place, toTitle);
  chat.buttons.append(files.pickers);
  const words = el("p", { role: "status" });
  const again = actionButton(text.tryAgain, () => session.reconnect());
  const notice = el("div", { class: "notice" }, words, again);
  const state = el("span");
  // The name of the device stands alone: in a sentence it could say something else.
  const who = el("bdi");
  const title = el("h2", { tabindex: -1, "aria-live": "polite" }, state, " ", who);
  /** End the session, but ask first if that stops a file. */
  const leaves = async () => {
    const texts = { title: text.leaveTitle, words: text.leaveMoving, yes: text.leaveYes, no: text.leaveNo };
    if (files.isMoving && !(await confirmed(texts, () => files.isMoving))) return;
    leave.disabled = true;
    say(leave, text.leaving);
    // Without the server, the devices part at once; the server hears of it when it is back.
    const parting = setTimeout(() => part(true), isReached() ? END_TIME : 0);
    try {
      await closeFor(session, "left");
    } finally {
      clearTimeout(parting);
      part(false);
      leave.disabled = false;
      say(leave, text.leave);
    }
  };
  /** @param {boolean} hasParted Whether the person has ended the session, and the server does not know yet. */
  const part = (hasParted) => {
    isParted = hasParted;
    if (isParted) session.pc?.close();
    update();
  };
  const leave = actionButton(text.leave, () => leaves().catch(toastProblem(role)), "second");
  /** Remove the workbench, but ask first if that loses a file. */
  const dismiss = async () => {
    const texts = { title: text.unsavedTitle, words: text.unsaved, yes: text.unsavedYes, no: text.unsavedNo };
    if (files.hasUnsaved && !(await confirmed(texts))) return;
    files.forget();
    element.remove();
    document.querySelector("h1")?.focus();
  };
  const remove = actionButton(text.dismiss, dismiss, "quiet");
  remove.hidden = true;
  // What is to be known of the connection stands behind this button.
  const about = pathView(session, role);
  const aboutButton = actionButton("", () => {
    about.hidden = !about.hidden;
    aboutButton.setAttribute("aria-expanded", String(!about.hidden));
  }, "quiet icon", text.about);
  aboutButton.setAttribute("aria-expanded", "false");
  aboutButton.title = text.about;
  aboutButton.append(picture("about"));
  const element = el(
    "section",
    { class: "card bench" },
    el("div", { class: "bench-top" }, title, aboutButton, leave, remove),
    el("div", { class: "bench-notes" }, about, files.offers, notice, files.notes),
    chat.talk,
    chat.form,
  );
  files.takeDropsOn(element);
  let wasConnected = false;
  /** @type {RTCDataChannel | null} */
  let main = null;
  let tries = 0;
  /** @type {unknown} Why the SDK stopped trying to connect, if it did. */
  let stuck = null;
  /** Whether the SDK has stopped trying since the devices were connected last, even if it tries again now. */
  let gaveUp = false;
  /** Whether the devices are without a channel for long, and the timer that says so. */
  let isLate = false;
  let timer = 0;

  /** @param {boolean} isWaiting Whether the two sides are at the server and have no channel. */
  const count = (isWaiting) => {
    if (isWaiting && (timer || isLate)) return;
    clearTimeout(timer);
    timer = 0;
    isLate = false;
    if (!isWaiting) return;
    timer = setTimeout(() => {
      timer = 0;
      isLate = true;
      update();
    }, LATE_AFTER);
  };
  const update = () => {
    const connected = !session.over && !isLost && session.pc?.connectionState === "connected" && main?.readyState === "open";
    const isWaiting = !session.over && !isParted && !isLost && !connected && session.peerOnline;
    count(isWaiting);
    const isByServer = isWaiting && (gaveUp || isLate);
    const name = isLost ? who.textContent : otherName();
    say(who, name ?? "");
    if (name === undefined) say(state, connected ? text.connectedToOther : text.otherSide);
    else say(state, connected ? text.connectedTo : "");
    chat.enable(connected ? "channel" : isByServer ? "server" : null);
    files.enable(connected, isByServer);
    // The guest page itself says how the session ended.
    notice.hidden = connected || (session.over !== null && role === "guest" && !isFlooded && !isPast);
    again.hidden = !stuck || isParted || isLost || session.over !== null || !session.peerOnline;
    say(words, isByServer ? (session.sealed ? text.byServerSealed : text.byServer)(noticeWords()) : noticeWords());
  };
  /** Close the channel with the page: else the other device waits for seconds. @param {PageTransitionEvent} event */
  const goes = ({ persisted }) => persisted || session.pc?.close();
  const noticeWords = () => {
    if (isFlooded) return text.flooded;
    if (isLost) return text.overNotice(reasonWords("lost"));
    if (session.over?.code === "session_ended") return text.overNotice(reasonWords(endReason(session)));
    if (session.over) return problemText(role, session.over);
    if (isParted) return text.parted;
    if (!session.peerOnline) return text.peerAway;
    if (stuck) return problemText(role, stuck);
    if (tries > 1) return text.linkingSlow;
    return wasConnected ? text.linkingAgain : text.linking;
  };
  const end = () => {
    removeEventListener("pagehide", goes);
    leave.hidden = true;
    remove.hidden = false;
    aboutButton.hidden = about.hidden = true;
    element.classList.add("ended");
    chat.end();
    files.end(endOf(session));
  };
  /** @type {Partial<Record<keyof import("../proxim.js").SessionEventMap, (event: any) => void>>} */
  const handlers = {
    presence: () => {},
    rtcstate: () => {},
    disconnected: () => chat.lose(isEnding(session)),
    rtc({ pc }) {
      // After a flood, or its end, no new connection may start.
      if (isFlooded || isParted) pc.close();
      tries += 1;
      stuck = null;
    },
    unreachable({ error }) {
      stuck = error;
      gaveUp = true;
    },
    connected({ channel }) {
      wasConnected = true;
      gaveUp = false;
      tries = 0;
      main = channel;
      chat.use(channel);
    },
    signal({ data }) {
      if (typeof data === "string") chat.receive(data);
      else hearEnd(session, data);
    },
    error({ error }) {
      // The server has dropped a signal, which may have been a message.
      if (["peer_offline", "rate_limited"].includes(error.code)) chat.lose();
    },
    notice({ notice }) {
      if (notice === "missed") chat.lose();
    },
    over: end,
    channel({ channel }) {
      if (!pace.takes()) flooded();
      else if (isTransfer(channel)) files.receive(channel);
      else channel.close();
    },
  };
  for (const [type, handle] of Object.entries(handlers)) {
    session.addEventListener(/** @type {keyof typeof handlers} */ (type), (event) => {
      handle(event);
      update();
    }, { signal: listening.signal });
  }
  addEventListener("pagehide", goes);
  update();
  byId("benches").prepend(element);
  return {
    leaves,
    /** Stay as that of a session that has ended, since the server has forgotten the other device. */
    lose() {
      isLost = true;
      end();
      update();
      listening.abort();
    },
    /** Say how the session ended, now that the guest page turns to another connection. */
    pass() {
      isPast = session.over?.code === "session_ended";
      update();
    },
    /** Remove the workbench, unless it has an unsaved file. */
    retire() {
      if (!files.hasUnsaved) element.remove();
    },
    /** Scroll to the workbench. */
    show() {
      element.scrollIntoView({ block: "start" });
      title.focus({ preventScroll: true });
    },
  };
}
