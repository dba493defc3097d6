// A host and its sessions.

import { momentIn } from "./clock.js";
import { Connection } from "./connection.js";
import { deviceName, randomHex } from "./device.js";
import { connectionLost, sessionEnded } from "./errors.js";
import { emit } from "./events.js";
import { HostDevices, localDevices } from "./host-devices.js";
import { HostSecrets } from "./host-secrets.js";
import { HostSession } from "./host-session.js";
import { linkPage, nodeAddress } from "./link.js";
import { sealedOpening } from "./opening.js";
import { linkRequest } from "./plain-origin.js";
import { Reopening } from "./reopening.js";
import { storage } from "./storage.js";

/** @import { ProximError } from "./errors.js" */
/** @import { DeviceNotice, DeviceStore, KnownDevice, Message, SessionInfo, SessionType } from "./types.js" */

/**
 * A registered host. It stays registered while the page is open. After a reload it takes its sessions
 * again, by the identity in `localStorage`.
 *
 * @example
 * import { Host } from "/proxim.js";
 *
 * const session = await new Host().open({ type: "one_time" });
 * document.body.append(Object.assign(new Image(), { src: session.qr, width: 400 }));
 * session.onprompt = (prompt) => (confirm(prompt.deviceInfo.name) ? prompt.approve() : prompt.decline());
 * const channel = await session.connected;
 * channel.send("Hello, phone");
 */
export class Host extends EventTarget {
  /** `session` (`session`): a session of this host was opened, or restored.
   * @type {((event: Event & { session: HostSession }) => unknown) | null} */
  onsession = null;
  /** `visit` (`session`, `device`): a known device has come. With the policy `ask` its `prompt` follows, and `approve` needs
   * no number; with `auto` the session is `approved` at once: show that, with a way to close it.
   * @type {((event: Event & { session: HostSession, device: KnownDevice }) => unknown) | null} */
  onvisit = null;
  /** `devicenotice` (`device`, `notice`): something is wrong with a known device (`DeviceNotice`). Tell the person.
   * @type {((event: Event & { device: KnownDevice, notice: DeviceNotice }) => unknown) | null} */
  ondevicenotice = null;
  /** `reachable` (`online`): the node is reached, or is lost for now.
   * @type {((event: Event & { online: boolean }) => unknown) | null} */
  onreachable = null;
  /** `failed` (`error`): the host is closed for good; make a new one to try again.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onfailed = null;

  #options;
  #identity;
  #storageKey;
  #secrets;
  /** @type {Set<string>} The ids of sessions that this page is about to have. */
  #opening = new Set();
  #reopening;

  /**
   * @param {string | URL} [url] The node; by default the page's own origin.
   * @param {{ accessToken?: string, uuid?: string, key?: string, name?: string, seats?: string[],
   *   devices?: DeviceStore, rtc?: boolean }} [options] `uuid` and `key` identify this host, instead of the
   *   remembered identity. The guests of sealed sessions are told the `name`. With `seats`, the host takes only
   *   the sessions with these ids again, and expects no known devices. Those are stored in `devices`, by default in
   *   `localStorage`. With `rtc: false` the SDK makes no WebRTC connection: every signal is a `signal` event.
   */
  constructor(url = location.origin, options = {}) {
    super();
    /** The node's URL. */
    this.nodeUrl = nodeAddress(url);
    /** What the guests of sealed sessions are told that are opened from now on, and known devices at their next visits. */
    this.name = options.name || deviceName();
    /** @type {Map<string, HostSession>} The sessions that have not ended, by their ids. */
    this.sessions = new Map();
    this.#options = options;
    this.#storageKey = `proxim.host.${this.nodeUrl}`;
    const { uuid, key } = options;
    const kept = storage.read("localStorage", this.#storageKey);
    /** `ahead`: the milliseconds that the node's clock is ahead of this device's. */
    this.#identity = {
      uuid: String(uuid ?? kept?.uuid ?? randomHex(16)),
      key: String(key ?? kept?.key ?? randomHex(32)),
      ahead: Number(kept?.ahead ?? 0),
    };
    this.#rememberIdentity();
    this.#secrets = new HostSecrets(this.nodeUrl, this.#identity.uuid, () => this.name);
    const store = options.devices ?? localDevices(`proxim.devices.${this.nodeUrl}.${this.#identity.uuid}`);
    /** @internal */
    this._devices = new HostDevices(this, this.#secrets, store, !options.seats);
    this.#reopening = new Reopening(this, (id) => this.#opening.add(id));
    /** @internal */
    this._connection = new Connection(this.nodeUrl, this);
  }

  /** Resolves once this host is registered. Rejects with the error if that fails. */
  get ready() {
    return this._connection.ready;
  }

  /** The permanent id of this host. */
  get uuid() {
    return this.#identity.uuid;
  }

  /** What the node does beyond version 1 of the protocol, such as `seal`; empty before `ready`. */
  get features() {
    return this._connection.features;
  }

  /**
   * Open a session. A temporary session needs `ttl`, in seconds. `tokenHash` is the base64url SHA-256
   * of a pairing token of your own: the node then never sees the token, and makes no link. With
   * `confirm: "code"` the guest shows a number of three digits, and `prompt.approve` needs it. With
   * `joinUrl` the link and the QR code lead to this page of your own, instead of the node's. The guest
   * sees `hostName`, a name of this device; an older node does not pass it on.
   *
   * With `sealed`, the node can neither read nor forge the names, the decision and the signals. This page
   * makes the link and the QR code, which the node never has, and `prompt.approve` always needs the number.
   * The guest then learns the name of this device once it is approved.
   * @param {{ type?: SessionType, ttl?: number, tokenHash?: string, confirm?: "none" | "code",
   *   joinUrl?: string | URL, hostName?: string, sealed?: boolean }} [options]
   * @returns {Promise<HostSession>}
   * @throws {ProximError} `not_supported` if the node does not know `confirm` or `joinUrl`,
   *   `seal_unavailable` if it does not carry sealed sessions.
   */
  async open({ type = "one_time", ttl, tokenHash, confirm, joinUrl, hostName, sealed = false } = {}) {
    if (sealed) {
      const { request, prepare } = await sealedOpening(this, this.#secrets, { type, ttl, tokenHash, joinUrl, hostName });
      return this.#create(request, prepare);
    }
    if (confirm === "code") await this._connection.needFeature("confirm");
    if (joinUrl) await this._connection.needFeature("join_url");
    const session = await this.#create({
      type: "create_session",
      session_type: type,
      ttl,
      confirm,
      host_name: hostName,
      ...linkRequest(tokenHash, joinUrl),
    });
    Object.assign(session._origin, { joinUrl, hostName, hasOwnToken: Boolean(tokenHash) });
    return session;
  }

  /** @param {Message} request @param {(id: string) => void} [prepare] @returns {Promise<HostSession>} */
  async #create(request, prepare) {
    const take = (/** @type {Message} */ { session: { session_id: id } }) => {
      this.#checkNew(id);
      prepare?.(id);
      this.#opening.add(id);
    };
    const { session_id: id } = (await this._connection.request("session_created", request, take)).session;
    const session = this.sessions.get(id);
    if (!session) throw sessionEnded("expired", "lost", id);
    return session;
  }

  /**
   * Throw if a new session has the id of an earlier one. The node could otherwise pass off a plain session, with a
   * link of its own, as the sealed one that this page opens.
   * @param {string} id
   */
  #checkNew(id) {
    if (this.sessions.has(id) || this.#secrets.has(id) || this._devices.standing?.get(id)) {
      throw connectionLost("the node gave a new session the id of an earlier one");
    }
  }

  /** The node has opened a session again. @internal @param {HostSession} session @param {string} id The new one. */
  _startOver(session, id) {
    this.#checkNew(id);
    this.sessions.delete(session.id);
    session._startOver(id);
    this.sessions.set(id, session);
  }

  /** Return where the links of sealed sessions lead if the host does not say so. @internal */
  _linkPage() {
    return linkPage(this.nodeUrl, this._connection.joinUrl);
  }

  /** Return all sessions of this owner, including those that ended recently. @returns {Promise<SessionInfo[]>} */
  async list() {
    return (await this._connection.request("sessions", { type: "list_sessions" })).sessions;
  }

  /** Return the devices that this host remembers, the latest first. @returns {Promise<KnownDevice[]>} */
  async devices() {
    return this._devices.list();
  }

  /** Forget a known device, and end its visit: it is a stranger then. @param {string} id */
  async forget(id) {
    await (await this._devices.load()).forget(id);
  }

  /** Forget all known devices. */
  async forgetAll() {
    await (await this._devices.load()).forgetAll();
  }

  /** Give a known device another name. @param {string} id @param {string} name @throws {ProximError} `bad_message` */
  async rename(id, name) {
    await (await this._devices.load()).update(id, { name });
  }

  /** Change whether the program takes the files of a device without a question. @param {string} id @param {boolean} takesFiles */
  async takeFiles(id, takesFiles) {
    await (await this._devices.load()).update(id, { takesFiles });
  }

  /**
   * Ask the node again how the sessions stand, and how much time is left. Call this when the page stood
   * still for a while, or when the device's clock was set: messages may have waited in the meantime. An
   * open prompt is emitted again.
   */
  async refresh() {
    await this._connection.refresh();
  }

  /** Disconnect from the node. Sessions that survive a disconnect go on there. */
  leave() {
    this.#reopening.stop();
    this._connection.close();
    this.#endSessions(connectionLost("the host has left"));
  }

  /** Return a time of the node in the time of `performance.now()`. @internal @param {string} time */
  _momentOf(time) {
    return momentIn((Date.parse(time) - this.#identity.ahead - Date.now()) / 1000);
  }

  #rememberIdentity() {
    if (!this.#options.key) storage.write("localStorage", this.#storageKey, this.#identity);
  }

  /** @internal @returns {Promise<unknown>} */
  async _introduce() {
    // The messages that follow cannot wait until the code is loaded.
    await this.#secrets.restore();
    await this._devices.restore();
    const { uuid, key } = this.#identity;
    const { accessToken, seats } = this.#options;
    const request = { type: "register", uuid, key, access_token: accessToken, seats };
    await this._connection.requestNow("registered", request);
    return this.#reopening.run();
  }

  /** @internal @param {Message} message */
  _receive(message) {
    if (message.type === "registered") {
      this.#restoreSessions(message.sessions);
    } else if (message.type === "session_created") {
      if (!this.#opening.delete(message.session.session_id)) return;
      this.#identity.ahead = Date.parse(message.session.created_at) - Date.now();
      this.#rememberIdentity();
      const { seats } = this.#options;
      if (!seats?.includes(message.session.session_id)) seats?.push(message.session.session_id);
      this.#updateSession(message.session)._setLink(message);
    } else if (message.session_id) {
      const session = this.sessions.get(message.session_id);
      if (session) session._receive(message);
      else this._devices.standing?.receive(message);
    }
  }

  /** @param {any[]} infos */
  #restoreSessions(infos) {
    const known = new Set(infos.map((info) => info.session_id));
    const { seats } = this.#options;
    const { boot, features } = this._connection;
    // A host with seats is not told of all sessions.
    const isMine = (/** @type {string} */ id) => this.sessions.has(id) || !seats || seats.includes(id);
    const isMissing = (/** @type {string} */ id) => !known.has(id) && isMine(id);
    const lost = features.includes("nonce") ? this.#secrets.forgotten(boot, isMissing) : [];
    const forgotten = this.#reopening.begin(lost, [...this.sessions.values()].filter(({ id }) => !known.has(id)));
    for (const [id, session] of [...this.sessions]) {
      if (forgotten.includes(id)) session._forgotten();
      else if (!known.has(id)) session._end(sessionEnded("expired", "lost", id));
    }
    const live = infos.filter((info) => !info.reason);
    if (!seats) this.#secrets.keepOnly([...live.map((info) => info.session_id), ...forgotten]);
    // A standing session has secrets while its device visits.
    const isStanding = (/** @type {SessionInfo} */ { session_id: id }) => Boolean(this._devices.standing?.get(id)) && !this.#secrets.isApproved(id);
    for (const info of live) if (!isStanding(info)) this.#secrets.of(info)?.seen(boot, info.status === "pending");
    for (const info of infos) {
      if (this.sessions.has(info.session_id) || !(info.reason || isStanding(info))) this.#updateSession(info);
    }
    this._devices.standing?.registered(infos, forgotten);
  }

  /** @param {any} info @returns {HostSession} */
  #updateSession(info) {
    let session = this.sessions.get(info.session_id);
    if (!session) {
      session = this.#addSession(info);
      // The page adds its listeners here, before the update emits events.
      if (session.device) this._visited(session);
      else emit(this, "session", { session });
    }
    session._update(info);
    return session;
  }

  /** @param {any} info @returns {HostSession} */
  #addSession(info) {
    const secret = this.#secrets.of(info);
    const session = new HostSession(this, info, this.#options.rtc ?? true, secret, this._devices.visitorOf(secret));
    this.sessions.set(session.id, session);
    return session;
  }

  /** A known device asks. @internal @param {string} id @param {Message} message */
  _beginVisit(id, message) {
    const created_at = new Date(Date.now() + this.#identity.ahead).toISOString();
    const info = { session_id: id, session_type: "persistent", created_at, status: "pending", guest_online: true };
    this.#addSession(info)._receive(message);
  }

  /** The page hears of a visit. @internal @param {HostSession} session */
  _visited(session) {
    this._devices.standing?.watch(session);
    emit(this, "visit", { session, device: session.device });
  }

  /** @internal */
  _nodeReached() {
    for (const session of this.sessions.values()) session._nodeReached();
    if (this._devices.canRemember) this._devices.standing?.openMissing();
  }

  /** @internal @param {HostSession} session */
  _sessionOver(session) {
    this.sessions.delete(session.id);
    if (session.over?.code !== "connection_lost") this._devices.standing?.ended(session.id);
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    this.#endSessions(error);
    emit(this, "failed", { error });
  }

  /** @param {ProximError} error */
  #endSessions(error) {
    for (const session of [...this.sessions.values()]) session._end(error);
  }
}
