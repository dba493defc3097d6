// So that a hidden tab is noticed: a sound, the title, and a notification where that is permitted.

import { byId } from "./dom.js";
import { text } from "./text.js";

/** @type {AudioContext | null} */
let audio = null;

/** A browser lets a page sound only after a person has touched it: call this on a press. */
export function allowSound() {
  audio ??= "AudioContext" in window ? new AudioContext() : null;
  audio?.resume();
}

/** Offer notifications, where a page may ask for them and nobody has answered yet. */
export function offerNotifications() {
  const button = byId("notify");
  if (!("Notification" in window) || !window.isSecureContext) return;
  button.hidden = Notification.permission !== "default";
  button.title = text.notifyHint;
  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    button.hidden = Notification.permission !== "default";
  });
}

/** Two notes, a fifth apart. */
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

/** Ask for attention, until what is returned is called. @param {string} name Who asks. */
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
  if (!document.hidden || !("Notification" in window)) return null;
  if (Notification.permission !== "granted") return null;
  try {
    const note = new Notification(text.promptTitle, { body: text.promptNotice(name) });
    note.onclick = () => window.focus();
    return note;
  } catch {
    // Android's Chromium has notifications for service workers only.
    return null;
  }
}
