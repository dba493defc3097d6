// Events, and their handlers in `on…` properties.

/**
 * Emit a new event with these fields.
 * @param {EventTarget} target @param {string} type @param {object} [fields]
 */
export const emit = (target, type, fields = {}) =>
  dispatch(target, Object.assign(new Event(type), fields));

/**
 * Call the `on…` handler of an event, and its listeners. As with the browser's own events, an error of
 * the handler is reported and stops nothing.
 * @param {EventTarget} target @param {Event} event
 */
export function dispatch(target, event) {
  const handler = /** @type {any} */ (target)[`on${event.type}`];
  try {
    if (typeof handler === "function") handler.call(target, event);
  } catch (error) {
    reportError(error);
  }
  target.dispatchEvent(event);
}

/**
 * Call `listened` when the page is about to add the first listener or handler of an event.
 * @param {any} target @param {string} type @param {() => void} listened
 */
export function beforeListening(target, type, listened) {
  const handler = `on${type}`;
  const notice = () => {
    delete target.addEventListener;
    delete target[handler];
    // A browser's own object has the property in its prototype.
    if (!(handler in target)) target[handler] = null;
    listened();
  };
  target.addEventListener = (/** @type {any[]} */ ...what) => {
    if (what[0] === type) notice();
    EventTarget.prototype.addEventListener.apply(target, /** @type {any} */ (what));
  };
  Object.defineProperty(target, handler, {
    configurable: true,
    get: () => null,
    set(listener) {
      if (listener === null) return;
      notice();
      target[handler] = listener;
    },
  });
}
