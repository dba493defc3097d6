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

/** Call for attention; the function returned stops it. @param {string} name The name of the guest. */
export function callForAttention(name) {
  const title = document.title;
  document.title = text.promptTabTitle;
  chime();
  const notification = notify(name);
  return () => {
    document.title = title;
    notification?.close();
  };
}

/** @param {string} name */
function notify(name) {
  if (!document.hidden || !canNotify || Notification.permission !== "granted") return null;
  try {
    const note = new Notification(text.promptTitle, { body: text.promptNotice(name) });
    note.onclick = () => window.focus();
    return note;
  } catch {
    // Chromium on Android allows notifications only to service workers.
    return null;
  }
}
