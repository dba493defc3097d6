// The host page: choose a type, show the code, decide on guests, and use the connection.

import { Host } from "../proxim.js";
import { allowSound, offerNotifications } from "./attention.js";
import { showCode, shown } from "./code.js";
import { actionButton, byId, fillText, onTimeJump, showReach } from "./dom.js";
import { addRow, moveToEnded, noteEnded } from "./list.js";
import { codeOf, problem } from "./problem.js";
import { ask, comesSilently } from "./prompt.js";
import { offerRetry, resetRetries } from "./retry.js";
import { showNotice } from "./sealed.js";
import { isStorageOpen, load, store } from "./storage.js";
import { text } from "./text.js";
import { toast, toastProblem } from "./toast.js";
import { workbench } from "./workbench.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */

const ACCESS = "proxim.access";

/** @type {Host} */
let host;
/** @type {Map<string, { session: HostSession, show: () => void, retire: () => void }>} */
const benches = new Map();
let leaveTrouble = () => {};

/** @param {string} [accessToken] */
function start(accessToken) {
  leaveTrouble();
  byId("trouble").hidden = true;
  byId("stage").hidden = false;
  const known = load("localStorage", ACCESS) ?? undefined;
  host = new Host(new URL("..", import.meta.url), { accessToken: accessToken ?? known });
  host.onsession = ({ session }) => welcome(session);
  host.onreachable = ({ online }) => {
    showReach(online);
    if (online) resetRetries();
  };
  host.onfailed = ({ error }) => showTrouble(error);
  host.ready.then(() => accessToken && store("localStorage", ACCESS, accessToken), () => {});
  host.ready.then(tellMissed, () => {});
}

/** List the sessions that ended while this page was closed. */
async function tellMissed() {
  for (const info of await host.list()) {
    if (info.reason) noteEnded(info.session_id, info.session_type, info.device_info?.name, info.reason);
  }
}

/** Show a session that was opened or restored. @param {HostSession} session */
function welcome(session) {
  addRow(session, () => open(session));
  session.onprompt = (prompt) => comesSilently() || ask(prompt, openAgain);
  session.onnotice = showNotice;
  session.oncontested = () => session.prompt || toast(text.contestedLater);
  session.onpresence = ({ replaced }) => replaced && toast(text.guestMoved);
  session.onapproved = () => {
    const isAwaited = shown === session;
    if (isAwaited) setStage(null);
    const bench = openBench(session);
    if (isAwaited) bench.show();
  };
  session.onover = () => {
    if (shown === session) setStage(null);
    moveToEnded(session);
  };
}

/** @param {HostSession} session */
function open(session) {
  if (session.status === "approved") openBench(session).show();
  else if (session.prompt) ask(session.prompt, openAgain);
  else setStage(session);
}

/** @param {HostSession} session */
function openBench(session) {
  const last = benches.get(session.id);
  if (last?.session === session) return last;
  // Another page had taken over the session, and this page has taken it back.
  last?.retire();
  const bench = { session, ...workbench(session, "host") };
  benches.set(session.id, bench);
  session.ended.then(({ code }) => code === "session_ended" && benches.delete(session.id));
  return bench;
}

/** Open a session like one that ended because its guest showed another number. @param {HostSession} session */
async function openAgain({ type, createdAt, expiresAt }) {
  const ttl = expiresAt === null ? undefined : Math.round((expiresAt - createdAt) / 1000);
  setStage(await openSession(type, ttl), text.wrongNumber);
}

/** @param {HostSession["type"]} type @param {number} [ttl] In seconds. */
const openSession = (type, ttl) =>
  host.open({ type: type ?? undefined, ttl, confirm: "code", sealed: host.features.includes("seal") });

/** Show the code of a session, or the chooser. @param {HostSession | null} session @param {string} [notice] */
function setStage(session, notice = "") {
  if (session?.over) return;
  const stage = byId("stage");
  const title = byId("new-title");
  const { activeElement } = document;
  // Whatever has the focus may be hidden now.
  const isFocused = activeElement === document.body || stage.contains(activeElement);
  const takesFocus = session !== null || (shown !== null && isFocused);
  title.textContent = session ? text.scan : text.newSession;
  byId("tagline").hidden = byId("chooser").hidden = session !== null;
  showCode(session, notice);
  if (session) stage.scrollIntoView({ block: "nearest" });
  if (takesFocus) title.focus({ preventScroll: true });
}

/** Start the form that chooses the type of a new session. */
function startChooser() {
  const [form, time, button] = ["chooser", "time", "show-code"].map(byId);
  form.addEventListener("change", () => {
    time.hidden = time.disabled = form.elements.type.value !== "temporary";
  });
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    // A field that is disabled is not in the data.
    const { type, amount, unit } = /** @type {any} */ (Object.fromEntries(new FormData(form)));
    button.disabled = true;
    button.textContent = text.opening;
    const opening = openSession(type, amount && amount * unit);
    await opening.then((session) => setStage(session), toastProblem("host"));
    button.disabled = false;
    button.textContent = text.showCode;
  });
}

/** Show why the host closed for good. @param {import("../proxim.js").ProximError} error */
function showTrouble(error) {
  showReach(false);
  byId("reach").textContent = text.notReached;
  setStage(null);
  // No session can be opened until the host works again.
  byId("stage").hidden = true;
  byId("trouble").hidden = false;
  const code = codeOf(error);
  const { title, next } = problem("host", error);
  byId("trouble-title").textContent = title;
  byId("trouble-next").textContent = next;
  const needsToken = code === "access_denied";
  byId("access-form").hidden = !needsToken;
  byId("access-form").reset();
  const action = byId("trouble-action");
  if (needsToken) {
    store("localStorage", ACCESS, null);
    action.replaceChildren();
  } else if (code === "connection_lost") {
    const again = offerRetry(() => start());
    leaveTrouble = again.stop;
    action.replaceChildren(again.element);
  } else {
    action.replaceChildren(actionButton(code === "replaced" ? text.useHere : text.tryAgain, () => start()));
  }
}

fillText();
document.title = text.hostTitle;
setStage(null);
startChooser();
offerNotifications();
byId("no-storage").hidden = isStorageOpen();
onTimeJump(() => {
  // Only a session without an answer has a time that a message may have told too late.
  const isPending = [...host.sessions.values()].some(({ status }) => status === "pending");
  if (isPending) host.refresh().catch(() => {});
});
byId("access-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  start(byId("access").value);
});
addEventListener("click", allowSound);
start();
