// What a connection is like: direct or by a relay, and the round-trip times of the last minute.

import { el, say, svg } from "./dom.js";
import { sealMark } from "./sealed.js";
import { text } from "./text.js";

/** @typedef {import("../proxim.js").Session} Session */

const SAMPLES = 60;
const FEWEST = 8;
const EVERY = 1_000;

/** Return how long a connection stays, and how a guest comes back. @param {NonNullable<Session["type"]>} type @param {import("./problem.js").Role} role */
function typeLine(type, role) {
  const { name, summary } = text.types[type];
  const back = role === "guest" && type !== "one_time" ? text.comeBack : "";
  return el("p", { text: text.aboutKind(name, summary, back) });
}

/** @param {Session} session @param {import("./problem.js").Role} role This side. */
export function pathView(session, role) {
  /** @type {number[]} */
  const samples = [];
  const polyline = svg("polyline", { points: "" });
  const chart = svg("svg", { class: "spark", viewBox: `0 0 ${SAMPLES - 1} 20`, preserveAspectRatio: "none", role: "img", "aria-label": text.rttChart }, polyline);
  const kind = el("strong");
  const time = el("span");
  const detail = el("span");
  const measured = el("p", { class: "path" }, chart, time);
  const element = el("div", { class: "about", hidden: true }, el("p", {}, kind, " ", detail), measured, sealMark(session));
  const stays = session.type && typeLine(session.type, role);
  if (stays) element.append(stays);

  const measure = async () => {
    if (document.hidden || session.over) return;
    const path = await session.path().catch(() => null);
    // A browser may notice seconds later that the other side is gone.
    const connected = session.peerOnline && session.pc?.connectionState === "connected";
    if (!path || !connected) return showNone();
    measured.hidden = false;
    say(kind, text.paths[path.via]);
    say(detail, path.via === "relay" ? text.pathMeaning.relay : text.pathMeaning.direct);
    if (path.rtt === null) return;
    samples.push(path.rtt);
    if (samples.length > SAMPLES) samples.shift();
    say(time, text.roundTrip(path.rtt));
    const most = Math.max(...samples, 1) * 1.3;
    // Until there is a minute of samples, they fill the whole chart.
    const step = (SAMPLES - 1) / (Math.max(samples.length, FEWEST) - 1);
    const points = samples.map(
      (rtt, index) => `${(index * step).toFixed(2)},${(19 - (rtt / most) * 18).toFixed(2)}`,
    );
    polyline.setAttribute("points", points.join(" "));
  };
  const showNone = () => {
    measured.hidden = true;
    say(kind, text.notDirect);
    detail.textContent = "";
  };
  showNone();
  const timer = setInterval(measure, EVERY);
  session.addEventListener("connected", measure);
  session.addEventListener("presence", measure);
  session.ended.then(({ code }) => {
    clearInterval(timer);
    showNone();
    // No device can come back to a connection that has ended.
    if (code === "session_ended") stays?.remove();
  });
  return element;
}
