// The host page: show a code at once, decide on guests, and use the connections.

import { grants, Host } from "../proxim.js";
import { allowSound, offerNotifications } from "./attention.js";
import { setOnline, shown } from "./code.js";
import { actionButton, byId, fillText, onTimeJump, showReach } from "./dom.js";
import { closeFor } from "./end.js";
import { showDeviceNotice, showKnown, showVisit } from "./known.js";
import { addRow, moveToEnded, noteEnded } from "./list.js";
import { ownName, setOwnName, startOwnName } from "./own-name.js";
import { codeOf, problem, reasonWords } from "./problem.js";
import { ask, forgetGuest, wasApproved, wasDeclined } from "./prompt.js";
import { offerRetry, resetRetries } from "./retry.js";
import { showNotice } from "./sealed.js";
import { startStage } from "./stage.js";
import { load, store } from "./storage.js";
import { isUsedElsewhere, leaveToOthers, useHere } from "./tabs.js";
import { text } from "./text.js";
import { toast } from "./toast.js";
import { workbench } from "./workbench.js";

/** @typedef {import("../proxim.js").HostSession} HostSession */

const ACCESS = "proxim.access";
const nodeUrl = new URL("..", import.meta.url);
/** What only one tab can use: the sessions of this browser at this server. */
const TAB = `host ${nodeUrl}`;

/** @type {Host} */
let host;
/** @type {Map<string, { session: HostSession, show: () => void, retire: () => void, lose: () => void, leaves: () => Promise<void> }>} */
const benches = new Map();
let leaveTrouble = () => {};
/** Whether a person has entered the access token of the last try. */
let isTokenTyped = false;

/** @param {string} [accessToken] */
function start(accessToken) {
  leaveTrouble();
  leaveTrouble = () => {};
  byId("trouble").hidden = true;
  useHere(TAB);
  isTokenTyped = accessToken !== undefined;
  const known = load("localStorage", ACCESS) ?? undefined;
  host = new Host(nodeUrl, { accessToken: accessToken ?? known, name: ownName() });
  host.onsession = ({ session }) => welcome(session);
  host.onvisit = ({ session, device }) => {
    welcome(session);
    const { id } = session;
    if (device.policy === "auto") showVisit(session, async () => benches.get(id)?.leaves() ?? closeFor(session, "left"));
  };
  host.ondevicenotice = (event) => {
    showDeviceNotice(event);
    listDevices();
  };
  host.onreachable = ({ online }) => {
    showReach(online);
    setOnline(online);
    if (!online) return;
    resetRetries();
    stage.reached();
  };
  host.onfailed = ({ error }) => showFailure(error);
  host.ready.then(() => accessToken && store("localStorage", ACCESS, accessToken), () => {});
  host.ready.then(begin, () => {});
}

/** Show what was there before the page opened, or a first code. */
async function begin() {
  byId("stage").hidden = false;
  const sessions = [...host.sessions.values()];
  listDevices();
  const waiting = sessions.find(({ status, prompt, device }) => status === "pending" && !prompt && !device);
  if (waiting) stage.show(waiting);
  else if (sessions.length > 0) stage.show(null);
  else stage.openWhenSeen();
  // Sessions that ended while this page was closed.
  for (const info of await host.list()) {
    // The server does not know the name of a device that has a sealed connection.
    const name = info.device_info && info.seal ? text.unknownDevice : info.device_info?.name;
    if (info.reason) noteEnded(info.session_id, info.session_type, name, info.reason);
  }
}

/** Show the devices that this host knows. */
const listDevices = () => showKnown(host).catch(() => {});

/** Show a session that was opened or restored. @param {HostSession} session */
function welcome(session) {
  addRow(session, () => open(session), async () => benches.get(session.id)?.leaves() ?? closeFor(session, "left"));
  session.onprompt = (prompt) => prompt.isSilent || ask(prompt);
  session.onnotice = showNotice;
  session.oncontested = () => session.prompt || toast(text.contestedLater);
  session.onpresence = ({ replaced }) => replaced && toast(text.guestMoved);
  let { id } = session;
  /** @type {string | undefined} */
  let guest;
  session.onlink = () => {
    if (session.id !== id) startOver(session, id, guest);
    id = session.id;
  };
  session.onapproved = () => {
    guest = session.deviceInfo?.name;
    // The device may be a new one, and was here now.
    listDevices();
    const isAwaited = shown === session;
    const bench = openBench(session);
    if (isAwaited) stage.show(null);
    if (isAwaited) bench.show();
  };
  session.onover = ({ error }) => {
    const isAwaited = shown === session || (!shown && !session.device && wasApproved(session) && error.reason === "rejected");
    moveToEnded(session);
    const here = wasApproved(session) ? text.wrongNumber : wasDeclined(session) ? text.declinedHere : undefined;
    if (isAwaited && error.code === "session_ended") stage.replace(session, here);
  };
}

/**
 * Show the code of a session that the server had forgotten, and that waits for a device again.
 * @param {HostSession} session @param {string} id The id of before. @param {string} [guest] The name of the device of then.
 */
function startOver(session, id, guest) {
  forgetGuest(session);
  benches.get(id)?.lose();
  benches.delete(id);
  noteEnded(id, String(session.type), guest, "lost");
  // The page shows one code.
  if (!shown || shown === session) stage.show(session, text.newCodeAfter(reasonWords("lost")));
  else session.close().catch(() => {});
}

/** @param {HostSession} session */
function open(session) {
  if (session.status === "approved") openBench(session).show();
  else if (session.prompt) ask(session.prompt);
  else {
    stage.show(session);
    stage.reveal();
  }
}

/** Open a session under the name of this device. @param {import("./stage.js").Kind} kind */
async function openSession({ type, ttl }) {
  const sealed = host.features.includes("seal");
  const open = () => host.open({ type: type ?? undefined, ttl, confirm: "code", hostName: ownName(), sealed });
  try {
    return await open();
  } catch (error) {
    // The name has a character that could deceive.
    if (codeOf(error) !== "bad_message") throw error;
    setOwnName("");
    host.name = byId("own-name").value = ownName();
    toast(text.ownNameRefused);
    return open();
  }
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

/** Show why the host closed for good. @param {import("../proxim.js").ProximError} error */
function showFailure(error) {
  leaveToOthers(TAB);
  const code = codeOf(error);
  const needsToken = code === "access_denied";
  const { title, next } = problem("host", error);
  if (needsToken && isTokenTyped) showTrouble(text.accessWrong, text.accessWrongNext);
  else showTrouble(title, next);
  byId("access-form").hidden = !needsToken;
  if (needsToken) {
    store("localStorage", ACCESS, null);
    byId("access-form").reset();
    byId("access").focus();
  } else if (code === "connection_lost") {
    const again = offerRetry(() => start());
    leaveTrouble = again.stop;
    byId("trouble-action").replaceChildren(again.element);
  } else {
    byId("trouble-action").replaceChildren(actionButton(code === "replaced" ? text.useHere : text.tryAgain, () => start()));
  }
}

/** Show why this page has no connection to the server. @param {string} title @param {string} next */
function showTrouble(title, next) {
  showReach(false);
  byId("reach").textContent = text.notReached;
  setOnline(false);
  stage.show(null);
  // No session can be opened until the host works again.
  byId("stage").hidden = true;
  byId("trouble").hidden = false;
  byId("trouble-title").textContent = title;
  byId("trouble-next").textContent = next;
  byId("access-form").hidden = true;
  byId("trouble-action").replaceChildren();
  byId("trouble").scrollIntoView({ block: "nearest" });
}

fillText();
document.title = text.hostTitle;
const stage = startStage({
  open: openSession,
  answer: (session) => session.prompt && ask(session.prompt),
});
offerNotifications();
// A session keeps its name: another one takes its place, unless a device has asked already.
startOwnName(() => {
  if (host) host.name = ownName();
  if (shown && !shown.over && !shown.deviceInfo) stage.openAgain(shown);
});
onTimeJump(() => {
  // Only a session without an answer has a time that a message may have told too late.
  const isPending = [...(host?.sessions.values() ?? [])].some(({ status }) => status === "pending");
  if (isPending) host.refresh().catch(() => {});
});
byId("access-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  start(byId("access").value);
});
addEventListener("click", allowSound);
stage.show(null);
byId("stage").hidden = true;
byId("knowing").firstElementChild.href = new URL("join", nodeUrl);
grants(nodeUrl).then((known) => (byId("knowing").hidden = known.length === 0), () => {});
if (await isUsedElsewhere(TAB)) {
  showTrouble(text.openElsewhereTitle, text.openElsewhere);
  byId("trouble-action").replaceChildren(actionButton(text.useHere, () => start()));
} else {
  start();
}
