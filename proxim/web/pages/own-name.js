// The name of this device. A person sets it once; the other device sees it.

import { deviceName } from "../proxim.js";
import { byId } from "./dom.js";
import { load, store } from "./storage.js";

const NAME = "proxim.name";

let known = load("localStorage", NAME);

/** Return the name of this device. */
export const ownName = () => known ?? deviceName();

/** Remember a name for this device; an empty one stands for that of the browser. @param {string} name */
export function setOwnName(name) {
  known = name.trim() || null;
  store("localStorage", NAME, known);
}

/** Start the field for the name. @param {() => void} changed Called when a person has set another name. */
export function startOwnName(changed) {
  const field = byId("own-name");
  field.value = ownName();
  const take = () => {
    const before = ownName();
    setOwnName(field.value);
    field.value = ownName();
    if (ownName() !== before) changed();
  };
  field.addEventListener("change", take);
  byId("own-name-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    take();
  });
}
