// The prompt for a guest. One prompt is open at a time; to close it without an answer declines.

import { callForAttention } from "./attention.js";
import { byId, everyTick, secondsTo, showLeft } from "./dom.js";
import { duration, sign } from "./format.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").Prompt} Prompt */

const [dialog, sure, approve, decline] = ["prompt", "sure", "approve", "decline"].map(byId);

/** @type {Prompt[]} */
const waiting = [];
let isOpen = false;

/** Show a prompt, after the ones that wait already. @param {Prompt} prompt */
export function ask(prompt) {
  // After a reconnect the node sends the same prompt again.
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
  isOpen = true;
  const { session, deviceInfo } = prompt;
  const whole = Math.max(1, secondsTo(prompt.expiresAt));
  byId("prompt-name").textContent = deviceInfo.name;
  byId("prompt-id").textContent = deviceInfo.id;
  const summary = session.type ? text.types[session.type].summary : "";
  byId("prompt-session").textContent = text.promptSession(sign(session.id), summary);
  sure.checked = false;
  approve.disabled = true;
  const stopCall = callForAttention(deviceInfo.name);
  const stop = everyTick(() => {
    const seconds = secondsTo(session.prompt?.expiresAt ?? prompt.expiresAt);
    showLeft(byId("prompt-left"), text.answerIn(duration(seconds)), seconds / whole);
  });
  /** @param {(() => Promise<void>) | null} answer */
  const finish = async (answer) => {
    if (waiting[0] !== prompt) return;
    waiting.shift();
    isOpen = false;
    stop();
    stopCall();
    dialog.close();
    next();
    try {
      await answer?.();
    } catch (error) {
      if (!session.over) toastProblem("host")(error);
    }
  };
  approve.onclick = () => finish(() => prompt.approve());
  decline.onclick = () => finish(() => prompt.decline());
  // The event of the prompt before comes late, when the dialog is open again.
  dialog.onclose = () => dialog.open || finish(() => prompt.decline());
  session.approved.then(() => finish(null), () => finish(null));
  dialog.showModal();
  decline.focus();
}

sure.addEventListener("change", () => (approve.disabled = !sure.checked));
