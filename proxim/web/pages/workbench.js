// What two connected devices can do with each other: talk, hand over files, see how they are linked.

import { chatPane } from "./chat.js";
import { byId, el, say } from "./dom.js";
import { filesPane } from "./files.js";
import { pathView } from "./path-view.js";
import { problemText } from "./problem.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";
import { isTransfer } from "./transfer.js";

/** @typedef {import("../proxim.js").Session} Session */

/**
 * The workbench of an approved session, put on the page; it stays there after the end, so that what
 * was received can still be saved. It is made before the two are connected, so that it hears all
 * that the other side sends.
 * @param {Session} session @param {import("./problem.js").Role} role This side.
 */
export function workbench(session, role) {
  let isFlooded = false;
  /** The other side, though let in, must not be able to freeze this page. */
  const flooded = () => {
    if (isFlooded) return;
    isFlooded = true;
    session.pc?.close();
    session.close().catch(() => {});
    update();
  };
  const chat = chatPane(flooded);
  const files = filesPane(session, flooded);
  const words = el("p", { role: "status" });
  const again = el("button", { type: "button", text: text.tryAgain, hidden: true, onclick: () => session.reconnect() });
  const notice = el("div", { class: "notice" }, words, again);
  const title = el("h2", { tabindex: -1, "aria-live": "polite" });
  const leave = el("button", {
    type: "button",
    class: "second",
    text: text.leave,
    onclick: () => session.close().catch(toastProblem(role)),
  });
  const remove = el("button", { type: "button", class: "quiet", text: text.dismiss, hidden: true, onclick: () => dismiss() });
  const element = el(
    "section",
    { class: "card bench" },
    el("div", { class: "bench-top" }, title, pathView(session), leave, remove),
    notice,
    el("div", { class: "panes" }, chat.element, files.element),
  );
  let wasConnected = false;
  /** @type {RTCDataChannel | null} */
  let main = null;
  let tries = 0;
  /** @type {unknown} Why it is tried no more, if so. */
  let stuck = null;

  const dismiss = () => {
    files.forget();
    element.remove();
    document.querySelector("h1")?.focus();
  };
  const update = () => {
    const connected = !session.over && session.pc?.connectionState === "connected" && main?.readyState === "open";
    // A guest's own name is what the session knows; the other side is the host then.
    const name = role === "host" ? session.deviceInfo?.name : undefined;
    say(title, connected ? text.connectedTo(name ?? text.otherSide) : (name ?? text.theOtherSide));
    chat.enable(connected);
    files.enable(connected);
    // How it ended is what the whole page of a guest speaks of.
    notice.hidden = connected || (session.over !== null && role === "guest" && !isFlooded);
    again.hidden = !stuck || session.over !== null || !session.peerOnline;
    say(words, noticeWords());
  };
  const noticeWords = () => {
    if (isFlooded) return text.flooded;
    if (session.over) return problemText(role, session.over);
    if (!session.peerOnline) return text.peerAway;
    if (stuck) return problemText(role, stuck);
    if (tries > 1) return text.linkingSlow;
    return wasConnected ? text.linkingAgain : text.linking;
  };
  /** @param {Record<string, (event: any) => void>} hearers */
  const listen = (hearers) => {
    for (const [type, hear] of Object.entries(hearers)) {
      session.addEventListener(type, (/** @type {Event} */ event) => {
        hear(event);
        update();
      });
    }
  };
  listen({
    presence() {},
    rtcstate() {},
    disconnected() {
      chat.lose();
    },
    rtc({ pc }) {
      // It is to end, and not to begin anew.
      if (isFlooded) pc.close();
      tries += 1;
      stuck = null;
    },
    unreachable({ error }) {
      stuck = error;
    },
    connected({ channel }) {
      wasConnected = true;
      tries = 0;
      main = channel;
      chat.use(channel);
    },
    over() {
      leave.hidden = true;
      remove.hidden = false;
      chat.end();
      files.end();
    },
    channel({ channel }) {
      if (isTransfer(channel)) files.receive(channel);
      else channel.close();
    },
  });
  update();
  byId("benches").prepend(element);
  return {
    /** Take it off the page, but not what could only be saved here. */
    retire() {
      if (!files.hasUnsaved) element.remove();
    },
    /** Bring it into view. */
    show() {
      element.scrollIntoView({ block: "start" });
      title.focus({ preventScroll: true });
    },
  };
}
