// The row of a transfer: its name, its progress, its result and its buttons.

import { actionButton, el, everyTick, say } from "./dom.js";
import { size } from "./format.js";
import { Outgoing } from "./outgoing.js";
import { text } from "./text.js";

/** @typedef {import("./transfer.js").Transfer} Transfer */
/** @typedef {ReturnType<typeof transferRow>} Row */

/**
 * @param {Transfer} transfer @param {() => void} changed Called when it ends or is saved.
 * @param {() => void} removed Called when a person removes it.
 */
export function transferRow(transfer, changed, removed) {
  const name = el("bdi");
  const state = el("span", { class: "state small muted" });
  const bar = el("progress", { max: 1, value: 0 });
  const cancel = actionButton(text.cancel, () => transfer.cancel("cancelled"), "quiet bad");
  const actions = el("div", { class: "transfer-actions" }, cancel);
  const look = `transfer ${transfer.outgoing ? "mine" : ""}`;
  // The log around it would announce each change of the progress.
  const element = el("div", { class: look, "aria-live": "off" }, el("div", { class: "row" }, el("strong", {}, name), actions), bar, state);
  let url = "";
  const row = {
    transfer,
    element,
    /** Whether it has received a file that is not saved yet. */
    isUnsaved: false,
    /** Remove the row from the page, and its file from memory. */
    forget() {
      stop();
      element.remove();
      if (url) URL.revokeObjectURL(url);
    },
  };
  const update = () => {
    const called = calledBy(transfer);
    say(name, called);
    bar.hidden = transfer.state !== "running" && transfer.state !== "confirming";
    bar.value = transfer.size ? transfer.moved / transfer.size : Number(transfer.state === "done");
    bar.setAttribute("aria-label", text.progressOf(called));
    cancel.setAttribute("aria-label", text.cancelOf(called));
    say(state, stateWords(transfer, row.isUnsaved));
  };
  const stop = everyTick(update);
  const offer = (/** @type {Blob} */ blob) => {
    url = URL.createObjectURL(blob);
    row.isUnsaved = true;
    const called = calledBy(transfer);
    const saved = () => {
      row.isUnsaved = false;
      update();
      changed();
    };
    const link = { class: "button", href: url, download: called, onclick: saved, "aria-label": text.saveOf(called) };
    actions.append(el("a", { ...link, text: text.save }), actionButton(text.remove, removed, "quiet", text.removeOf(called)));
  };
  let isOver = false;
  transfer.addEventListener("change", () => {
    if (transfer.isOpen) return;
    // The reason may come a moment later.
    if (isOver) return update();
    isOver = true;
    stop();
    // A screen reader announces only the result: the progress changes four times a second.
    state.setAttribute("role", "status");
    cancel.remove();
    element.classList.add(looks(transfer));
    if (transfer.blob) offer(transfer.blob);
    update();
    changed();
  });
  return row;
}

/** @param {Transfer} transfer */
const calledBy = (transfer) => transfer.name || text.nameless;

/** Return the class of an ended transfer. What this side's person has decided is no fault. @param {Transfer} transfer */
function looks({ state, reason }) {
  if (state === "done") return "ok";
  return state === "cancelled" && ["declined", "cancelled"].includes(reason) ? "stopped" : "bad";
}

/** @param {Transfer} transfer @param {boolean} isUnsaved */
function stateWords(transfer, isUnsaved) {
  const { state, reason, outgoing: isMine } = transfer;
  if (state === "cancelled") return text.cancelledHere[reason](isMine);
  if (state === "refused") return text.cancelledThere[reason](isMine);
  if (transfer.endedBy) return text.transferStates[transfer.endedBy]();
  const [done, whole, speed] = [transfer.moved, transfer.size, transfer.speed].map(size);
  const isBlocked = transfer instanceof Outgoing && transfer.isBlocked;
  return text.transferStates[state]({ isMine, isBlocked, isUnsaved, done, size: whole, speed });
}
