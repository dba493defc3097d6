// The devices that this host knows: a list of them, notices of their visits, and what a person decides about a new one.

import { actionButton, byId, copyOf, el, sentence } from "./dom.js";
import { noteForgotten } from "./end.js";
import { day } from "./format.js";
import { confirmed, typed } from "./question.js";
import { text } from "./text.js";
import { toastProblem } from "./toast.js";

/** @typedef {import("../proxim.js").Host} Host */
/** @typedef {import("../proxim.js").HostSession} HostSession */
/** @typedef {import("../proxim.js").KnownDevice} KnownDevice */
/** @typedef {import("../proxim.js").Remember} Remember */

/** Show the list of known devices, if there are any. @param {Host} host */
export async function showKnown(host) {
  const devices = await host.devices();
  byId("known").hidden = devices.length === 0;
  byId("known-list").replaceChildren(...devices.map((device) => rowOf(host, device)));
}

/** @param {Host} host @param {KnownDevice} device */
function rowOf(host, device) {
  const { id, since, end, lastSeen, takesFiles } = device;
  const row = copyOf("known-row");
  const call = (/** @type {string} */ name) => {
    row.name.textContent = name;
    row.forget.setAttribute("aria-label", text.forgetOf(name));
    row.rename.setAttribute("aria-label", text.renameOf(name));
  };
  call(device.name);
  row.since.textContent = text.knownSince(day(since));
  row.seen.textContent = text.lastHere(day(lastSeen ?? since));
  row.end.textContent = text.knownUntil(day(end));
  row.files.checked = takesFiles;
  row.files.addEventListener("change", () => host.takeFiles(id, row.files.checked).catch(toastProblem("host")));
  row.rename.addEventListener("click", async () => {
    const name = await typed({ title: text.rename, label: text.rememberName, value: String(row.name.textContent) });
    if (name !== null) await host.rename(id, name).then(() => call(name), toastProblem("host"));
  });
  row.forget.addEventListener("click", async () => {
    if (!(await confirmed(text.forgetting))) return;
    const session = host.sessions.get(id);
    if (session) noteForgotten(session);
    await host.forget(id).catch(toastProblem("host"));
    await showKnown(host);
    byId(byId("known").hidden ? "new-title" : "known-title").focus();
  });
  return row.element;
}

/** Show a notice that stays until a person has read it. @param {(Node | string)[]} words @param {string} label @param {() => unknown} action */
function showNote(words, label, action) {
  const note = el("div", { class: "notice row" }, el("p", {}, ...words), actionButton(label, action, "second"));
  byId("visits").append(note);
  return note;
}

/** Say that a device has come without a question. @param {HostSession} session @param {() => Promise<void>} leave */
export function showVisit(session, leave) {
  const words = sentence(text.autoVisit, { name: String(session.device?.name) });
  const note = showNote(words, text.disconnect, () => leave().catch(toastProblem("host")));
  session.ended.then(() => note.remove());
}

/** Say what is wrong with a device. @param {{ device: KnownDevice, notice: import("../proxim.js").DeviceNotice }} event */
export function showDeviceNotice({ device, notice }) {
  const note = showNote(sentence(text.deviceNotices[notice], { name: device.name }), text.dismiss, () => note.remove());
}

/** Show, or hide, the choice to remember a device. Its name is a claim. @param {boolean} canRemember @param {string} name */
export function offerToRemember(canRemember, name) {
  byId("remember").hidden = !canRemember;
  byId("remember-on").checked = byId("remember-files").checked = false;
  byId("remember-more").hidden = true;
  // A name could pass for the number.
  byId("remember-name").value = /^\P{N}*$/u.test(name) ? name : text.unknownDevice;
}

/** Return what the person wants to remember of the device, if anything. @returns {Remember | undefined} */
export function remembered() {
  if (!byId("remember-on").checked) return undefined;
  const name = byId("remember-name").value.trim() || text.unknownDevice;
  return { name, days: Number(byId("remember-days").value), takesFiles: byId("remember-files").checked };
}

byId("remember-on").addEventListener("change", () => {
  byId("remember-more").hidden = !byId("remember-on").checked;
});
