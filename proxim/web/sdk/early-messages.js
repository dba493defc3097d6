// What comes over a data channel before anybody listens.

import { ProximError } from "./errors.js";

/** Bytes of messages, and data channels, that wait for a page that does not listen yet. */
export const EARLY = { bytes: 16 * 1024 * 1024, channels: 32 };
/** What a message that waits takes beside its bytes, about. */
const MESSAGE_OVERHEAD = 200;

export const tooManyEarlyMessages = () =>
  new ProximError("limit_reached", "more has come than can wait for a page that does not listen yet");

/**
 * What came over data channels to which nobody listens yet: as with a `MessagePort` it is handed
 * over, in order, once somebody does. A page may have to load first what listens; meanwhile nothing
 * is lost that the other side has sent.
 */
export class EarlyMessages {
  #bytes = 0;

  /** @param {() => void} overflow Called for what is dropped, as there is no room for more. */
  constructor(overflow) {
    this.overflow = overflow;
  }

  /** @param {RTCDataChannel} channel One to which nobody can have listened before. */
  hold(channel) {
    /** @type {unknown[]} */
    const held = [];
    // To shift one of many off an array takes as long as to move all the others.
    let handedOver = 0;
    let listened = false;
    /** @type {object | null} */
    let handing = null;
    /** @param {MessageEvent} event */
    const keep = (event) => {
      if (event === handing || (listened && held.length === handedOver)) return;
      // This listener is the first, so that it is the only one for which this comes too early.
      event.stopImmediatePropagation();
      if (this.#takes(event.data)) held.push(event.data);
      else this.overflow();
    };
    const handOver = async () => {
      listened = true;
      await null;
      while (handedOver < held.length) {
        const data = held[handedOver];
        handing = new MessageEvent("message", { data });
        channel.dispatchEvent(/** @type {Event} */ (handing));
        held[handedOver] = undefined;
        handedOver += 1;
        this.#bytes -= sizeOf(data);
        // As between two messages of a browser: who listens once can listen again.
        await null;
      }
      held.length = 0;
      handedOver = 0;
    };
    channel.addEventListener("message", keep);
    beforeListening(channel, "message", handOver);
  }

  /** @param {unknown} data */
  #takes(data) {
    const size = sizeOf(data);
    if (this.#bytes + size > EARLY.bytes) return false;
    this.#bytes += size;
    return true;
  }
}

/** @param {any} data A message's, in bytes, about. */
const sizeOf = (data) => MESSAGE_OVERHEAD + (data?.byteLength ?? data?.size ?? 2 * String(data).length);

/**
 * Call back before somebody begins to listen, by `addEventListener` or by the handler's property.
 * @param {any} target @param {string} type @param {() => void} listened
 */
function beforeListening(target, type, listened) {
  const handler = `on${type}`;
  const notice = () => {
    delete target.addEventListener;
    delete target[handler];
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
