// The host's side of one session.

import { asDate, momentIn } from "./clock.js";
import { UNKNOWN } from "./denials.js";
import { ProximError, tampered } from "./errors.js";
import { dispatch, emit } from "./events.js";
import { isSealed, pageAddress } from "./link.js";
import { PlainOrigin, linkRequest } from "./plain-origin.js";
import { Prompt } from "./prompt.js";
import { Session } from "./session.js";
import { Visit } from "./visit.js";

/** @import { Host } from "./host.js" */
/** @import { HostSecret } from "./host-secrets.js" */
/** @import { SealedHost } from "./seal/host.js" */
/** @import { DeviceInfo, KnownDevice, Message, Remember, SessionInfo, SessionType } from "./types.js" */

/**
 * A session of this host. It has a `link`, `qr` and `lapsesAt` if this page opened it or renewed its
 * link.
 *
 * A node that is restarted forgets its sessions. This page then opens a persistent or temporary one again, unless it has
 * a `tokenHash`. A sealed session goes on with its guest. One that is not sealed is pending again, with another `id` and
 * a new link, until the same `expiresAt`. `presence` says that the guest is gone, and then `link` that there is a new link.
 * `approved` and `connected` are new promises.
 */
export class HostSession extends Session {
  /** `prompt` (a `Prompt`): a guest asks to pair.
   * @type {((prompt: Prompt) => unknown) | null} */
  onprompt = null;
  /** `contested`: another device has shown this link, too, after the guest. It was refused. Perhaps a
   * person scanned twice, perhaps somebody else has seen the code.
   * @type {((event: Event) => unknown) | null} */
  oncontested = null;
  /** `link`: there is a new link, by `renew`, or because a restart of the node has made the session `pending` again.
   * @type {((event: Event) => unknown) | null} */
  onlink = null;

  #host;
  #lapsesAt = -Infinity;
  #createdAt;
  #expiresAt;
  #secret;
  /** Whether a page that was reloaded waits for the guest of a session that was opened again. */
  #isReturning = false;
  /** Counts the prompts and their ends: to open a request takes a moment. */
  #round = 0;
  #visit;
  /** @internal */
  _origin = new PlainOrigin();

  /**
   * @internal @param {Host} host @param {any} info @param {boolean} rtc @param {HostSecret | null} secret
   * @param {KnownDevice | null} device
   */
  constructor(host, info, rtc, secret, device) {
    super(info.session_id, "host", rtc, secret !== null);
    this.#host = host;
    this.#secret = secret;
    /** @type {string | null} The link that a guest opens. */
    this.link = null;
    /** @type {string | null} The link as a QR code, for the `src` of an image. */
    this.qr = null;
    /** @type {Prompt | null} The prompt that waits for a decision. */
    this.prompt = null;
    /** Whether another device has shown the link, too. */
    this.contested = false;
    this.#createdAt = host._momentOf(info.created_at);
    this.#expiresAt = info.expires_at ? host._momentOf(info.expires_at) : null;
    /** @type {SessionType | null} When it ends by itself. */
    this.type = info.session_type;
    /** @type {"none" | "code"} Whether `approve` needs the number that the guest shows. */
    this.confirm = device ? "none" : secret ? "code" : (info.confirm ?? "none");
    /** The known device that visits; null in other sessions. */
    this.device = device;
    this.#visit = new Visit(this, host);
    if (secret?.back.isReopened && info.status === "pending") this.#awaitReturn(secret);
  }

  /** The guest was approved, and the node does not know that. @param {HostSecret} secret */
  #awaitReturn(secret) {
    this.#isReturning = true;
    this.status = "approved";
    this.deviceInfo ??= this.#named({ name: "", id: "" });
    this._signals = secret.signals(this);
  }

  /** When the link expires, in the time of `Date.now()`. */
  get lapsesAt() {
    return asDate(this.#lapsesAt);
  }

  /** When the session was opened, in the time of `Date.now()`. */
  get createdAt() {
    return asDate(this.#createdAt);
  }

  /** @type {number | null} When a temporary session ends, in the time of `Date.now()`. */
  get expiresAt() {
    return this.#expiresAt && asDate(this.#expiresAt);
  }

  /**
   * Get a new link; the earlier one is invalid at once. It leads to `joinUrl`, by default to where the
   * earlier links of this page led.
   * @param {{ tokenHash?: string, joinUrl?: string | URL }} [options]
   * @throws {ProximError} `not_allowed` once a guest has asked, `not_supported` if the node does not know
   *   `joinUrl`.
   */
  async renew({ tokenHash, joinUrl = tokenHash ? undefined : this._origin.joinUrl } = {}) {
    if (this.#secret) return this.#renewSealed(this.#secret, tokenHash, joinUrl);
    if (joinUrl) await this._getConnection().needFeature("join_url");
    const request = { type: "renew_link", session_id: this.id, ...linkRequest(tokenHash, joinUrl) };
    await this._getConnection().request("link_renewed", request);
    if (joinUrl) this._origin.joinUrl = joinUrl;
    this._origin.hasOwnToken = Boolean(tokenHash);
  }

  /** End the session. It may have ended already. */
  async close() {
    // A session that the node has forgotten in the meantime is not opened again.
    this._origin.isClosing = true;
    try {
      await super.close();
    } finally {
      this._origin.isClosing = false;
    }
  }

  /** @param {HostSecret} secret @param {string | undefined} tokenHash @param {string | URL | undefined} joinUrl */
  async #renewSealed(secret, tokenHash, joinUrl) {
    if (tokenHash) throw new ProximError("bad_message", "a sealed session makes its own token: leave out tokenHash");
    const page = joinUrl ? pageAddress(joinUrl) : (secret.page ?? this.#host._linkPage());
    const keys = await secret.newLink();
    const request = { type: "renew_link", session_id: this.id, token_hash: keys.tokenHash };
    await this._getConnection().request("link_renewed", request, () => {
      secret.page = page;
      secret.renewed(keys);
    });
  }

  /** @internal */
  _getConnection() {
    return this.#host._connection;
  }

  /** Whether the device that asks can be remembered. @internal */
  get _canRemember() {
    return this.#visit.visitor !== null && this.device === null && this.#host._devices.canRemember;
  }

  /** Under what the denial of a request counts. @internal @returns {string[]} */
  get _marks() {
    const { visitor } = this.#visit;
    return [this.id, ...(visitor ? [String(visitor.key)] : []), ...(this.device ? [] : [UNKNOWN])];
  }

  /** @internal @param {boolean} approve @param {string} [code] @param {Remember} [remember] @returns {Promise<Message>} */
  _decide(approve, code, remember) {
    if (this.#secret) return this.#decideSealed(this.#secret, approve, code, remember);
    const request = { type: "pair_decision", session_id: this.id, approve, code };
    return this._getConnection().request("pair_result", request);
  }

  /**
   * @param {HostSecret} secret @param {boolean} approve @param {string} [code] @param {Remember} [remember]
   * @returns {Promise<Message>}
   */
  async #decideSealed(secret, approve, code, remember) {
    const sealedHost = /** @type {SealedHost} */ (secret.sealedHost);
    const tooLate = () => new ProximError("already_decided", "the prompt has its decision", { sessionId: this.id });
    if (!sealedHost.isPending || this.#visit.isDeciding) throw tooLate();
    let decision;
    if (approve && (this.device || remember)) {
      decision = await this.#visit.decide(sealedHost, this.#terms(secret), code, remember);
      if (!decision) throw tooLate();
    } else if (!approve) decision = sealedHost.decline(this.#terms(secret));
    else if (code === undefined) decision = sealedHost.approveUnchecked(this.#terms(secret));
    else decision = sealedHost.approve(code, this.#terms(secret));
    secret.save();
    const reply = await this._getConnection().request("pair_result", this.#decisionRequest(decision));
    if (decision.approve && reply.status !== "approved") throw tooLate();
    return decision.approve ? reply : { ...reply, status: "rejected" };
  }

  /** Return what the guest is told of this host and the session. @param {HostSecret} secret */
  #terms({ name, presentName, type, until }) {
    return { name: this.device ? presentName : name, type, left: until && Math.max(0, (until - Date.now()) / 1000) };
  }

  /**
   * Decline a known device.
   * @internal @param {string} [gone] Why the host does not know it any more.
   * @param {boolean} [isSilent] Whether it is not told that it was this host.
   */
  _declineVisit(gone, isSilent = false) {
    const secret = /** @type {HostSecret} */ (this.#secret);
    if (!secret.sealedHost?.isPending) return;
    const decision = secret.sealedHost.decline(this.#terms(secret), gone);
    secret.save();
    this._getConnection().send(this.#decisionRequest(isSilent ? { approve: false } : decision));
  }

  /** @param {{ approve: boolean, seal?: string }} decision */
  #decisionRequest(decision) {
    return { type: "pair_decision", session_id: this.id, ...decision };
  }

  /** @param {Message} message */
  #ask(message) {
    this.deviceInfo = message.device_info;
    this.prompt = new Prompt(this, message);
    dispatch(this, this.prompt);
  }

  /** Open a request, and ask the page about it. @param {HostSecret} secret @param {Message} message */
  async #askSealed(secret, message) {
    const round = ++this.#round;
    secret.shown();
    const verdict = (await secret.sealedHost?.takePrompt(message.seal, performance.now())) ?? { kind: "unknown" };
    secret.save();
    // In the meantime the prompt may have ended, or have come again.
    if (this.over || round !== this.#round) return;
    const connection = this._getConnection();
    const decision = secret.sealedHost?.decision;
    if (verdict.kind === "asked" && decision) {
      // The connection broke before its answer.
      connection.send(this.#decisionRequest(decision));
    } else if (verdict.kind === "asked") {
      this.#visit.visitor = verdict.visitor ?? null;
      if (this.device && !(await this.#visit.isWelcome(verdict, () => !this.over && round === this.#round))) return;
      connection.send({ type: "pair_ack", session_id: this.id, seal: verdict.ack });
      if (this.device?.policy === "auto") this._decide(true).catch(() => {});
      else this.#ask({ ...message, device_info: this.#named(message.device_info) });
    } else if (verdict.kind === "returned") {
      this._signals?.expectEcho();
      const isOver = secret.until !== null && Date.now() >= secret.until;
      connection.send(this.#decisionRequest(isOver ? { approve: false } : { approve: true, seal: verdict.seal }));
    } else if (verdict.kind === "tampered") {
      connection.send(this.#decisionRequest({ approve: false }));
      this.#tampered("the request");
    } else {
      if (verdict.kind === "does_not_open") connection.send(this.#decisionRequest({ approve: false }));
      emit(this, "notice", { notice: verdict.kind === "unknown" ? "elsewhere" : verdict.kind, missed: 0 });
    }
  }

  /** The guest has sent something sealed. @internal */
  _heard() {
    this.#visit.heard();
  }

  /** End a session that somebody between has changed. @param {string} what */
  #tampered(what) {
    this._getConnection().send({ type: "close_session", session_id: this.id });
    emit(this, "notice", { notice: "tampered", missed: 0 });
    this._end(tampered(what, this.id));
  }

  /** Return the guest with the name that was sealed. @template {DeviceInfo | null} T @param {T} info @returns {T} */
  #named(info) {
    // The person has named a known device.
    const name = this.device?.name ?? this.#secret?.sealedHost?.name;
    return info && name ? { ...info, name } : info;
  }

  /** @internal @param {Message} message */
  _receive(message) {
    if (message.type === "pair_prompt") {
      if (this.#secret) this.#askSealed(this.#secret, message);
      else this.#ask(message);
    } else if (message.type === "pair_result") {
      this.#round += 1;
      this.prompt = null;
      message = { ...message, device_info: this.#named(message.device_info) };
    } else if (message.type === "link_renewed") {
      this._setLink(message);
    } else if (message.type === "contested") {
      this.contested = true;
      emit(this, "contested");
    }
    super._receive(message);
  }

  /** @internal @param {SessionInfo} info */
  _update(info) {
    const known = this.#secret?.back.isReopened ? this.deviceInfo : null;
    this._origin.boot = this._getConnection().boot;
    super._update({ ...info, device_info: this.#named(info.device_info) ?? known });
    if (!this.over) this._setPeerOnline(info.guest_online);
  }

  /** The node has forgotten this session, which is about to be opened again. @internal */
  _forgotten() {
    this.#round += 1;
    this.prompt = null;
    this._setPeerOnline(false);
    // Perhaps the guest has the approval, although the node has not confirmed it.
    if (this.#secret?.isApproved && !this._signals) this.#awaitReturn(this.#secret);
  }

  /** @internal @param {string} id */
  _startOver(id) {
    this.contested = false;
    super._startOver(id);
  }

  /** @internal */
  _approve() {
    if (this.#isReturning && !this.over) {
      this.#isReturning = false;
      this.status = "pending";
    }
    if (this.#secret && !this._signals && !this.over) {
      this._signals = this.#secret.signals(this);
      if (!this._signals) return this.#approvedElsewhere(this.#secret);
    }
    super._approve();
  }

  /** The node says that the session is approved, and this page has not approved it. @param {HostSecret} secret */
  #approvedElsewhere({ sealedHost }) {
    if (sealedHost) this.#tampered("the approval");
    else emit(this, "notice", { notice: "elsewhere", missed: 0 });
  }

  /** @internal @param {Message} message */
  _setLink(message) {
    // Only the guest of an approved session has the link of a session that is opened again.
    if (this.#secret?.isApproved) return;
    this.#secret?.linked(message.pair_within);
    // A sealed link that the node has made would be one whose keys the node has.
    const plain = isSealed(message.link) ? {} : { link: message.link, svg: message.qr_svg };
    const { link, svg } = this.#secret?.linkWithQr() ?? plain;
    // A page may use it as an address, where a script of the node would run.
    this.link = /^https?:\/\//.test(link ?? "") ? link : null;
    this.qr = svg ? `data:image/svg+xml,${encodeURIComponent(svg)}` : null;
    this.#lapsesAt = momentIn(message.pair_within);
    emit(this, "link");
  }

  /** @internal @param {ProximError} error */
  _end(error) {
    this.prompt = null;
    super._end(error);
    if (["session_ended", "tampered"].includes(error.code)) this.#secret?.forget();
    this.#host._sessionOver(this);
  }
}
