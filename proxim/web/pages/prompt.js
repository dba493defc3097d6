// The prompt for a guest. One prompt is open at a time; to close it without an answer declines.

import { callForAttention } from "./attention.js";
import { leftWords, shown } from "./code.js";
import { byId, everyTick, say, secondsTo, sentence, showLeft } from "./dom.js";
import { day, duration } from "./format.js";
import { offerToRemember, remembered } from "./known.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").Prompt} Prompt */
/** @typedef {import("../proxim.js").HostSession} HostSession */

/** Milliseconds in which a new prompt ignores all input: it was meant for something else. */
const DEAF = 600;
/** Seconds left from which the time is amber, and a screen reader says so. */
const SOON = 10;

const NUMBER = /^[1-9][0-9]{2}$/;
/** Names in the question above the field: short, and without a digit that could be taken for the number. */
const HARMLESS = /^\P{N}{1,24}$/u;

const [dialog, number, approve] = ["prompt", "number", "approve"].map(byId);

/** @type {Prompt[]} */
const waiting = [];
/** @type {WeakSet<HostSession>} Sessions whose guests a person has approved, by the number that was typed. */
const approved = new WeakSet();
/** @type {WeakSet<HostSession>} Sessions whose guests a person has declined. */
const declined = new WeakSet();
/** Whether the first one is on the page. */
let isOpen = false;
let openedAt = 0;
/** @type {(() => void)[]} */
let stops = [];

/** Return whether a person has approved the guest: if the session is rejected then, the number was wrong. @param {HostSession} session */
export const wasApproved = (session) => approved.has(session);

/** Return whether a person has declined the guest. @param {HostSession} session */
export const wasDeclined = (session) => declined.has(session);

/** Close the prompt of a session whose guest the server has forgotten, and the decision about it. @param {HostSession} session */
export function forgetGuest(session) {
  approved.delete(session);
  const at = waiting.findIndex((each) => each.session === session);
  if (at === 0 && isOpen) finish();
  else if (at >= 0) waiting.splice(at, 1);
}

/** Show a prompt, after the ones that wait already. @param {Prompt} prompt */
export function ask(prompt) {
  // The node may send the same prompt again.
  if (waiting.some((each) => each.session === prompt.session)) return;
  waiting.push(prompt);
  next();
}

function next() {
  if (isOpen) return;
  while (waiting[0]?.session.prompt === null) waiting.shift();
  if (waiting.length > 0) show(waiting[0]);
}

/** @param {Prompt} prompt */
function show(prompt) {
  const { session, deviceInfo, device } = prompt;
  const whole = Math.max(1, secondsTo(prompt.expiresAt));
  isOpen = true;
  openedAt = performance.now();
  number.value = "";
  byId("prompt-number").hidden = !needsNumber();
  byId("prompt-title").replaceChildren(...titleOf(prompt));
  byId("prompt-known").textContent = device ? text.knownDevice(day(device.since), day(device.lastSeen ?? device.since)) : "";
  byId("prompt-known").hidden = byId("prompt-claim").hidden = false;
  byId(device ? "prompt-claim" : "prompt-known").hidden = true;
  offerToRemember(prompt.canRemember, deviceInfo.name);
  byId("prompt-id-line").hidden = session.sealed;
  byId("prompt-name").textContent = deviceInfo.name;
  byId("prompt-id").textContent = deviceInfo.id;
  const stopTick = everyTick(() => {
    const seconds = secondsTo(session.prompt?.expiresAt ?? prompt.expiresAt);
    showLeft(byId("prompt-left"), text.answerIn(duration(seconds)), seconds / whole, seconds < SOON);
    // Once, and not each second: a screen reader could say nothing else.
    say(byId("prompt-soon"), seconds < SOON ? text.answerSoon : "");
    byId("contested").hidden = !session.contested;
    say(byId("prompt-type"), stayWords(session));
    approve.disabled = !isReady();
  });
  stops = [stopTick, callForAttention("prompt")];
  const settled = () => {
    if (isOpen && waiting[0] === prompt) finish();
  };
  session.approved.then(settled, settled);
  dialog.showModal();
  (needsNumber() ? number : byId("decline")).focus();
}

/** Return the question. A name that could pass for a number stands in the small print alone. @param {Prompt} prompt */
function titleOf({ device, deviceInfo: { name } }) {
  if (device) return sentence(text.visitTitle, { name: device.name });
  if (!needsNumber()) return [text.promptTitlePlain];
  return HARMLESS.test(name) ? sentence(text.promptTitle, { name }) : [text.promptTitleOther];
}

/** Return how long the connection stays. @param {HostSession} session */
function stayWords({ type, expiresAt }) {
  if (!type) return "";
  const { name, summary } = text.types[type];
  return text.aboutKind(name + leftWords(expiresAt), summary, "");
}

const isDeaf = () => performance.now() - openedAt < DEAF;
const needsNumber = () => waiting[0].session.confirm === "code";
const isReady = () => !isDeaf() && (!needsNumber() || NUMBER.test(number.value));

/** Close the open prompt. @param {(prompt: Prompt) => Promise<void>} [answer] None if it is settled. */
async function finish(answer) {
  const [prompt] = waiting.splice(0, 1);
  isOpen = false;
  for (const stop of stops) stop();
  dialog.close();
  next();
  try {
    await answer?.(prompt);
  } catch (error) {
    // The card says it where it shows the next code.
    const isTold = /** @type {any} */ (error).code === "wrong_code" && prompt.session === shown;
    if (!prompt.session.over && !isTold) toastProblem("host")(error);
    // The device could not be remembered, for example.
    if (prompt.session.prompt && /** @type {any} */ (error).code !== "connection_lost") ask(prompt.session.prompt);
  }
}

function decline() {
  if (!isOpen || isDeaf()) return;
  declined.add(waiting[0].session);
  finish((prompt) => prompt.decline());
}

byId("decline").addEventListener("click", decline);
byId("prompt-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  if (!isOpen || !isReady()) return;
  const code = needsNumber() ? number.value : undefined;
  const remember = remembered();
  approved.add(waiting[0].session);
  finish((prompt) => prompt.approve(code, { remember }));
});
number.addEventListener("input", () => {
  number.value = number.value.replace(/[^0-9]/g, "").slice(0, 3);
  approve.disabled = !isReady();
});
dialog.addEventListener("cancel", (/** @type {Event} */ event) => {
  event.preventDefault();
  decline();
});
dialog.addEventListener("close", () => {
  // A browser may close the dialog all the same. The event of an earlier prompt comes late.
  if (!isOpen || dialog.open) return;
  if (isDeaf()) dialog.showModal();
  else decline();
});
document.addEventListener(
  "keydown",
  (event) => {
    if (!isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isDeaf() || (event.key === "Enter" && !isReady())) event.preventDefault();
    else if (event.key === "Escape") {
      event.preventDefault();
      decline();
    } else if (/^[0-9]$/.test(event.key) && needsNumber() && document.activeElement !== byId("remember-name")) {
      // Wherever the digit was typed, it goes into the field.
      number.focus();
    }
  },
  true,
);
