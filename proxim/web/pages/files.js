// The files of a session: those that this side sends, and those that it receives.

import { el } from "./dom.js";
import { picture } from "./pictures.js";
import { Incoming } from "./incoming.js";
import { offersBox } from "./offers.js";
import { Outgoing } from "./outgoing.js";
import { toast } from "./toast.js";
import { text } from "./text.js";
import { refuse } from "./transfer.js";
import { transferRow } from "./transfer-row.js";
import { keepAwake } from "./wake.js";

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

/** Refuse a file dropped beside a conversation: the browser would open it in place of the page. */
function missed(/** @type {any} */ event) {
  if (event.defaultPrevented || !hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}
addEventListener("dragover", missed);
addEventListener("drop", missed);

const hasFiles = (/** @type {any} */ event) => event.dataTransfer?.types.includes("Files") ?? false;

/**
 * @param {Session} session
 * @param {() => string} whoAsks Returns the name of the other side.
 * @param {() => void} flooded Called when the other side sends too much.
 * @param {(element: Element) => void} place Adds a file to the conversation.
 * @param {() => void} answered Called when the last offer is answered, and the focus needs a place.
 */
export function filesPane(session, whoAsks, flooded, place, answered) {
  const offers = offersBox(whoAsks, answered);
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

  const take = (/** @type {File[]} */ files) => {
    if (session.over) toast(text.sessionOver);
    else for (const file of files) send(file);
    tend();
  };
  const pickers = el("span", { class: "pickers" }, picker("clip", text.choose, take), picker("camera", text.takePhoto, take));
  /** @param {File} file */
  const send = (file) => {
    const transfer = new Outgoing(file, flooded);
    place(add(transfer).element);
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
    keepAwake(session, isMoving());
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
  const isMoving = () => those(({ transfer }) => ["running", "confirming", "accepted"].includes(transfer.state)).length > 0;
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
    pickers,
    notes: el("div", { class: "notes" }, full),
    /** The questions whether to take a file, which a person must not overlook. */
    offers: offers.element,
    /** @param {boolean} on @param {boolean} hasNoWay Whether the two sides can't connect directly, as it looks. */
    enable(on, hasNoWay) {
      connected = on;
      pickers.hidden = hasNoWay || session.over !== null;
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
        // The person has said so for this device.
        if (transfer.state === "offered" && /** @type {any} */ (session).device?.takesFiles) transfer.accept();
        else if (transfer.state === "offered") offers.add(transfer);
        else if (rows.has(row) && !row.element.isConnected) place(row.element);
      });
    },
    /** Take the files that are dropped on an element. @param {HTMLElement} element */
    takeDropsOn(element) {
      element.dataset.drop = text.dropHere;
      for (const type of ["dragover", "dragleave", "drop"]) {
        element.addEventListener(type, (/** @type {any} */ event) => {
          if (!hasFiles(event) || pickers.hidden) return;
          event.preventDefault();
          element.classList.toggle("over", type === "dragover");
          if (type === "drop") take([...event.dataTransfer.files]);
        });
      }
    },
    /** Whether the end of the session would stop a file. */
    get isMoving() {
      return isMoving();
    },
    get hasUnsaved() {
      return unsaved() > 0;
    },
    /** Remove all files, saved or not. */
    forget() {
      for (const row of [...rows]) drop(row);
      guard();
    },
    /** Leave the received files to be saved, and stop all transfers. @param {"endedHere" | "endedThere" | "ended"} how */
    end(how) {
      pickers.hidden = true;
      for (const { transfer } of rows) transfer.endWithSession(how);
      tend();
    },
  };
}

/**
 * Return a button that chooses files, or takes a photo.
 * @param {"clip" | "camera"} kind @param {string} label @param {(files: File[]) => void} take
 */
function picker(kind, label, take) {
  const more = kind === "clip" ? { multiple: true } : { accept: "image/*", capture: "environment" };
  const input = el("input", { type: "file", "aria-label": label, ...more });
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  return el("label", { class: `picker ${kind}`, title: label }, picture(kind), input);
}
