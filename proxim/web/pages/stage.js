// The card that connects a device: it shows the code of a session that waits for one, or is folded to a button.

import { shown, showCode } from "./code.js";
import { byId, copyOf } from "./dom.js";
import { endReason } from "./end.js";
import { reasonWords } from "./problem.js";
import { isStorageOpen } from "./storage.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */
/** @typedef {{ type?: HostSession["type"], ttl?: number }} Kind `ttl` in seconds. */

/** Milliseconds that a code lasts at least, or another one would end as soon. */
const SHORTEST = 3_000;
/** Ends that say nothing about the next code: somebody has decided, or the server stopped or was out of reach for a while. */
const PASSING = ["rejected", "disconnected", "shutdown", "lost"];

/**
 * @param {{ open: (kind: Kind) => Promise<HostSession>, answer: (session: HostSession) => void }} host
 * `open` opens a session, `answer` shows its prompt.
 */
export function startStage(host) {
  const [card, title, notice, showButton] = ["stage", "new-title", "stage-notice", "show-code"].map(byId);
  let shownAt = 0;
  let isOpening = false;
  /** What to do once the server is back. */
  let whenBack = () => {};
  /** Whether the card had the focus before its buttons were turned off. */
  let hadFocus = false;

  /** Show the code of a session; without one the card is folded. @param {HostSession | null} session @param {string} [words] */
  const show = (session, words = "") => {
    if (session?.over) return;
    // The page shows its first code without taking the focus. Whatever has the focus may be hidden now.
    const takesFocus = hadFocus || card.contains(document.activeElement);
    hadFocus = false;
    if (shown && session && shown !== session && !shown.deviceInfo) shown.close().catch(() => {});
    shownAt = performance.now();
    title.textContent = session || !document.querySelector(".bench") ? text.newSession : text.another;
    showButton.hidden = session !== null;
    notice.textContent = words;
    notice.hidden = words === "";
    showCode(session, () => session && host.answer(session));
    card.classList.toggle("folded", session === null);
    byId("longer").open = false;
    if (takesFocus) title.focus({ preventScroll: true });
  };

  /** Open a session, and show its code. @param {Kind} [kind] @param {string} [words] */
  const open = async (kind = {}, words = "") => {
    if (isOpening) return;
    isOpening = true;
    whenBack = () => {};
    const buttons = [showButton, byId("show-typed")];
    hadFocus = card.contains(document.activeElement);
    for (const button of buttons) button.disabled = true;
    showButton.textContent = text.opening;
    try {
      show(await host.open(kind), words);
    } catch (error) {
      if (!shown || shown.over) show(null, words);
      toastProblem("host")(error);
    }
    isOpening = false;
    for (const button of buttons) button.disabled = false;
    showButton.textContent = text.showCode;
  };

  /** Return the kind of a session. @param {HostSession} session @returns {Kind} */
  const kindOf = ({ type, createdAt, expiresAt }) => ({
    type,
    ttl: expiresAt === null ? undefined : Math.round((expiresAt - createdAt) / 1000),
  });

  /** Open a session as soon as a person sees the page. @param {Kind} [kind] @param {string} [words] */
  const openWhenSeen = (kind, words) => {
    if (!document.hidden) return open(kind, words);
    document.addEventListener("visibilitychange", () => (shown && !shown.over) || openWhenSeen(kind, words), { once: true });
  };

  showButton.addEventListener("click", () => open());
  byId("cancel-code").addEventListener("click", () => {
    const session = shown;
    show(null);
    session?.close().catch(toastProblem("host"));
  });
  startChooser((kind) => open(kind).then(() => byId("code-face").scrollIntoView({ block: "nearest" })));
  for (const each of [byId("cant-scan"), byId("longer")]) {
    each.addEventListener("toggle", () => each.open && each.scrollIntoView({ block: "nearest" }));
  }
  byId("no-storage").hidden = isStorageOpen();

  return {
    show,
    openWhenSeen,
    /** Open a session like this one, in its place. @param {HostSession} session */
    openAgain: (session) => open(kindOf(session)),
    /** Scroll to the card. */
    reveal: () => card.scrollIntoView({ block: "nearest" }),
    /** Show another code in the place of one that ended. @param {HostSession} session @param {string} [words] Why it ended,
     * if a person ended it here. */
    replace(session, words) {
      const reason = String(session.over?.reason);
      words ??= text.newCodeAfter(reasonWords(endReason(session)));
      const isTooSoon = !PASSING.includes(reason) && performance.now() - shownAt < SHORTEST;
      const openNext = () => openWhenSeen(kindOf(session), words);
      // A server that stops opens no session any more. Until it is back, the code stays and is covered.
      if (reason === "shutdown") {
        whenBack = openNext;
        return;
      }
      show(null);
      if (!isTooSoon) openNext();
    },
    /** Tell that the server is reached. */
    reached: () => whenBack(),
  };
}

/** Start the form that chooses how long a connection stays. @param {(kind: Kind) => void} open */
function startChooser(open) {
  const [form, time, types] = ["chooser", "time", "types"].map(byId);
  for (const [type, words] of Object.entries(text.types)) {
    const { element, radio, name, summary, restart } = copyOf("type");
    radio.value = type;
    radio.checked = type === "one_time";
    name.textContent = words.name;
    summary.textContent = words.summary;
    restart.textContent = words.restart;
    types.append(element);
  }
  form.addEventListener("change", () => {
    time.hidden = time.disabled = form.elements.type.value !== "temporary";
  });
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    // A field that is disabled is not in the data.
    const { type, amount, unit } = /** @type {any} */ (Object.fromEntries(new FormData(form)));
    open({ type, ttl: amount && amount * unit });
  });
}
