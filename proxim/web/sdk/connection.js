// The WebSocket to a node.

import { Deferred } from "./deferred.js";
import { ProximError, connectionLost, sessionEnded, wireError } from "./errors.js";

/** @import { Message } from "./types.js" */

const SUBPROTOCOL = "proxim.v1";
const SOCKET_TIMEOUT = 15_000;
const MAX_QUEUE = 256;
/** What a request's `ref` adds to it, at most, in bytes. */
const REF_BYTES = 32;

/** Milliseconds of silence after which the node is asked for a sign of life, and for that sign. */
const SILENCE = 25_000;
const PONG_TIMEOUT = 8_000;

/** The pauses between tries, in milliseconds; each is cut by up to half by chance. */
const BACKOFF = { first: 1_000, factor: 1.5, longest: 60_000 };

const REPLACED = 4000;
/** Close codes after which it makes no sense to come back (protocol: Close codes). */
const FINAL_CLOSE_CODES = new Set([1002, 1007, 1009, REPLACED]);

/**
 * What a host or a guest does with its connection.
 * @typedef {object} Client
 * @property {() => Promise<unknown>} introduce Register, ask or resume; on every new connection.
 * @property {(message: Message) => void} receive Everything that the node says, replies too.
 * @property {(online: boolean) => void} setOnline The node is reached, or lost.
 * @property {(error: ProximError) => void} fail It makes no sense to go on.
 */

/** Keeps one WebSocket to a node open, and reopens it with backoff. */
export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, { kind: string, resolve: (reply: Message) => void, reject: (error: unknown) => void }>} */
  #requests = new Map();
  /** @type {string[]} */
  #queue = [];
  #ready = /** @type {Deferred<void>} */ (new Deferred());
  #refs = 0;
  #delay = BACKOFF.first;
  #maxBytes = 64 * 1024;
  #introduced = false;
  #everIntroduced = false;
  /** @type {ProximError | null} */
  #failure = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #waitsToRetry = false;
  #listening = new AbortController();

  /** @param {string} nodeUrl @param {Client} client */
  constructor(nodeUrl, client) {
    this.nodeUrl = nodeUrl;
    this.client = client;
    const check = () => this.#checkNow();
    const options = { signal: this.#listening.signal };
    for (const type of ["online", "offline", "pageshow"]) {
      globalThis.addEventListener?.(type, check, options);
    }
    globalThis.document?.addEventListener("visibilitychange", check, options);
    this.#connect();
    if (this.#failure) throw this.#failure;
  }

  /** Settles when the first introduction has, and again for each one after a loss. */
  get ready() {
    return this.#ready.promise;
  }

  /**
   * Send a request and wait for its reply, once the node is reached.
   * @param {string} kind The reply's type.
   * @param {Message} request
   * @param {{ introduces?: boolean }} [options]
   * @returns {Promise<Message>}
   */
  async request(kind, request, { introduces = false } = {}) {
    this.#encode(request);
    if (!introduces) await this.#ready.promise;
    if (this.#failure) throw this.#failure;
    const ref = String(++this.#refs);
    return new Promise((resolve, reject) => {
      this.#requests.set(ref, { kind, resolve, reject });
      this.#socket?.send(JSON.stringify({ ...request, ref }));
    });
  }

  /**
   * Send a message without a reply, in order, now or once the node is reached again.
   * @param {Message} message
   */
  send(message) {
    const text = this.#encode(message);
    if (this.#failure) throw this.#failure;
    if (this.#introduced) {
      this.#socket?.send(text);
    } else if (this.#queue.length < MAX_QUEUE) {
      this.#queue.push(text);
    } else {
      throw new ProximError("limit_reached", "the node is away, and no more can wait for it");
    }
  }

  /** Leave for good. @param {ProximError} [why] What those who still wait are told. */
  close(why = connectionLost("the connection was closed on this side")) {
    this.#end(why);
    this.#closeSocket();
  }

  /** @param {Message} message @returns {string} @throws {ProximError} `bad_message` */
  #encode(message) {
    let text;
    try {
      text = JSON.stringify(message);
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      throw new ProximError("bad_message", `that cannot be written as JSON: ${why}`, { cause: error });
    }
    const size = new TextEncoder().encode(text).length;
    if (size <= this.#maxBytes) return text;
    const why = `a message may have ${this.#maxBytes} bytes, and this has ${size}`;
    throw new ProximError("bad_message", why);
  }

  #connect() {
    this.#waitsToRetry = false;
    const socket = this.#open();
    if (!socket) return;
    this.#socket = socket;
    this.#schedule(SOCKET_TIMEOUT, () => this.#lost());
    socket.onopen = () => this.#introduce(socket);
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onclose = ({ code }) => this.#lost(code);
  }

  #open() {
    try {
      return new WebSocket(`${this.nodeUrl.replace(/^http/, "ws")}/ws`, [SUBPROTOCOL]);
    } catch (error) {
      // A page of https may not, for one, speak with a node of http.
      const why = `this page may not connect to ${this.nodeUrl}: ${/** @type {Error} */ (error).message}`;
      this.#fail(new ProximError("invalid_link", why, { cause: error }));
      return null;
    }
  }

  /** @param {unknown} data */
  #read(data) {
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      this.#fail(connectionLost(`what answers at ${this.nodeUrl} is no Proxim node`));
      return;
    }
    this.#receive(message);
  }

  /** @param {WebSocket} socket */
  async #introduce(socket) {
    try {
      await this.client.introduce();
    } catch (error) {
      if (socket === this.#socket) this.#introductionFailed(/** @type {ProximError} */ (error));
      return;
    }
    if (socket !== this.#socket) return;
    this.#introduced = this.#everIntroduced = true;
    this.#delay = BACKOFF.first;
    for (const text of this.#queue.splice(0)) socket.send(text);
    this.#ready.resolve();
    this.client.setOnline(true);
  }

  /** The introduction was answered with an error. @param {ProximError} error */
  #introductionFailed(error) {
    if (this.#everIntroduced && ["rate_limited", "unavailable"].includes(error.code)) {
      this.#closeSocket();
      this.#retry((error.retryAfter ?? 0) * 1000);
    } else {
      this.#fail(error);
    }
  }

  /** @param {Message} message */
  #receive(message) {
    this.#schedule(SILENCE, () => this.#probe());
    if (message.type === "welcome") this.#maxBytes = message.max_message_bytes - REF_BYTES;
    this.client.receive(message);
    const pending = this.#requests.get(message.ref);
    if (!pending) return;
    this.#requests.delete(message.ref);
    if (message.type === pending.kind) pending.resolve(message);
    else if (message.type === "error") pending.reject(wireError(message));
    else if (message.type === "session_ended") {
      pending.reject(sessionEnded(message.status, message.reason, message.session_id));
    } else {
      pending.reject(connectionLost(`the node answered ${message.type} to a request`));
    }
  }

  /** Whether anybody is there: a network that is gone takes long to tell a socket. */
  #probe() {
    if (this.#socket?.readyState !== 1) return;
    this.#socket.send('{"type":"ping"}');
    this.#schedule(PONG_TIMEOUT, () => this.#lost());
  }

  /** The network has changed, or the page is looked at again. */
  #checkNow() {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.#waitsToRetry) this.#connect();
    else if (this.#introduced) this.#probe();
  }

  /** The connection is gone. @param {number} [code] */
  #lost(code) {
    this.#closeSocket();
    const why =
      code === REPLACED
        ? "another connection took over what this one held"
        : `${this.nodeUrl} cannot be reached, or has closed the connection (${code ?? "silence"})`;
    if (!this.#everIntroduced || FINAL_CLOSE_CODES.has(code ?? 0)) {
      this.#fail(connectionLost(why, code));
    } else {
      this.#retry(0);
    }
  }

  /** Let go of the socket; what was asked on it gets no answer. */
  #closeSocket() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    }
    const wasIntroduced = this.#introduced;
    this.#introduced = false;
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of requests) {
      reject(this.#failure ?? connectionLost("the connection broke before the reply"));
    }
    if (wasIntroduced) {
      if (!this.#failure) this.#ready = new Deferred();
      this.client.setOnline(false);
    }
  }

  /** @param {number} atLeast Milliseconds. */
  #retry(atLeast) {
    const pause = Math.max(this.#delay * (0.5 + 0.5 * Math.random()), atLeast);
    this.#delay = Math.min(this.#delay * BACKOFF.factor, BACKOFF.longest);
    this.#waitsToRetry = true;
    this.#schedule(pause, () => this.#connect());
  }

  /** @param {ProximError} error */
  #fail(error) {
    if (this.#failure) return;
    this.#end(error);
    this.#closeSocket();
    this.client.fail(error);
  }

  /** @param {ProximError} error */
  #end(error) {
    this.#failure ??= error;
    this.#ready.reject(this.#failure);
    this.#queue.length = 0;
    this.#listening.abort();
  }

  /** One alarm for all that can be overdue. @param {number} time @param {() => void} action */
  #schedule(time, action) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, time);
  }
}
