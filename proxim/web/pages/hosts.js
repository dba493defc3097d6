// The hosts that know this browser: it can ask them without a code.

import { forgetGrant, grants } from "../proxim.js";
import { actionButton, byId, el, sentence } from "./dom.js";
import { day } from "./format.js";
import { text } from "./text.js";

/** @typedef {import("../proxim.js").Grant} Grant */

/**
 * List the hosts at a server, if there are any.
 * @param {URL} nodeUrl @param {(grant: Grant) => void} visit
 * @param {boolean} isStart Whether the person has not tried anything yet.
 * @param {Grant} [last] The one that the page speaks of: the first of the list.
 * @param {string} [beside] The session for which the page has another button.
 */
export async function showHosts(nodeUrl, visit, isStart, last, beside) {
  const all = (await grants(nodeUrl)).filter((grant) => !isOf(grant, beside));
  all.sort((one, other) => Number(other.id === last?.id) - Number(one.id === last?.id));
  byId("hosts").hidden = all.length === 0;
  if (isStart && all.length > 0) byId("over-title").textContent = text.hostsTitle;
  if (isStart && all.length > 0) byId("over-next").textContent = text.hostsHint;
  byId("hosts-title").hidden = isStart;
  byId(isStart || last ? "over-next" : "over-action").after(byId("hosts"));
  byId("host-list").replaceChildren(...all.map((grant) => rowOf(grant, nodeUrl, visit)));
}

/** Return whether a session is with the host of a grant. @param {Grant} grant @param {string} [sessionId] */
const isOf = (grant, sessionId) => [grant.sessionId, grant.pairedIn].includes(String(sessionId));

/** Return the grant of the host of a session, if there is one. @param {URL} nodeUrl @param {string} sessionId */
export async function grantFor(nodeUrl, sessionId) {
  // Without the server, the code that finds grants may be missing.
  const all = await grants(nodeUrl).catch(() => []);
  return all.find((grant) => isOf(grant, sessionId));
}

/** Say that the host of a session remembers this browser, and how to come back. @param {URL} nodeUrl @param {string} sessionId */
export async function sayRemembered(nodeUrl, sessionId) {
  const grant = await grantFor(nodeUrl, sessionId);
  const note = byId("remembered");
  note.hidden = !grant;
  if (!grant) return;
  const address = `${location.origin}${location.pathname}`;
  const hide = actionButton(text.dismiss, () => (note.hidden = true), "quiet");
  note.replaceChildren(el("p", {}, ...sentence(text.remembered, { host: grant.hostName, address })), hide);
  note.scrollIntoView({ block: "nearest" });
}

/** @param {Grant} grant @param {URL} nodeUrl @param {(grant: Grant) => void} visit */
function rowOf(grant, nodeUrl, visit) {
  const again = actionButton("", () => visit(grant));
  again.append(...sentence(text.visitHost, { host: grant.hostName }));
  const forget = async () => {
    await forgetGrant(grant);
    await showHosts(nodeUrl, visit, false);
    byId("over-title").focus();
  };
  const since = el("span", { class: "muted small", text: text.knownSince(day(grant.since)) });
  const until = el("span", { class: "muted small", text: text.knownUntil(day(grant.end)) });
  const remove = actionButton(text.forget, forget, "quiet bad", text.forgetOf(grant.hostName));
  return el("li", {}, again, el("div", { class: "row" }, since, until, remove));
}

/**
 * Return what to tell of a visit that did not come about, if it is for the time being: the grant stays.
 * @param {Grant} grant @param {string} code The error's.
 */
export function notNow({ hostName }, code) {
  if (!["unknown_session", "host_offline", "session_ended", "token_used", "link_lapsed"].includes(code)) return null;
  return { title: text.awayNow(hostName), next: code === "token_used" ? text.busyNow : text.awayNowNext };
}
