// What two connected devices can do with each other: talk, hand over files, see how they are linked.

import { chatPane } from "./chat.js";
import { byId, el, say } from "./dom.js";
import { filesPane } from "./files.js";
import { pathLine } from "./path.js";
import { toast } from "./toast.js";
import { isTransfer } from "./transfer.js";
import { text } from "./text.js";

/** @typedef {import("/proxim.js").Session} Session */

/**
 * The workbench of an approved session, put on the page; it stays there after the end, so that what
 * was received can still be saved.
 * @param {Session} session
 */
export function workbench(session) {
  const chat = chatPane();
  const files = filesPane(session);
  const notice = el("p", { class: "notice", role: "status", text: text.linking });
  const title = el("h2", { tabindex: -1 });
  const leave = el("button", {
    type: "button",
    class: "second",
    text: text.leave,
    onclick: () => session.close().catch((/** @type {Error} */ error) => toast(error.message)),
  });
  const remove = el("button", { type: "button", class: "quiet", text: text.close, hidden: true, onclick: () => element.remove() });
  const element = el(
    "section",
    { class: "card bench" },
    el("div", { class: "bench-top" }, title, pathLine(session), leave, remove),
    notice,
    el("div", { class: "panes" }, chat.element, files.element),
  );
  let wasConnected = false;

  const update = () => {
    const connected = !session.over && session.pc?.connectionState === "connected";
    // A guest's own name is what the session knows; the other side is the host then.
    const name = byId("list") ? session.deviceInfo?.name : undefined;
    say(title, connected ? text.connectedTo(name ?? text.otherSide) : (name ?? text.theOtherSide));
    chat.enable(connected);
    files.enable(connected);
    notice.hidden = connected;
    say(notice, noticeWords());
  };
  const noticeWords = () => {
    if (session.over) {
      const { code, reason, message } = session.over;
      if (code !== "session_ended") return message;
      return `${text.overTitles.other}. ${text.reasons[/** @type {"closed"} */ (reason)] ?? message}`;
    }
    if (!session.peerOnline) return text.peerAway;
    if (session.pc?.connectionState === "failed") return text.noPath;
    return wasConnected ? text.linkingAgain : text.linking;
  };
  const follow = () => {
    session.connected.then(
      (channel) => {
        wasConnected = true;
        chat.use(channel);
        update();
      },
      () => {},
    );
  };
  for (const change of ["presence", "rtcstate"]) session.addEventListener(change, update);
  session.addEventListener("over", () => {
    leave.hidden = true;
    remove.hidden = false;
    update();
  });
  session.onchannel = ({ channel }) => {
    if (isTransfer(channel)) files.receive(channel);
  };
  session.addEventListener("disconnected", () => {
    follow();
    update();
  });
  follow();
  update();
  byId("benches").prepend(element);
  return {
    /** Bring it into view. */
    show() {
      element.scrollIntoView({ block: "start" });
      title.focus({ preventScroll: true });
    },
  };
}
