// One change of a store at a time, also across the tabs of a browser.

/** @import { DeviceStore, StoredDevice } from "../types.js" */

/**
 * Run `act` while no other tab runs one of this name. On plain http there are no locks.
 * @template T @param {string} name @param {() => Promise<T>} act @returns {Promise<T>}
 */
export const locked = async (name, act) => (globalThis.navigator?.locks ? navigator.locks.request(name, act) : act());

/** @type {WeakMap<DeviceStore, Promise<unknown>>} The last change of each store in this page. */
const turns = new WeakMap();

/**
 * Change the devices of a store, and return them.
 * @param {DeviceStore} store @param {(devices: StoredDevice[]) => StoredDevice[]} change
 * @returns {Promise<StoredDevice[]>}
 */
export function changeStored(store, change) {
  const act = async () => {
    const devices = change(await store.load());
    await store.save(devices);
    return devices;
  };
  const changed = (turns.get(store) ?? Promise.resolve()).then(() => locked("proxim.devices", act));
  turns.set(store, changed.catch(() => {}));
  return changed;
}
