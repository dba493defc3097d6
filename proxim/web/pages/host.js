// The host page: choose a type, show the code, decide on guests, and use the connection.

import { Host } from "../proxim.js";
import { allowSound, offerNotifications } from "./attention.js";
import { chooser } from "./choose.js";
import { codePanel } from "./code.js";
import { actionButton, byId, el, fillText, showReach } from "./dom.js";
import { addRow, moveToEnded, noteEnded, startList } from "./list.js";
import { codeOf, problem } from "./problem.js";
import { ask } from "./prompt.js";
import { Retries } from "./retry.js";
import { load, store } from "./storage.js";
import { text } from "./text.js";
import { workbench } from "./workbench.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */

const ACCESS = "proxim.access";

/** @type {Host} */
let host;
/** @type {{ session: HostSession, stop: () => void } | null} The code on the page. */
let shown = null;
/** @type {Map<string, { session: HostSession, show: () => void, retire: () => void }>} */
const benches = new Map();
const retries = new Retries();
let leaveTrouble = () => {};
const form = chooser(async (choice) => showCode(await host.open(choice)));

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
    if (online) retries.reset();
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
  session.onprompt = ask;
  session.onapproved = () => {
    const isAwaited = shown?.session === session;
    if (isAwaited) showChooser();
    const bench = openBench(session);
    if (isAwaited) bench.show();
  };
  session.onover = () => {
    if (shown?.session === session) showChooser();
    moveToEnded(session);
  };
}

/** @param {HostSession} session */
function open(session) {
  if (session.status === "approved") openBench(session).show();
  else if (session.prompt) ask(session.prompt);
  else showCode(session);
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

/** @param {HostSession} session */
function showCode(session) {
  if (session.over) return;
  shown?.stop();
  const panel = codePanel(session);
  shown = { session, stop: panel.stop };
  setStage(text.scan, "", panel.element);
  byId("stage").scrollIntoView({ block: "nearest" });
  byId("new-title").focus({ preventScroll: true });
}

function showChooser() {
  const wasFocused = shown !== null && holdsFocus(byId("stage"));
  shown?.stop();
  shown = null;
  setStage(text.newSession, text.tagline, form);
  // The focused element was part of the code.
  if (wasFocused) byId("new-title").focus({ preventScroll: true });
}

/** Return whether the focus is in an element, or nowhere. @param {Element} element */
const holdsFocus = (element) =>
  document.activeElement === document.body || element.contains(document.activeElement);

/** @param {string} title @param {string} tagline @param {Element} body */
function setStage(title, tagline, body) {
  byId("new-title").textContent = title;
  byId("tagline").textContent = tagline;
  byId("stage-body").replaceChildren(body);
}

/** Show why the host closed for good. @param {import("../proxim.js").ProximError} error */
function showTrouble(error) {
  showReach(false);
  byId("reach").textContent = text.notReached;
  showChooser();
  // No session can be opened until the host works again.
  byId("stage").hidden = true;
  const trouble = byId("trouble");
  trouble.hidden = false;
  const code = codeOf(error);
  const { title, next } = problem("host", error);
  const words = [el("h2", { text: title }), el("p", { text: next })];
  if (code === "access_denied") {
    store("localStorage", ACCESS, null);
    trouble.replaceChildren(...words, accessForm());
  } else if (code === "connection_lost") {
    const again = retries.offer(() => start());
    leaveTrouble = again.stop;
    trouble.replaceChildren(...words, again.element);
  } else {
    const use = code === "replaced" ? text.useHere : text.tryAgain;
    trouble.replaceChildren(...words, actionButton(use, () => start()));
  }
}

function accessForm() {
  const input = el("input", { type: "password", id: "access", autocomplete: "off", required: true });
  const answer = (/** @type {Event} */ event) => {
    event.preventDefault();
    start(input.value);
  };
  return el(
    "form",
    { onsubmit: answer },
    el("div", { class: "field" }, el("label", { for: "access", text: text.accessLabel }), input),
    el("button", { type: "submit", text: text.accessGo }),
  );
}

fillText();
document.title = text.hostTitle;
showChooser();
startList();
offerNotifications();
addEventListener("click", allowSound);
start();
