// Ways to a code: this device's camera, where the browser can use it, and a link that a person pastes.

import { parseLink } from "../proxim.js";
import { actionButton, el, say } from "./dom.js";
import { text } from "./text.js";

/** Milliseconds between two looks. */
const LOOK_EVERY = 200;

/** Return whether this page can scan: a browser gives the camera only to a secure page. */
export const canScan = () => window.isSecureContext && "BarcodeDetector" in globalThis && Boolean(navigator.mediaDevices);

/**
 * Return a view of the camera, which opens the first code of this server that it sees. Call `stop` when it
 * leaves the page.
 * @param {string} nodeUrl @param {() => void} stopped Called when the person stops the camera.
 */
export function scanner(nodeUrl, stopped) {
  const video = el("video", { autoplay: true, muted: true, playsinline: true, "aria-label": text.scanTitle });
  video.muted = true;
  const words = el("p", { role: "status", text: text.scanTitle });
  /** @type {MediaStream | null} */
  let stream = null;
  let isOver = false;
  const stop = () => {
    isOver = true;
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  const look = async () => {
    const detector = new /** @type {any} */ (globalThis).BarcodeDetector({ formats: ["qr_code"] });
    while (!isOver) {
      const codes = await detector.detect(video).catch(() => []);
      for (const { rawValue } of codes) open(rawValue);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  };
  /** @param {string} link */
  const open = (link) => {
    if (isOver) return;
    if (!isOurs(link, nodeUrl)) return say(words, text.scanOther);
    stop();
    location.assign(link);
  };
  const start = async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      return say(words, text.scanBlocked);
    }
    if (isOver) return stop();
    video.srcObject = stream;
    await look();
  };
  start();
  const button = actionButton(text.scanStop, () => {
    stop();
    stopped();
  }, "second");
  return { element: el("div", { class: "scanner" }, video, words, button), stop };
}

/** Return a form that opens a link of this server. @param {string} nodeUrl */
export function linkField(nodeUrl) {
  const input = el("input", { id: "pasted", type: "url", required: true, autocomplete: "off", enterkeyhint: "go", "aria-describedby": "pasted-hint" });
  const hint = el("p", { id: "pasted-hint", class: "small", role: "status" });
  const field = el("div", { class: "field" }, el("label", { for: "pasted", text: text.pasteLabel }), input, hint);
  const open = (/** @type {Event} */ event) => {
    event.preventDefault();
    const link = input.value.trim();
    if (isOurs(link, nodeUrl)) location.assign(link);
    else say(hint, text.pasteOther);
  };
  const element = el("form", { class: "stack", onsubmit: open, novalidate: true }, field, el("button", { text: text.pasteGo }));
  return { element, input };
}

/** @param {string} link @param {string} nodeUrl */
function isOurs(link, nodeUrl) {
  try {
    return new URL(link).origin === location.origin && parseLink(link).nodeUrl === nodeUrl;
  } catch {
    return false;
  }
}
