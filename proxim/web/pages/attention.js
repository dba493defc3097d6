// Calls a person to a hidden tab: by a sound, the title, and a notification if those are permitted.

import { byId } from "./dom.js";
import { text } from "./text.js";

/** @type {AudioContext | null} */
let audio = null;
const canNotify = "Notification" in window && window.isSecureContext;

/** Allow sounds. Call this on a click: a browser allows a page no sound before. */
export function allowSound() {
  audio ??= "AudioContext" in window ? new AudioContext() : null;
  audio?.resume();
}

/** Show the button for notifications, if the page may ask and the person has not decided yet. */
export function offerNotifications() {
  const button = byId("notify");
  if (!canNotify) return;
  button.hidden = Notification.permission !== "default";
  button.title = text.notifyHint;
  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    button.hidden = Notification.permission !== "default";
  });
}

/** Play two notes, a fifth apart. */
function chime() {
  if (!audio || audio.state !== "running") return;
  for (const [index, pitch] of [523.25, 783.99].entries()) {
    const start = audio.currentTime + index * 0.18;
    const tone = new OscillatorNode(audio, { frequency: pitch });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.setValueAtTime(0.2, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.5);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.5);
  }
}

/** @type {Set<{ tab: string }>} The calls that go on, the oldest first. */
const calls = new Set();
let quietTitle = "";

/** Call for attention; the function returned stops it. @param {keyof typeof text.calls} what */
export function callForAttention(what) {
  const words = { ...text.calls[what] };
  if (calls.size === 0) quietTitle = document.title;
  calls.add(words);
  showCalls();
  chime();
  const notification = notify(words);
  return () => {
    if (!calls.delete(words)) return;
    showCalls();
    notification?.close();
  };
}

function showCalls() {
  document.title = [...calls].at(-1)?.tab ?? quietTitle;
}

/** @param {{ title: string, body: string }} words */
function notify({ title, body }) {
  if (!document.hidden || !canNotify || Notification.permission !== "granted") return null;
  try {
    // Without the device's name, which could say anything: a number, for example.
    const note = new Notification(title, { body });
    note.onclick = () => window.focus();
    return note;
  } catch {
    // Chromium on Android allows notifications only to service workers.
    return null;
  }
}
