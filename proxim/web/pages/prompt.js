// The prompt for a guest. One prompt is open at a time; to close it without an answer declines.

import { callForAttention } from "./attention.js";
import { el, everyTick, ring, say, secondsTo } from "./dom.js";
import { duration, sign } from "./format.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").Prompt} Prompt */

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
  const { session } = prompt;
  const stopCall = callForAttention(prompt.deviceInfo.name);
  const whole = Math.max(1, secondsTo(prompt.expiresAt));
  const countdown = ring("ring");
  const left = el("span");
  const decline = el("button", { type: "button", class: "second", text: text.decline, autofocus: true });
  const approve = el("button", { type: "button", text: text.approve, disabled: true });
  const sure = el("input", { type: "checkbox", id: "sure" });
  const dialog = el(
    "dialog",
    { "aria-labelledby": "prompt-title", "aria-describedby": "prompt-claim" },
    el(
      "div",
      { class: "stack" },
      el("h2", { id: "prompt-title", text: text.promptTitle }),
      el(
        "div",
        { class: "claim", id: "prompt-claim" },
        el("span", { class: "muted small", text: text.promptName }),
        el("bdi", { class: "who", text: prompt.deviceInfo.name }),
        el("span", { class: "muted small", text: text.promptId }),
        el("bdi", { class: "id", text: prompt.deviceInfo.id }),
        el("span", { class: "unverified", text: text.unverified }),
      ),
      el("p", {
        class: "muted small",
        text: text.promptSession(sign(session.id), session.type ? text.types[session.type].summary : ""),
      }),
      el("p", { class: "left", role: "timer" }, countdown.element, left),
      el("label", { class: "check" }, sure, el("span", { text: text.promptConfirm })),
      el("div", { class: "answer" }, decline, approve),
    ),
  );

  const stop = everyTick(() => {
    const seconds = secondsTo(session.prompt?.expiresAt ?? prompt.expiresAt);
    countdown.show(seconds / whole);
    say(left, text.answerIn(duration(seconds)));
  });
  /** @param {(() => Promise<void>) | null} answer */
  const finish = async (answer) => {
    if (!isOpen || waiting[0] !== prompt) return;
    waiting.shift();
    isOpen = false;
    stop();
    stopCall();
    dialog.close();
    dialog.remove();
    next();
    try {
      await answer?.();
    } catch (error) {
      if (!session.over) toastProblem("host")(error);
    }
  };
  sure.addEventListener("change", () => {
    approve.disabled = !sure.checked;
  });
  approve.addEventListener("click", () => finish(() => prompt.approve()));
  decline.addEventListener("click", () => finish(() => prompt.decline()));
  dialog.addEventListener("close", () => finish(() => prompt.decline()));
  session.approved.then(() => finish(null), () => finish(null));
  document.body.append(dialog);
  dialog.showModal();
  decline.focus();
}
