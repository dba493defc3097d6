// Files of the workbench: dropped or chosen here, and what comes from the other side.

import { el, everyTick, say } from "./dom.js";
import { size, text } from "./text.js";
import { receiveFile, sendFile } from "./transfer.js";

/** @typedef {import("/proxim.js").Session} Session */
/** @typedef {import("./transfer.js").Transfer} Transfer */

/** Transfers that the other side may have running at once; a person starts one after the other. */
const MOST_INCOMING = 32;

/** A file dropped beside the field would take the page's place, and end the session. */
function missed(/** @type {DragEvent} */ event) {
  const { dataTransfer, defaultPrevented } = event;
  if (defaultPrevented || !dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  dataTransfer.dropEffect = "none";
}
addEventListener("dragover", missed);
addEventListener("drop", missed);

/** @param {Session} session */
export function filesPane(session) {
  const list = el("div", { class: "transfers" });
  let incoming = 0;
  const picker = el("input", { type: "file", multiple: true, class: "unseen", tabindex: -1, "aria-hidden": "true" });
  const choose = el("button", { type: "button", class: "second", text: text.choose, onclick: () => picker.click() });
  const drop = el("div", { class: "drop" }, el("span", { text: text.drop }), choose, picker);

  /** @param {FileList | null} files */
  const sendAll = (files) => {
    if (choose.disabled || !session.pc) return;
    for (const file of files ?? []) list.prepend(row(sendFile(session.pc, file)));
  };
  picker.addEventListener("change", () => {
    sendAll(picker.files);
    picker.value = "";
  });
  drop.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    drop.classList.remove("over");
    sendAll(event.dataTransfer?.files ?? null);
  });
  return {
    element: el("section", { class: "pane" }, el("h3", { text: text.files }), drop, list),
    /** @param {boolean} on */
    enable(on) {
      choose.disabled = !on;
    },
    /** @param {RTCDataChannel} channel */
    receive(channel) {
      if (!session.pc || incoming >= MOST_INCOMING) {
        channel.close();
        return;
      }
      incoming += 1;
      channel.addEventListener("close", () => (incoming -= 1));
      list.prepend(row(receiveFile(session.pc, channel)));
    },
  };
}

/** @param {Transfer} transfer */
function row(transfer) {
  const name = el("bdi");
  const state = el("span", { class: "state small muted" });
  const bar = el("progress", { max: 1, value: 0 });
  const cancel = el("button", { type: "button", class: "quiet bad", text: text.cancel, onclick: () => transfer.cancel() });
  const actions = el("div", {}, cancel);
  const element = el("div", { class: "transfer" }, el("div", { class: "row" }, el("strong", {}, name), actions), bar, state);
  const update = () => {
    say(name, transfer.name);
    bar.value = transfer.size ? transfer.done / transfer.size : Number(transfer.state === "done");
    bar.setAttribute("aria-label", text.progressOf(transfer.name));
    cancel.setAttribute("aria-label", text.cancelOf(transfer.name));
    say(state, wordsFor(transfer));
  };
  const stop = everyTick(update);
  transfer.addEventListener("change", () => {
    if (transfer.isOpen) return;
    stop();
    // Only how it ended is announced: the way there changes four times a second.
    state.setAttribute("role", "status");
    update();
    bar.hidden = true;
    cancel.remove();
    element.classList.add(transfer.state === "done" ? "ok" : "bad");
    if (transfer.blob) actions.append(saveLink(transfer.name, transfer.blob));
  });
  return element;
}

/** @param {string} name @param {Blob} blob */
function saveLink(name, blob) {
  return el("a", {
    class: "button",
    href: URL.createObjectURL(blob),
    download: name,
    text: text.save,
    "aria-label": text.saveOf(name),
  });
}

/** @param {Transfer} transfer */
function wordsFor(transfer) {
  switch (transfer.state) {
    case "running": {
      const word = transfer.outgoing ? text.sending : text.receiving;
      return `${word} ${size(transfer.done)} / ${size(transfer.size)} · ${size(transfer.speed)}/s`;
    }
    case "checking":
      return text.checking;
    case "done":
      return `${size(transfer.size)} · ${transfer.outgoing ? text.sentOk : text.gotOk}`;
    case "mismatch":
      return text.checksumBad;
    case "cancelled":
      return text.cancelled;
    default:
      return text.interrupted;
  }
}
