// The secrets of a host's sealed sessions.

import { canReopen } from "./coming-back.js";
import { deviceName } from "./device.js";
import { loadQr, loadSeal } from "./load-seal.js";
import { SealedSignals } from "./sealed-signals.js";
import { storage } from "./storage.js";

/** @import { SealCode } from "./load-seal.js" */
/** @import { HostState, LinkKeys, SealedHost } from "./seal/host.js" */
/** @import { Session } from "./session.js" */
/** @import { SessionInfo, SessionType } from "./types.js" */

/**
 * When a session ends by this device's clock, the name that its guest is told, and its type.
 * @typedef {{ until: number | null, name: string, type: SessionType, back?: Back }} HostTerms
 */

/**
 * The means to open a session again: the `nonce` that its id is made of, the `boot` of the node that had it last, and
 * until when its link works. `isReopened`: the session was opened again after the approval. `end`: when the grant of the
 * known device ends whose visit it is.
 * @typedef {{ nonce?: string, boot?: string, lapses?: number, isReopened?: boolean, end?: number }} Back
 */

/**
 * Keeps the secrets of a host's sealed sessions in `localStorage`, beside the host's identity: so they survive a
 * reload. They go when a session ends.
 */
export class HostSecrets {
  #key;
  #name;
  /** @type {SealCode | null} */
  #code = null;
  /** @type {(link: string) => string} Returns a link as an image, once the code is loaded. */
  drawQr = () => "";
  /** @type {Map<string, HostSecret>} */
  #held = new Map();

  /** @param {string} nodeUrl @param {string} uuid The host's. @param {() => string} name Returns the present name of this device. */
  constructor(nodeUrl, uuid, name) {
    this.#key = `proxim.seal.${nodeUrl}.${uuid}`;
    this.#name = name;
  }

  /** The present name of this device; that of its browser, in the place of one that no guest takes. */
  get name() {
    const name = this.#name();
    return this.#code?.nameFault(name) ? deviceName() : name;
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
    this.drawQr = drawQr;
    return code;
  }

  /**
   * Hold the secrets of a session of a `type`, opened for `ttl` seconds. Its links lead to `page`, and its guest is told
   * the `name` of this device. `back` is for the time after a restart of the node. `isStanding`: it is that of a device.
   * @param {string} id @param {LinkKeys} keys @param {string} page
   * @param {{ name?: string, ttl?: number, type: SessionType, back: Back, isStanding?: boolean }} terms
   */
  add(id, keys, page, { name, ttl, type, back, isStanding }) {
    const code = /** @type {SealCode} */ (this.#code);
    const until = ttl === undefined ? null : Date.now() + ttl * 1000;
    const terms = { until, name: name || this.name, type, back };
    this.#hold(id, new code.SealedHost(id, { keys, isStanding }), terms).page = page;
    this.setHeld(id, true);
  }

  /** Return the secrets of a session; null if it is not sealed. @param {SessionInfo} info */
  of({ session_id: id, session_type, seal }) {
    const held = this.#held.get(id);
    const state = this.#stored[id];
    if (held || !(state || seal)) return held ?? null;
    // Secrets that came into the storage after this page, or none: another page has them.
    const sealedHost = state && this.#code ? new this.#code.SealedHost(id, { state }) : null;
    const { until = null, name = this.name, type = session_type, back } = state ?? {};
    return this.#hold(id, sealedHost, { until, name, type, back });
  }

  /**
   * Return the secrets of the sessions that a node has forgotten, and that this browser can open there again.
   * @param {string | undefined} boot The node's. @param {(id: string) => boolean} isMissing
   */
  forgotten(boot, isMissing) {
    const ids = [...new Set([...this.#held.keys(), ...Object.keys(this.#stored)])].filter(isMissing);
    const all = ids.map((id) => this.of(/** @type {SessionInfo} */ ({ session_id: id })));
    return all.filter((secret) => secret !== null).filter((secret) => canReopen(secret, boot));
  }

  /** Return whether this tab has had the seat of a session, also before a reload. @param {string} id */
  hasHeld(id) {
    return Boolean(storage.read("sessionStorage", this.#key)?.[id]);
  }

  /** @param {string} id @param {true} [isHeld] */
  setHeld(id, isHeld) {
    storage.write("sessionStorage", this.#key, { ...storage.read("sessionStorage", this.#key), [id]: isHeld });
  }

  /** Return whether this browser has the secrets of a session that was approved. @param {string} id */
  isApproved(id) {
    return Boolean(this.#held.get(id)?.isApproved ?? this.#stored[id]?.secret);
  }

  /** Return whether this browser has secrets of a session. @param {string} id */
  has(id) {
    return this.#held.has(id) || id in this.#stored;
  }

  /** @param {string} id */
  forget(id) {
    if (this.hasHeld(id)) this.setHeld(id);
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

  /** @param {string} id @param {SealedHost | null} sealedHost @param {HostTerms} terms */
  #hold(id, sealedHost, terms) {
    const secret = new HostSecret(id, sealedHost, terms, this, (state) => this.#store(id, state));
    this.#held.set(id, secret);
    secret.save();
    return secret;
  }
}

/** The secrets of one session. */
export class HostSecret {
  #secrets;
  #store;
  /** @type {string | undefined} Where its links lead. */
  page;

  /**
   * @param {string} id @param {SealedHost | null} sealedHost @param {HostTerms} terms
   * @param {HostSecrets} secrets @param {(state: HostState & HostTerms) => void} store
   */
  constructor(id, sealedHost, { until, name, type, back = {} }, secrets, store) {
    /** The session's id. */
    this.id = id;
    /** When a temporary session ends, by this device's clock and not by the node's word. */
    this.until = until;
    /** The name of this device that the guest is told. */
    this.name = name;
    /** The type that this device has asked for. */
    this.type = type;
    /** The means to open the session again. */
    this.back = back;
    /** Null if another page or program of this owner has the secrets. */
    this.sealedHost = sealedHost;
    this.#secrets = secrets;
    this.#store = store;
  }

  /** Store what has changed. */
  save() {
    const { until, name, type, back } = this;
    if (this.sealedHost) this.#store({ ...this.sealedHost.state, until, name, type, back });
  }

  /** The present name of this device, which a known device is told at each visit. */
  get presentName() {
    return this.#secrets.name;
  }

  /** Whether this tab has had the seat: otherwise it may have missed the session's end. */
  get hasHeld() {
    return this.#secrets.hasHeld(this.id);
  }

  /** Whether the host has approved the guest. */
  get isApproved() {
    return Boolean(this.sealedHost?.peer);
  }

  /** The node has a link that works for so many seconds. @param {number} seconds */
  linked(seconds) {
    this.back.lapses = Date.now() + seconds * 1000;
    this.save();
  }

  /** A prompt has come: from now on the link is a used one, whatever happens to this page. */
  shown() {
    this.sealedHost?.shown();
    this.save();
  }

  /** A node has the session. @param {string | undefined} boot The node's. @param {boolean} isWaiting For its guest. */
  seen(boot, isWaiting) {
    this.#secrets.setHeld(this.id, true);
    if (boot === undefined || this.back.boot === boot) return;
    if (isWaiting && this.isApproved && this.back.boot !== undefined) {
      this.sealedHost?.reopened();
      this.back.isReopened = true;
    }
    this.back.boot = boot;
    this.save();
  }

  /** Return the secrets of a new link; `renewed` makes it the current one. */
  async newLink() {
    const code = await this.#secrets.load();
    this.sealedHost ??= new code.SealedHost(this.id);
    const keys = this.sealedHost.renew();
    this.save();
    return keys;
  }

  /** The node has confirmed the new link. @param {LinkKeys} keys */
  renewed(keys) {
    this.sealedHost?.renewed(keys);
    this.save();
  }

  /** Return the link, and its QR code in SVG. */
  linkWithQr() {
    if (!this.sealedHost?.hasLink) return { link: null, svg: null };
    const link = this.sealedHost.link(String(this.page));
    return { link, svg: this.#secrets.drawQr(link) };
  }

  /** Return the signals of the session, once approved. @param {Session} session @returns {SealedSignals | null} */
  signals(session) {
    const peer = this.sealedHost?.peer;
    return peer ? new SealedSignals(/** @type {SealCode} */ (this.#secrets.code), peer, session, this.until) : null;
  }

  forget() {
    this.#secrets.forget(this.id);
  }
}
