// The files of a session: those that this side sends, and those that it receives.

import { el } from "./dom.js";
import { toast } from "./toast.js";
import { text } from "./text.js";
import { Outgoing, receiveFile, refuse } from "./transfer.js";
import { transferRow } from "./transfer-row.js";

/** @typedef {import("../proxim.js").Session} Session */
/** @typedef {import("./transfer-row.js").Row} Row */

/** Files that are sent at the same time, at most; the others wait. */
const MOST_OUTGOING = 8;
/** Files that the other side may send at the same time. */
const MOST_INCOMING = 32;
/** Received files that may wait to be saved. Further files are refused, so that no file is lost. */
const MOST_UNSAVED = 100;
/** Rows of finished transfers without an unsaved file, at most. */
const MOST_OVER = 30;

/** Refuse a file dropped beside the field: the browser would open it in place of the page. */
function missed(/** @type {any} */ event) {
  if (event.target.matches?.(".drop input") || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}
addEventListener("dragover", missed);
addEventListener("drop", missed);

/**
 * @param {Session} session
 * @param {() => void} flooded Called when the other side sends too much.
 */
export function filesPane(session, flooded) {
  const list = el("div", { class: "transfers" });
  const full = el("p", { class: "notice small", role: "status", hidden: true, text: text.inboxFull });
  /** @type {Set<Row>} The oldest first. */
  const rows = new Set();
  let connected = false;
  /** Ask before a reload, which loses files that the other side believes to have arrived. */
  const askToStay = (/** @type {BeforeUnloadEvent} */ event) => {
    event.preventDefault();
    // For browsers before 2023.
    event.returnValue = true;
  };

  const field = dropField((files) => {
    if (session.over) toast(text.sessionOver);
    else for (const file of files) add(new Outgoing(file));
    tend();
  });

  /** @param {import("./transfer.js").Transfer} transfer */
  const add = (transfer) => {
    /** @type {Row} */
    const row = transferRow(transfer, tend, () => {
      drop(row);
      tend();
    });
    rows.add(row);
    list.prepend(row.element);
  };
  /** @param {(row: Row) => boolean} which */
  const those = (which) => [...rows].filter(which);
  const unsaved = () => those((row) => row.isUnsaved).length;
  const incoming = () => those(({ transfer }) => transfer.isOpen && !transfer.outgoing).length;

  /** Start the files whose turn it is, and remove rows that are no longer needed. */
  const tend = () => {
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
  /** Ask before the person leaves the page, but only while that would lose a file. */
  const guard = () => {
    const inDanger = those((row) => row.isUnsaved || row.transfer.isOpen).length > 0;
    if (inDanger) addEventListener("beforeunload", askToStay);
    else removeEventListener("beforeunload", askToStay);
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
      // Each running transfer may become a file that waits to be saved.
      const running = incoming();
      if (!session.pc || running >= MOST_INCOMING || running + unsaved() >= MOST_UNSAVED) refuse(channel);
      else add(receiveFile(channel, flooded));
      tend();
    },
    get hasUnsaved() {
      return unsaved() > 0;
    },
    /** Remove all files, saved or not. */
    forget() {
      for (const row of [...rows]) drop(row);
      guard();
    },
    /** Leave the received files to be saved, and stop sending. */
    end() {
      field.hidden = true;
      for (const { transfer } of those((row) => row.transfer.state === "waiting")) transfer.note("interrupted");
    },
  };
}

/** Return the field for dropping and choosing files. @param {(files: File[]) => void} take */
function dropField(take) {
  // It covers the field, and a browser drops files into it by itself.
  const picker = el("input", { type: "file", multiple: true, "aria-label": text.choose });
  const choose = el("span", { class: "button", "aria-hidden": "true", text: text.choose });
  const element = el("div", { class: "drop" }, el("span", { text: text.drop }), choose, picker);
  picker.addEventListener("change", () => {
    take([...picker.files]);
    picker.value = "";
  });
  for (const type of ["dragover", "dragleave", "drop"]) {
    picker.addEventListener(type, () => element.classList.toggle("over", type === "dragover"));
  }
  return element;
}
