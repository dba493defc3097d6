// The grants of this browser: the hosts that know it, in IndexedDB (sealing: Known devices).

import { bytesOf, decode64, drawRandom, encode64, hasEd25519, loadEd25519 } from "../seal/index.js";
import { locked } from "./change.js";
import { EXPIRED_KEPT } from "./record.js";

/** @import { Known, Signer } from "../seal/device.js" */
/** @import { Grant, LinkSeal } from "../types.js" */

/**
 * The key of this device for one host. Where the browser has Ed25519, a page cannot read the private half.
 * @typedef {{ public: Uint8Array, private: CryptoKey | Uint8Array }} DeviceKey
 */
/** @typedef {Grant & { seed: string, hostKey: string, ticket: string, key: DeviceKey }} StoredGrant All of it is secret. */
/** @typedef {{ id: string, key: DeviceKey, since: number }} StoredKey The key of a request that has no answer yet. */

/** Milliseconds after which the key of a request without an answer is removed. */
const KEY_TIME = 86_400_000;

/** @type {Promise<IDBDatabase> | null} */
let opening = null;

/** @returns {Promise<IDBDatabase>} */
function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("proxim", 1);
    request.onupgradeneeded = () => {
      for (const name of ["grants", "keys"]) request.result.createObjectStore(name, { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  opening.catch(() => (opening = null));
  return opening;
}

/**
 * Run one transaction, and return the result of its request once it is on disk.
 * @param {"grants" | "keys"} store @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} act
 * @returns {Promise<any>}
 */
async function run(store, mode, act) {
  const transaction = (await database()).transaction(store, mode, { durability: "strict" });
  const request = act(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
  });
}

/** @param {string} nodeUrl @param {string} sessionId */
const idOf = (nodeUrl, sessionId) => `${nodeUrl} ${sessionId}`;
/** @param {string} id @returns {Promise<StoredGrant | undefined>} */
const grantOf = (id) => run("grants", "readonly", (store) => store.get(id));

/** Return the grants at a node whose time is not over, the latest first. @param {string} nodeUrl @returns {Promise<Grant[]>} */
export async function grantsAt(nodeUrl) {
  /** @type {StoredGrant[]} */
  const all = await run("grants", "readonly", (store) => store.getAll());
  for (const { id, end } of all) if (Date.now() >= end + EXPIRED_KEPT) await removeGrant(id);
  return all
    .filter((grant) => grant.nodeUrl === nodeUrl && Date.now() < grant.end)
    .map(({ id, sessionId, hostName, end, isAuto, since, pairedIn }) => ({ id, nodeUrl, sessionId, hostName, end, isAuto, since, pairedIn }))
    .sort((a, b) => b.since - a.since);
}

/** Remove a grant: this browser cannot come to that host any more. @param {string} id */
export const removeGrant = (id) => run("grants", "readwrite", (store) => store.delete(id));

/** Return a name without what makes no difference to the eye: case, width, other spaces. @param {string} name */
const folded = (name) => name.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean).join(" ");

/** Return a host's name, with a number if another host has one that looks the same. @param {string} name @param {string} id Of the grant. */
async function unlikeOthers(name, id) {
  /** @type {StoredGrant[]} */
  const all = await run("grants", "readonly", (store) => store.getAll());
  const taken = all.filter((each) => each.id !== id && Date.now() < each.end).map(({ hostName }) => folded(hostName));
  let [own, number] = [name, 1];
  while (taken.includes(folded(own))) own = `${name} (${(number += 1)})`;
  return own;
}

/** @returns {Promise<DeviceKey>} */
async function newKey() {
  if (await hasEd25519()) {
    const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));
    return { public: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)), private: pair.privateKey };
  }
  const secret = drawRandom(32);
  return { public: (await loadEd25519()).publicKeyOf(secret), private: secret };
}

/** @param {DeviceKey} key @param {Uint8Array} text */
async function signedBy({ private: own }, text) {
  if (own instanceof Uint8Array) return (await loadEd25519()).sign(text, own);
  return new Uint8Array(await crypto.subtle.sign("Ed25519", own, bytesOf(text)));
}

/** This device in one session: a host may remember it there, or knows it. */
export class GuestDevice {
  #nodeUrl;
  #sessionId;
  #id;
  /** @type {DeviceKey | null} */
  #key = null;
  /** @type {StoredGrant | null} Null if the host does not know the device. */
  #grant = null;

  /** @param {string} nodeUrl @param {string} sessionId */
  constructor(nodeUrl, sessionId) {
    this.#nodeUrl = nodeUrl;
    this.#sessionId = sessionId;
    this.#id = idOf(nodeUrl, sessionId);
  }

  /** Return the device with a key for a host that may remember it. @param {string} nodeUrl @param {string} sessionId */
  static async offered(nodeUrl, sessionId) {
    const device = new GuestDevice(nodeUrl, sessionId);
    const id = device.#id;
    /** @type {StoredKey[]} */
    const all = await run("keys", "readonly", (store) => store.getAll());
    for (const old of all) if (Date.now() >= old.since + KEY_TIME) await run("keys", "readwrite", (store) => store.delete(old.id));
    device.#key = all.find((each) => each.id === id)?.key ?? (await newKey());
    await run("keys", "readwrite", (store) => store.put({ id, key: device.#key, since: Date.now() }));
    return device;
  }

  /** Return the device by its grant; null if it has none. @param {string} id @param {string} nodeUrl @param {string} sessionId */
  static async granted(id, nodeUrl, sessionId) {
    const grant = await grantOf(id);
    if (!grant) return null;
    const device = new GuestDevice(nodeUrl, sessionId);
    [device.#grant, device.#key] = [grant, grant.key];
    return device;
  }

  /** The id of the grant; null if there is none. */
  get grantId() {
    return this.#grant?.id ?? null;
  }

  /** The name of the host here, if it knows this device. */
  get hostName() {
    return this.#grant?.hostName;
  }

  /** The standing link. @returns {LinkSeal | null} */
  get link() {
    return this.#grant && { seed: this.#grant.seed, hostKey: this.#grant.hostKey };
  }

  /** Return what signs a request, with the ticket that is stored now. @returns {Promise<Signer | null>} */
  async signer() {
    const key = this.#key;
    if (!key) return null;
    const grant = this.#grant && (await grantOf(this.#grant.id));
    if (this.#grant && !grant) return null;
    return { public: key.public, ticket: grant ? decode64(grant.ticket) : null, sign: (text) => signedBy(key, text) };
  }

  /**
   * Run `act` while no other tab reads or stores the ticket.
   * @template T @param {() => Promise<T>} act @returns {Promise<T>}
   */
  locked(act) {
    return this.#grant ? locked(`proxim.grant ${this.#grant.id}`, act) : act();
  }

  /**
   * Store what the host's answer brought, or nothing. Call this before the first signal.
   * @param {Known | undefined} known @param {string} hostName
   */
  async take(known, hostName) {
    if (known && "gone" in known) {
      if (this.#grant) await removeGrant(this.#grant.id);
    } else if (known && "ticket" in known) {
      const grant = this.#grant;
      if (grant) await this.locked(() => this.#renew(grant, known.ticket, hostName));
    } else if (known && this.#key) {
      const { sid, seed, key: hostKey, t: ticket, left, auto: isAuto } = known.grant;
      const [id, since] = [idOf(this.#nodeUrl, sid), Date.now()];
      const names = { id, nodeUrl: this.#nodeUrl, sessionId: sid, hostName: await unlikeOthers(hostName, id), pairedIn: this.#sessionId };
      const grant = { ...names, end: since + left * 1000, isAuto, since, seed, hostKey, ticket, key: this.#key };
      const stored = await grantOf(id);
      // Another host that got the id from the node would take the place of one that the person knows.
      if (stored && stored.hostKey !== hostKey) return this.#removeKey();
      // The same grant again: its ticket may have been replaced since.
      this.#grant = stored ?? grant;
      await run("grants", "readwrite", (store) => store.put(this.#grant));
    }
    await this.#removeKey();
  }

  /** Store the next ticket, and the present name of the host. @param {StoredGrant} grant @param {string} ticket @param {string} name */
  async #renew(grant, ticket, name) {
    // The host could take the name of another one.
    this.#grant = { ...grant, ticket, hostName: await unlikeOthers(name, grant.id) };
    await run("grants", "readwrite", (store) => store.put(this.#grant));
  }

  #removeKey() {
    return run("keys", "readwrite", (store) => store.delete(this.#id));
  }
}
