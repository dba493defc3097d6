// Loads the code of sealed sessions. Only a sealed link needs it, so it is not a part of the first load.

import { connectionLost } from "./errors.js";

/** @typedef {typeof import("./seal/index.js")} SealCode */

/** Return the code that both sides need. @returns {Promise<SealCode>} @throws {ProximError} `connection_lost` */
export const loadSeal = () => loaded(import("./seal/index.js"));

/** Return what draws a host's links. @throws {ProximError} `connection_lost` */
export const loadQr = () => loaded(import("./seal/qr.js"));

/** Return the code of known devices. @throws {ProximError} `connection_lost` */
export const loadKnown = () => loaded(import("./known/index.js"));

/** @template T @param {Promise<T>} loading @returns {Promise<T>} */
async function loaded(loading) {
  try {
    return await loading;
  } catch (error) {
    const why = /** @type {Error} */ (error).message;
    throw connectionLost(`the code of sealed sessions could not be loaded: ${why}`);
  }
}
