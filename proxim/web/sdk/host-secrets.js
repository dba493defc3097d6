// The secrets of a host's sealed sessions.

import { loadQr, loadSeal } from "./load-seal.js";
import { SealedSignals } from "./sealed-signals.js";
import { storage } from "./storage.js";

/** @import { SealCode } from "./load-seal.js" */
/** @import { HostState, LinkKeys, SealedHost } from "./seal/host.js" */
/** @import { Session } from "./session.js" */
/** @import { SessionInfo } from "./types.js" */

/**
 * Keeps the secrets of a host's sealed sessions in `localStorage`, beside the host's identity: so they survive a
 * reload. They go when a session ends.
 */
export class HostSecrets {
  #key;
  #name;
  /** @type {SealCode | null} */
  #code = null;
  /** @type {(link: string) => string} */
  #drawQr = () => "";
  /** @type {Map<string, HostSecret>} */
  #held = new Map();

  /** @param {string} nodeUrl @param {string} uuid The host's. @param {string} name What guests are told by default. */
  constructor(nodeUrl, uuid, name) {
    this.#key = `proxim.seal.${nodeUrl}.${uuid}`;
    this.#name = name;
  }

  /** The code of sealed sessions, null before it is loaded. */
  get code() {
    return this.#code;
  }

  /** Load the code, if this browser has secrets. @throws {ProximError} `connection_lost` */
  async restore() {
    if (Object.keys(this.#stored).length > 0) await this.load();
  }

  /** Load the code. @throws {ProximError} `connection_lost` */
  async load() {
    const [code, { drawQr }] = await Promise.all([loadSeal(), loadQr()]);
    this.#code = code;
    this.#drawQr = drawQr;
    return code;
  }

  /**
   * Hold the secrets of a session that is opened for `ttl` seconds, whose links lead to `page`, and whose guest is told
   * the `name` of this device.
   * @param {string} id @param {LinkKeys} keys @param {string} page @param {{ name?: string, ttl?: number }} terms
   */
  add(id, keys, page, { name, ttl }) {
    const code = /** @type {SealCode} */ (this.#code);
    const until = ttl === undefined ? null : Date.now() + ttl * 1000;
    this.#hold(id, new code.SealedHost(id, { keys }), { until, name: name || this.#name }).page = page;
  }

  /** Return the secrets of a session; null if it is not sealed. @param {SessionInfo} info */
  of({ session_id: id, seal }) {
    const held = this.#held.get(id);
    const state = this.#stored[id];
    if (held || !(state || seal)) return held ?? null;
    // Secrets that came into the storage after this page, or none: another page has them.
    const machine = state && this.#code ? new this.#code.SealedHost(id, { state }) : null;
    return this.#hold(id, machine, { until: state?.until ?? null, name: state?.name ?? this.#name });
  }

  /** @param {string} id */
  forget(id) {
    this.#held.delete(id);
    this.#store(id);
  }

  /** Forget all other sessions. @param {string[]} ids */
  keepOnly(ids) {
    for (const id of Object.keys(this.#stored)) if (!ids.includes(id)) this.forget(id);
  }

  /** @returns {Record<string, any>} */
  get #stored() {
    return storage.read("localStorage", this.#key) ?? {};
  }

  /** @param {string} id @param {unknown} [state] */
  #store(id, state) {
    storage.write("localStorage", this.#key, { ...this.#stored, [id]: state });
  }

  /** @param {string} id @param {SealedHost | null} machine @param {{ until: number | null, name: string }} terms */
  #hold(id, machine, terms) {
    const secret = new HostSecret(id, machine, terms, this, (state) => this.#store(id, { ...state, ...terms }));
    this.#held.set(id, secret);
    secret.save();
    return secret;
  }

  /** Return a link as an image. @param {string} link */
  drawn(link) {
    return this.#drawQr(link);
  }
}

/** The secrets of one session. */
export class HostSecret {
  #id;
  #all;
  #store;
  /** @type {string | undefined} Where its links lead. */
  page;

  /**
   * @param {string} id @param {SealedHost | null} machine @param {{ until: number | null, name: string }} terms
   * @param {HostSecrets} all @param {(state: HostState) => void} store
   */
  constructor(id, machine, { until, name }, all, store) {
    this.#id = id;
    /** When a temporary session ends, by this device's clock and not by the node's word. */
    this.until = until;
    /** The name of this device that the guest is told. */
    this.name = name;
    /** Null if another page or program of this owner has the secrets. */
    this.machine = machine;
    this.#all = all;
    this.#store = store;
  }

  /** Store what has changed. */
  save() {
    if (this.machine) this.#store(this.machine.state);
  }

  /** Return the secrets of a new link; `renewed` makes it the current one. */
  async newLink() {
    const code = await this.#all.load();
    this.machine ??= new code.SealedHost(this.#id);
    const keys = this.machine.renew();
    this.save();
    return keys;
  }

  /** The node has confirmed the new link. @param {LinkKeys} keys */
  renewed(keys) {
    this.machine?.renewed(keys);
    this.save();
  }

  /** Return the link, and its QR code in SVG. */
  draw() {
    if (!this.machine?.hasLink) return { link: null, svg: null };
    const link = this.machine.link(String(this.page));
    return { link, svg: this.#all.drawn(link) };
  }

  /** Return the signals of the session, once approved. @param {Session} session @returns {SealedSignals | null} */
  signals(session) {
    const peer = this.machine?.peer;
    return peer ? new SealedSignals(/** @type {SealCode} */ (this.#all.code), peer, session) : null;
  }

  forget() {
    this.#all.forget(this.#id);
  }
}
