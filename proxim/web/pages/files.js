// Files of the workbench: dropped or chosen here, and what comes from the other side.

import { el } from "./dom.js";
import { toast } from "./toast.js";
import { text } from "./text.js";
import { Outgoing, receiveFile, refuse } from "./transfer.js";
import { transferRow } from "./transfer-row.js";

/** @typedef {import("../proxim.js").Session} Session */
/** @typedef {import("./transfer-row.js").Row} Row */

/** Files that are sent at once; the others wait for their turn. */
const MOST_OUTGOING = 8;
/** Transfers that the other side may have running at once. */
const MOST_INCOMING = 32;
/** Files that wait to be saved: past that no more are taken in, since none may be lost. */
const MOST_UNSAVED = 100;
/** Rows of transfers that are over, and of which nothing is left to be saved. */
const MOST_OVER = 30;

/** A file dropped beside the field would take the page's place, and end the session. */
function missed(/** @type {DragEvent} */ event) {
  const { dataTransfer, defaultPrevented } = event;
  if (defaultPrevented || !dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  dataTransfer.dropEffect = "none";
}
addEventListener("dragover", missed);
addEventListener("drop", missed);

/** A reload takes what is not saved, though the other side was told that it has arrived. */
function askToStay(/** @type {BeforeUnloadEvent} */ event) {
  event.preventDefault();
  // As browsers before 2023 want to be told.
  event.returnValue = true;
}

/**
 * @param {Session} session
 * @param {() => void} flooded Told when more comes than the page can take.
 */
export function filesPane(session, flooded) {
  const list = el("div", { class: "transfers" });
  const full = el("p", { class: "notice small", role: "status", hidden: true, text: text.inboxFull });
  /** @type {Set<Row>} In the order in which they began. */
  const rows = new Set();
  let connected = false;
  // One of its own for each pane: what is safe here may be in danger there.
  const stay = (/** @type {BeforeUnloadEvent} */ event) => askToStay(event);

  const field = dropField((files) => {
    if (session.over) toast(text.sessionOver);
    else for (const file of files) add(new Outgoing(file));
    tend();
  });

  /** @param {import("./transfer.js").Transfer} transfer */
  const add = (transfer) => {
    const row = transferRow(transfer, tend);
    rows.add(row);
    list.prepend(row.element);
  };
  /** @param {(row: Row) => boolean} which */
  const those = (which) => [...rows].filter(which);
  const unsaved = () => those((row) => row.isUnsaved).length;
  const incoming = () => those(({ transfer }) => transfer.isOpen && !transfer.outgoing).length;

  /** Send what waits, as far as it is its turn; let go of rows that are of no more use. */
  const tend = () => {
    for (const row of those((each) => each.isGone)) drop(row);
    const over = those((row) => !row.transfer.isOpen && !row.isUnsaved);
    for (const row of over.slice(0, Math.max(0, over.length - MOST_OVER))) drop(row);
    full.hidden = unsaved() < MOST_UNSAVED;
    guard();
    if (!connected || !session.pc) return;
    const mine = those(({ transfer }) => transfer.outgoing && transfer.isOpen);
    for (const { transfer } of mine.slice(0, MOST_OUTGOING)) {
      if (transfer.state === "waiting") /** @type {Outgoing} */ (transfer).start(session.pc);
    }
  };
  /** Ask a person who leaves the page, but only while that would lose something. */
  const guard = () => {
    const inDanger = unsaved() > 0 || those(({ transfer }) => transfer.isOpen).length > 0;
    if (inDanger) addEventListener("beforeunload", stay);
    else removeEventListener("beforeunload", stay);
  };
  /** @param {Row} row */
  const drop = (row) => {
    rows.delete(row);
    row.forget();
  };
  return {
    element: el("section", { class: "pane" }, el("h3", { text: text.files }), field, full, list),
    /** @param {boolean} on */
    enable(on) {
      connected = on;
      tend();
    },
    /** @param {RTCDataChannel} channel */
    receive(channel) {
      // Those that run may each become one that waits to be saved.
      const running = incoming();
      if (!session.pc || running >= MOST_INCOMING || running + unsaved() >= MOST_UNSAVED) refuse(channel);
      else add(receiveFile(channel, flooded));
      tend();
    },
    get hasUnsaved() {
      return unsaved() > 0;
    },
    /** Let go of all of it, saved or not. */
    forget() {
      for (const row of [...rows]) drop(row);
      guard();
    },
    /** What was received can still be saved, and nothing be sent. */
    end() {
      field.hidden = true;
      for (const { transfer } of those((row) => row.transfer.state === "waiting")) transfer.note("interrupted");
    },
  };
}

/** Where files are dropped or chosen. @param {(files: File[]) => void} take */
function dropField(take) {
  const picker = el("input", { type: "file", multiple: true, class: "unseen", tabindex: -1, "aria-hidden": "true" });
  const choose = el("button", { type: "button", class: "second", text: text.choose, onclick: () => picker.click() });
  const element = el("div", { class: "drop" }, el("span", { text: text.drop }), choose, picker);
  picker.addEventListener("change", () => {
    take([...picker.files]);
    picker.value = "";
  });
  element.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    element.classList.remove("over");
    take([...(event.dataTransfer?.files ?? [])]);
  });
  return element;
}
