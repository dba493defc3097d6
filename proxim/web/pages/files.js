// The files of a session: those that this side sends, and those that it receives.

import { el } from "./dom.js";
import { Incoming } from "./incoming.js";
import { offersBox } from "./offers.js";
import { Outgoing } from "./outgoing.js";
import { toast } from "./toast.js";
import { text } from "./text.js";
import { refuse } from "./transfer.js";
import { transferRow } from "./transfer-row.js";

/** @typedef {import("../proxim.js").Session} Session */
/** @typedef {import("./transfer.js").Transfer} Transfer */
/** @typedef {import("./transfer-row.js").Row} Row */

/** Files that are offered or sent at the same time, at most, and those of them that are sent; the others wait. */
const MOST_OFFERED = 24;
const MOST_SENT = 8;
/** Files that the other side may offer and send at the same time. */
const MOST_INCOMING = 32;
/** Received files that may wait to be saved. Further files are refused, so that no file is lost. */
const MOST_UNSAVED = 100;
/** Bytes of files that are offered, run or wait to be saved, at most. A file that is larger is refused, too. */
const MOST_BYTES = 64 * 1024 ** 3;
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
 * @param {() => string} whoAsks Returns the name of the other side.
 * @param {() => void} flooded Called when the other side sends too much.
 */
export function filesPane(session, whoAsks, flooded) {
  const title = el("h3", { tabindex: -1, text: text.files });
  const offers = offersBox(whoAsks, () => title.focus({ preventScroll: true }));
  const list = el("div", { class: "transfers" });
  const full = el("p", { class: "notice small", role: "status", hidden: true, text: text.inboxFull });
  const blocked = el("p", { class: "notice small", hidden: true, text: text.filesBlocked });
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
    else for (const file of files) send(file);
    tend();
  });
  /** @param {File} file */
  const send = (file) => {
    const transfer = new Outgoing(file, flooded);
    list.prepend(add(transfer).element);
    transfer.addEventListener("change", () => transfer.state === "accepted" && tend());
  };

  /** @param {Transfer} transfer */
  const add = (transfer) => {
    /** @type {Row} */
    const row = transferRow(transfer, tend, () => {
      drop(row);
      tend();
    });
    rows.add(row);
    return row;
  };
  /** @param {(row: Row) => boolean} which */
  const those = (which) => [...rows].filter(which);
  const unsaved = () => those((row) => row.isUnsaved).length;
  const incoming = () => those(({ transfer }) => transfer.isOpen && !transfer.outgoing).length;
  /** @param {number} size Bytes of an offered file. */
  const refusal = (size) => {
    if (size > MOST_BYTES) return "too_large";
    const taken = those((row) => !row.transfer.outgoing && (row.transfer.isOpen || row.isUnsaved));
    return size > taken.reduce((left, { transfer }) => left - transfer.size, MOST_BYTES) ? "busy" : null;
  };

  /** Start the files whose turn it is, and remove rows that are no longer needed. */
  const tend = () => {
    const over = those((row) => !row.transfer.isOpen && !row.isUnsaved);
    for (const row of over.slice(0, Math.max(0, over.length - MOST_OVER))) drop(row);
    full.hidden = unsaved() < MOST_UNSAVED;
    guard();
    if (!connected || !session.pc) return;
    const mine = [...rows].map((row) => row.transfer).filter((each) => each instanceof Outgoing).filter((each) => each.isOpen);
    for (const transfer of mine.slice(0, MOST_OFFERED)) {
      if (transfer.state === "waiting") transfer.offer(session.pc);
    }
    let running = mine.filter(({ state }) => state === "running" || state === "confirming").length;
    for (const transfer of mine.filter(({ state }) => state === "accepted")) {
      if (running >= MOST_SENT) break;
      running += 1;
      transfer.start();
    }
  };
  /** Ask before the person leaves the page, but only while that would lose a file. */
  const guard = () => {
    const isInDanger = (/** @type {Row} */ { isUnsaved, transfer }) =>
      isUnsaved || (transfer.isOpen && (transfer.outgoing || transfer.state === "running"));
    if (those(isInDanger).length > 0) addEventListener("beforeunload", askToStay);
    else removeEventListener("beforeunload", askToStay);
  };
  /** @param {Row} row */
  const drop = (row) => {
    rows.delete(row);
    row.forget();
  };
  return {
    element: el("section", { class: "pane" }, title, field, blocked, full, list),
    /** The questions whether to take a file, which a person must not overlook. */
    offers: offers.element,
    /** @param {boolean} on @param {boolean} hasNoWay Whether the two sides can't connect directly, as it looks. */
    enable(on, hasNoWay) {
      connected = on;
      blocked.hidden = !hasNoWay;
      field.hidden = hasNoWay || session.over !== null;
      for (const { transfer } of rows) if (transfer instanceof Outgoing) transfer.isBlocked = hasNoWay;
      tend();
    },
    /** @param {RTCDataChannel} channel */
    receive(channel) {
      if (channel.readyState === "closed") return;
      // Each running transfer may become a file that waits to be saved.
      const running = incoming();
      if (!session.pc || running >= MOST_INCOMING || running + unsaved() >= MOST_UNSAVED) return refuse(channel, "busy");
      const transfer = new Incoming(channel, flooded, refusal);
      const row = add(transfer);
      transfer.addEventListener("change", () => {
        if (transfer.state === "offered") offers.add(transfer);
        else if (rows.has(row) && !row.element.isConnected) list.prepend(row.element);
      });
    },
    get hasUnsaved() {
      return unsaved() > 0;
    },
    /** Remove all files, saved or not. */
    forget() {
      for (const row of [...rows]) drop(row);
      guard();
    },
    /** Leave the received files to be saved, and stop all transfers. */
    end() {
      field.hidden = true;
      for (const { transfer } of those((row) => row.transfer.isOpen)) transfer.note("interrupted");
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
