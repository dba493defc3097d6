// Events, and the handlers in the `on…` properties.

/** An event with fields of its own, also handed to the `on…` property of its target. */
export class Happening extends Event {
  /** @param {string} type @param {object} [fields] */
  constructor(type, fields = {}) {
    super(type);
    Object.assign(this, fields);
  }
}

/**
 * A handler that throws stops nothing, as with the browser's own events.
 * @param {EventTarget} target @param {Event} event
 */
export function emit(target, event) {
  const handler = /** @type {any} */ (target)[`on${event.type}`];
  try {
    if (typeof handler === "function") handler.call(target, event);
  } catch (error) {
    reportError(error);
  }
  target.dispatchEvent(event);
}
