// The devices that a host remembers, and the standing session of each (sealing: Known devices).

import { decode64, drawRandom, encode64, keysOf, nameFault, newLink, newNonce, pairOf, sessionIdOf, TICKET_BYTES } from "../seal/index.js";
import { changeStored } from "./change.js";
import { approve, EXPIRED_KEPT, judge, use } from "./record.js";

/** @import { ProximError } from "../errors.js" */
/** @import { Host } from "../host.js" */
/** @import { HostSecrets } from "../host-secrets.js" */
/** @import { HostSession } from "../host-session.js" */
/** @import { Visitor, WireKnown } from "../seal/device.js" */
/** @import { Verdict } from "../seal/host.js" */
/** @import { DeviceStore, KnownDevice, Message, Remember, SessionInfo, StoredDevice } from "../types.js" */
/** @import { VisitVerdict } from "./record.js" */

/**
 * What this module needs of the SDK, which is served as another file: `fail` returns an error, `tell` tells the page of a
 * notice, and `pauseAfter` returns the milliseconds after which to try again, null if that is no use.
 * @typedef {{ fail: (code: string, message: string, sessionId?: string) => ProximError,
 *   tell: (device: KnownDevice, notice: string) => void,
 *   pauseAfter: (error: unknown, tries: number) => number | null }} Tools
 */

const DAY = 86_400_000;
/** Days that a host remembers a device, by default and at most. */
const DAYS = 90;
/** Milliseconds after which a visit ends whose guest is offline. */
const AWAY_TIME = 120_000;
const MAX_NAME = 64;
/** The verdicts that revoke a grant; the device is told so. */
const REVOKING = ["copied", "expired"];

/** @param {StoredDevice} device @returns {KnownDevice} */
const publicOf = ({ id, name, policy, since, end, lastSeen, takesFiles }) => ({ id, name, policy, since, end, lastSeen, takesFiles });

/** Return the record of a device that is forgotten, without its secrets and its name. @param {StoredDevice} device */
const forgotten = ({ id, policy, since, end, lastSeen }) => ({
  ...{ id, policy, since, end, lastSeen, name: "", takesFiles: false, isForgotten: true },
  ...{ key: "", nonce: "", seed: "", private: "", ticket: "", previous: null, isUsed: false, seen: [], pairedIn: "" },
});

export class StandingSessions {
  #host;
  #secrets;
  #store;
  #tools;
  /** @type {ReturnType<typeof setTimeout> | undefined} Until the node is asked again whether it has room. */
  #timer;
  /** @type {Map<string, StoredDevice>} */
  #devices = new Map();
  /** @type {string[]} The ids of sessions of forgotten devices, of which the node has not been told. */
  #toClose = [];
  /** @type {Set<string>} The ids of sessions that are open at the node, or about to be. */
  #open = new Set();

  /** @param {Host} host @param {HostSecrets} secrets @param {DeviceStore} store @param {Tools} tools */
  constructor(host, secrets, store, tools) {
    this.#host = host;
    this.#secrets = secrets;
    this.#store = store;
    this.#tools = tools;
  }

  async load() {
    this.#take(await this.#store.load());
  }

  /** Return a device by the id of its standing session. @param {string} id @returns {KnownDevice | null} */
  get(id) {
    const device = this.#devices.get(id);
    return device ? publicOf(device) : null;
  }

  /** Return all devices whose time is not over, the latest first. */
  list() {
    return [...this.#devices.values()].filter(({ end }) => Date.now() < end).map(publicOf).sort((a, b) => b.since - a.since);
  }

  /**
   * Remember the device that has asked, and open its standing session.
   * @param {Remember} wanted @param {Visitor} visitor @param {string} pairedIn The session in which it asks.
   * @returns {Promise<{ id: string, known: WireKnown }>}
   */
  async remember({ name, days = DAYS, policy = "ask", takesFiles = false }, visitor, pairedIn) {
    const fault = this.#faultOf(name);
    if (fault) throw this.#tools.fail("bad_message", `the name has ${fault}`);
    if (!(days > 0 && days <= DAYS)) throw this.#tools.fail("bad_message", `a device is remembered for ${DAYS} days at most`);
    const [nonce, link, since] = [newNonce(), newLink(), Date.now()];
    const device = {
      ...{ id: sessionIdOf(nonce), name, policy, since, end: since + days * DAY, lastSeen: since, takesFiles },
      ...{ key: encode64(visitor.key), nonce, seed: encode64(link.seed), private: encode64(link.private) },
      ...{ ticket: encode64(drawRandom(TICKET_BYTES)), previous: null, isUsed: false, seen: [], pairedIn },
    };
    // Before the node has the session: it would stay there, and nobody know it.
    await this.#save((all) => [...all, device]);
    try {
      const within = await this.#create(device);
      // The node may allow less.
      device.end = Math.min(device.end, Date.now() + within * 1000);
      await this.#change(device.id, () => device);
    } catch (error) {
      await this.#remove(device.id);
      throw error;
    }
    const { id: sid, seed, ticket: t } = device;
    const left = Math.max(0, (device.end - Date.now()) / 1000);
    const key = encode64(pairOf(link.private).public);
    return { id: sid, known: { known: { sid, seed, key, t, left, auto: policy === "auto" } } };
  }

  /** Return what is wrong with a name, in words. @param {string} name */
  #faultOf(name) {
    return [...name].length > MAX_NAME ? `more than ${MAX_NAME} characters` : nameFault(name);
  }

  /** The guest of a new device was declined after all. @param {string} id */
  async undo(id) {
    await this.#remove(id);
    this.#close(id);
  }

  /**
   * Return the verdict about a request on a standing link, and what the device is told if its grant is revoked.
   * @param {string} id @param {Verdict & { kind: "asked" }} request
   * @returns {Promise<{ visit: VisitVerdict, gone?: string }>}
   */
  async judge(id, { visitor, guestKey, isNew }) {
    const before = this.get(id);
    if (!before) return { visit: "stranger", gone: "forgotten" };
    /** @type {VisitVerdict} */
    let visit = "stranger";
    await this.#change(id, (device) => {
      // The same prompt again, as after a reload, is no replay.
      const seen = isNew || !guestKey ? device.seen : device.seen.filter((key) => key !== encode64(guestKey));
      const judged = judge({ ...device, seen }, visitor, guestKey, Date.now());
      visit = judged.visit;
      return REVOKING.includes(visit) ? null : judged.device;
    });
    const gone = REVOKING.includes(visit) ? visit : undefined;
    if (gone || visit === "stranger") this.#tools.tell(before, visit);
    return { visit, gone };
  }

  /**
   * Return what the answer to a visit has, once the record is stored; null if the ticket is no longer good.
   * @param {string} id @param {Visitor | null} visitor @returns {Promise<WireKnown | null>}
   */
  async approve(id, visitor) {
    let isGood = false;
    const device = await this.#change(id, (each) => {
      const approved = approve(each, visitor?.ticket ?? null, Date.now());
      isGood = approved !== null;
      return approved ?? each;
    });
    return device && isGood ? { t: device.ticket } : null;
  }

  /** The guest of a visit has sent its first signal: it has stored its new ticket. @param {string} id */
  async used(id) {
    if (!this.#devices.get(id)?.isUsed) await this.#change(id, (device) => use(device, device.ticket));
  }

  /** Forget a device: it cannot come any more, and a visit ends. @param {string} id */
  async forget(id) {
    const device = this.#devices.get(id);
    if (this.#host._connection.isIntroduced) await this.#remove(id);
    else await this.#change(id, forgotten);
    const session = this.#visitOf(id);
    const gone = { known: { gone: "forgotten" } };
    for (const each of [session, this.#host.sessions.get(device?.pairedIn ?? "")]) {
      if (each?.status === "approved") each.send(gone);
    }
    if (session?.status === "approved") await session.close();
    else if (session) await session._declineVisit("forgotten");
    else this.#close(id);
  }

  async forgetAll() {
    // Expired ones, too.
    for (const id of [...this.#devices.keys()]) await this.forget(id);
  }

  /** Change what a person decides about a device. @param {string} id @param {{ name?: string, takesFiles?: boolean }} wanted */
  async update(id, wanted) {
    const fault = wanted.name === undefined ? null : this.#faultOf(wanted.name);
    if (fault) throw this.#tools.fail("bad_message", `the name has ${fault}`);
    const device = await this.#change(id, (each) => ({ ...each, ...wanted }));
    if (!device) throw this.#tools.fail("unknown_session", "this host does not know the device");
    const session = this.#visitOf(id);
    if (session) session.device = publicOf(device);
  }

  /** Return the visit of a device. @param {string} id */
  #visitOf(id) {
    const session = this.#host.sessions.get(id);
    // Another tab may have a session of this id that a lying node has given it.
    return session?.device ? session : null;
  }

  /**
   * The node has these sessions; those with the ids of `forgotten` are about to be opened again.
   * @param {SessionInfo[]} infos @param {string[]} forgotten
   */
  registered(infos, forgotten) {
    this.#open = new Set(forgotten);
    for (const { session_id: id, reason, status } of infos) {
      if (reason || !this.#devices.has(id)) continue;
      this.#open.add(id);
      // The secrets of the visit are lost: the device may ask again.
      if (status === "approved" && !this.#host.sessions.has(id)) this.#close(id);
    }
  }

  /** Open the standing sessions that the node does not have, up to its limit. @param {number} [tries] */
  async openMissing(tries = 0) {
    clearTimeout(this.#timer);
    for (const id of this.#toClose) {
      this.#close(id);
      // If this is not stored, it is closed once more.
      await this.#remove(id).catch(() => {});
    }
    for (const id of [...this.#devices.keys()]) if (await this.#reopen(id, tries)) return;
  }

  /** The standing session has ended: it is opened again, unless the device is forgotten. @param {string} id */
  ended(id) {
    this.#open.delete(id);
    this.#reopen(id);
  }

  /** Take a message about a standing session without a visit. @param {Message} message */
  receive({ type, session_id: id, ...message }) {
    const device = this.#devices.get(id);
    if (type === "session_ended" && device) this.ended(id);
    if (type !== "pair_prompt" || !device) return;
    if (!this.#secrets.has(id)) {
      const { nonce, end } = device;
      const terms = { type: /** @type {const} */ ("persistent"), back: { nonce, end, boot: this.#host._connection.boot } };
      const ttl = (end - Date.now()) / 1000;
      this.#secrets.add(id, this.#keysOf(device), "", { ...terms, ttl, isStanding: true });
    }
    this.#host._beginVisit(id, { type, session_id: id, ...message });
  }

  /** End a visit whose guest stays offline. @param {HostSession} session */
  watch(session) {
    let timer = 0;
    const check = () => {
      clearTimeout(timer);
      if (session.over || session.status !== "approved" || session.peerOnline) return;
      timer = setTimeout(() => {
        if (this.#host._connection.isIntroduced) session.close().catch(() => {});
        else check();
      }, AWAY_TIME);
    };
    for (const type of ["approved", "presence", "over"]) session.addEventListener(type, check);
    check();
  }

  /** Return whether the node has no room for a session more: then all that are missing wait together.
   * @param {string} id @param {number} [tries] */
  async #reopen(id, tries = 0) {
    const device = this.#devices.get(id);
    if (!device || this.#open.has(id)) return false;
    this.#open.add(id);
    this.#secrets.forget(id);
    try {
      if (Date.now() < device.end) {
        if (device.hasExpired) await this.#change(id, (each) => ({ ...each, hasExpired: undefined }));
        await this.#create(device);
        return false;
      }
      if (Date.now() >= device.end + EXPIRED_KEPT) await this.#remove(id);
      else if (!device.hasExpired) await this.#change(id, (each) => ({ ...each, hasExpired: true }));
      // A visit ended here by the clock.
      this.#close(id);
      if (!device.hasExpired) this.#tools.tell(publicOf(device), "expired");
    } catch (error) {
      this.#open.delete(id);
      const pause = this.#tools.pauseAfter(error, tries);
      const isFull = /** @type {{ code?: string }} */ (error).code === "limit_reached";
      if (isFull) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.openMissing(tries + 1), pause ?? 0);
      } else if (pause !== null) setTimeout(() => this.#reopen(id, tries + 1), pause);
      return isFull;
    }
    return false;
  }

  /** Open a standing session, and return the seconds for which its link works. @param {StoredDevice} device */
  async #create(device) {
    const { id, nonce, end } = device;
    const link_ttl = Math.max(1, Math.ceil((end - Date.now()) / 1000));
    const token_hash = this.#keysOf(device).tokenHash;
    const request = { type: "create_session", session_type: "persistent", link_ttl, token_hash, seal: 1, nonce };
    const reply = await this.#host._connection.request("session_created", request, ({ session }) => {
      if (session.session_id !== id) throw this.#tools.fail("tampered", "the node gave the session another id", id);
    });
    this.#open.add(id);
    return Number(reply.pair_within);
  }

  /** @param {string} id */
  #close(id) {
    this.#host._connection.send({ type: "close_session", session_id: id });
  }

  /** @param {StoredDevice} device */
  #keysOf(device) {
    return keysOf(decode64(device.seed), decode64(device.private));
  }

  /** @param {string} id */
  async #remove(id) {
    await this.#change(id, () => null);
  }

  /**
   * Change a device in the store, or remove it, and return it.
   * @param {string} id @param {(device: StoredDevice) => StoredDevice | null} change
   * @returns {Promise<StoredDevice | null>}
   */
  async #change(id, change) {
    await this.#save((all) => all.map((each) => (each.id === id ? change(each) : each)).filter((each) => each !== null));
    return this.#devices.get(id) ?? null;
  }

  /** @param {(all: StoredDevice[]) => StoredDevice[]} change */
  async #save(change) {
    this.#take(await changeStored(this.#store, change));
  }

  /** @param {StoredDevice[]} devices */
  #take(devices) {
    this.#devices = new Map(devices.filter(({ isForgotten }) => !isForgotten).map((device) => [device.id, device]));
    this.#toClose = devices.filter(({ isForgotten }) => isForgotten).map(({ id }) => id);
  }
}
