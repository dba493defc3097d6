// The workbench of two connected devices: chat, files, and how they are connected.

import { chatPane } from "./chat.js";
import { actionButton, byId, el, say } from "./dom.js";
import { filesPane } from "./files.js";
import { pathView } from "./path-view.js";
import { problemText } from "./problem.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";
import { isTransfer } from "./transfer.js";

/** @typedef {import("../proxim.js").Session} Session */

/**
 * Add the workbench of an approved session to the page. It is made before the devices are connected, so
 * that it misses no message. It stays after the end, so that received files can be saved.
 * @param {Session} session @param {import("./problem.js").Role} role This side.
 */
export function workbench(session, role) {
  let isFlooded = false;
  /** End the session: even an approved guest must not freeze this page. */
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
  const again = actionButton(text.tryAgain, () => session.reconnect());
  const notice = el("div", { class: "notice" }, words, again);
  const title = el("h2", { tabindex: -1, "aria-live": "polite" });
  const leave = actionButton(text.leave, () => session.close().catch(toastProblem(role)), "second");
  const dismiss = () => {
    files.forget();
    element.remove();
    document.querySelector("h1")?.focus();
  };
  const remove = actionButton(text.dismiss, dismiss, "quiet");
  remove.hidden = true;
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
  /** @type {unknown} Why the SDK stopped trying to connect, if it did. */
  let stuck = null;

  const update = () => {
    const connected = !session.over && session.pc?.connectionState === "connected" && main?.readyState === "open";
    // On the guest's side the session has only the guest's own name.
    const name = role === "host" ? session.deviceInfo?.name : undefined;
    say(title, connected ? text.connectedTo(name ?? text.otherSide) : (name ?? text.theOtherSide));
    chat.enable(connected);
    files.enable(connected);
    // The guest page itself says how the session ended.
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
  /** @type {Record<string, (event: any) => void>} */
  const handlers = {
    presence: () => {},
    rtcstate: () => {},
    disconnected: () => chat.lose(),
    rtc({ pc }) {
      // After a flood, no new connection may start.
      if (isFlooded) pc.close();
      tries += 1;
      stuck = null;
    },
    unreachable: ({ error }) => (stuck = error),
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
    channel: ({ channel }) => (isTransfer(channel) ? files.receive(channel) : channel.close()),
  };
  for (const [type, handle] of Object.entries(handlers)) {
    session.addEventListener(type, (/** @type {Event} */ event) => {
      handle(event);
      update();
    });
  }
  update();
  byId("benches").prepend(element);
  return {
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
