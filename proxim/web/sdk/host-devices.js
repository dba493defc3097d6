// The known devices of a host: where they are stored, and when their code is loaded.

import { isPassing, pauseAfter } from "./coming-back.js";
import { ProximError } from "./errors.js";
import { emit } from "./events.js";
import { loadKnown } from "./load-seal.js";
import { storage } from "./storage.js";

/** @import { Host } from "./host.js" */
/** @import { HostSecret, HostSecrets } from "./host-secrets.js" */
/** @import { StandingSessions } from "./known/standing.js" */
/** @import { DeviceStore } from "./types.js" */

export class HostDevices {
  #host;
  #secrets;
  #store;
  #isOn;
  /** @type {StandingSessions | null} Null before a device is known. */
  standing = null;

  /**
   * @param {Host} host @param {HostSecrets} secrets @param {DeviceStore} store
   * @param {boolean} isOn Whether this host takes all of its sessions: one with `seats` would miss the visits.
   */
  constructor(host, secrets, store, isOn) {
    this.#isOn = isOn;
    this.#host = host;
    this.#secrets = secrets;
    this.#store = store;
  }

  /** Whether this host can remember devices at its node. */
  get canRemember() {
    return this.#isOn && ["nonce", "link_ttl"].every((feature) => this.#host.features.includes(feature));
  }

  /**
   * Return the known device in a session with these secrets; null if they are not those of its link. The node could give
   * any other session the id.
   * @param {HostSecret | null} secret
   */
  visitorOf(secret) {
    return secret?.sealedHost?.isStanding ? (this.standing?.get(secret.id) ?? null) : null;
  }

  /** Load the code, if this host knows a device. @throws {ProximError} `connection_lost` */
  async restore() {
    if (!this.#isOn) return;
    if (this.standing) await this.standing.load();
    else if ((await this.#store.load()).length > 0) await this.load();
  }

  /** Return the devices. Without one the code stays unloaded. */
  async list() {
    return this.standing || (await this.#store.load()).length > 0 ? (await this.load()).list() : [];
  }

  /** @returns {Promise<StandingSessions>} @throws {ProximError} `connection_lost` */
  async load() {
    const [{ StandingSessions }] = await Promise.all([loadKnown(), this.#secrets.load()]);
    if (!this.standing) {
      const standing = new StandingSessions(this.#host, this.#secrets, this.#store, {
        fail: (code, message, sessionId) => new ProximError(code, message, { sessionId }),
        tell: (device, notice) => emit(this.#host, "devicenotice", { device, notice }),
        pauseAfter: (error, tries) =>
          isPassing(error) ? pauseAfter(tries, /** @type {ProximError} */ (error).retryAfter) : null,
      });
      await standing.load();
      this.standing ??= standing;
    }
    return this.standing;
  }
}

/** Return the store of a browser: `localStorage`. @param {string} name @returns {DeviceStore} */
export const localDevices = (name) => ({
  load: () => storage.read("localStorage", name) ?? [],
  save(devices) {
    storage.write("localStorage", name, devices);
    // The answer of a visit that is not stored would be taken for that of a copy.
    if (JSON.stringify(storage.read("localStorage", name)) === JSON.stringify(devices)) return;
    throw new ProximError("limit_reached", "this browser stores nothing for this page");
  },
});
