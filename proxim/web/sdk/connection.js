// The WebSocket connection to a node.

import { Deferred } from "./deferred.js";
import { ProximError, connectionLost, sessionEnded, wireError } from "./errors.js";
import { emit } from "./events.js";

/** @import { Message } from "./types.js" */

const SUBPROTOCOL = "proxim.v1";
const SOCKET_TIMEOUT = 15_000;
const MAX_QUEUE = 256;
/** Bytes that `ref` adds to a request, at most. */
const REF_BYTES = 32;

/** Milliseconds without a message before a ping, and milliseconds to wait for its pong. */
const SILENCE = 25_000;
const PONG_TIMEOUT = 8_000;

/** Milliseconds between attempts to reconnect; each pause is shortened at random, by half at most. */
const BACKOFF = { first: 1_000, factor: 1.5, longest: 60_000 };

const REPLACED = 4000;
/** Close codes after which reconnecting cannot help (protocol: Close codes). */
const FINAL_CLOSE_CODES = new Set([1002, 1007, 1009, REPLACED]);

/**
 * A host or a guest, as its connection sees it. It has the event `reachable`.
 * @typedef {object} ClientPart
 * @property {() => Promise<unknown>} _introduce Registers, asks to pair or resumes, on each new socket.
 * @property {(message: Message) => void} _receive Gets every message of the node, replies included.
 * @property {() => void} _nodeReached Goes on with its sessions: the node knows this client, perhaps again.
 * @property {(error: ProximError) => void} _end Learns that the connection is closed for good.
 * @typedef {EventTarget & ClientPart} Client
 */

/** Keeps a WebSocket to a node open, and reconnects with backoff. */
export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, { kind: string, prepare?: (reply: Message) => void,
   *   resolve: (reply: Message) => void, reject: (error: unknown) => void }>} */
  #requests = new Map();
  /** @type {string[]} */
  #queue = [];
  #ready = /** @type {Deferred<void>} */ (new Deferred());
  #welcomed = /** @type {Deferred<void>} */ (new Deferred());
  #refs = 0;
  #delay = BACKOFF.first;
  #maxBytes = 64 * 1024;
  /** @type {string[]} What the node does beyond version 1 of the protocol. */
  features = [];
  /** @type {string | undefined} Where the node has its links lead. */
  joinUrl;
  /** @type {string | undefined} Another one than before: the node has forgotten its sessions. */
  boot;
  #hasOpened = false;
  #introduced = false;
  /** Whether the node has known this client. */
  wasIntroduced = false;
  #isReached = false;
  /** Whether to connect again although no introduction has succeeded yet: it may have arrived, and be sent again. */
  retriesFirst = false;
  /** @type {ProximError | null} */
  #failure = null;
  #timer = 0;
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

  /** Resolves once the node knows this client; after a loss it is a new promise. */
  get ready() {
    return this.#ready.promise;
  }

  /** Whether the node is reached and knows this client. */
  get isIntroduced() {
    return this.#introduced;
  }

  /** Throw `seal_unavailable` if the node does not carry sealed sessions. It need not know this client yet. */
  async needSeal() {
    await this.#welcomed.promise;
    if (this.features.includes("seal")) return;
    const why = `the node at ${this.nodeUrl} does not carry sealed sessions; nothing was sent`;
    throw new ProximError("seal_unavailable", why);
  }

  /** Throw `not_supported` if the node is too old. @param {string} feature One of `welcome.features`. */
  async needFeature(feature) {
    await this.#ready.promise;
    if (this.features.includes(feature)) return;
    throw new ProximError("not_supported", `the node at ${this.nodeUrl} is too old: it does not know "${feature}"`);
  }

  /**
   * Send a request once the node knows this client, and return its reply.
   * @param {string} kind The type of the reply.
   * @param {Message} request
   * @param {(reply: Message) => void} [prepare] Called before the client receives the reply, which it does not if
   *   this throws: the request then rejects with the error.
   * @returns {Promise<Message>}
   */
  async request(kind, request, prepare) {
    await this.#ready.promise;
    return this.requestNow(kind, request, prepare);
  }

  /**
   * Send a request at once, and return its reply. Only introductions need this.
   * @param {string} kind @param {Message} request @param {(reply: Message) => void} [prepare]
   * @returns {Promise<Message>}
   */
  async requestNow(kind, request, prepare) {
    if (this.#failure) throw this.#failure;
    this.#encode(request);
    const ref = String(++this.#refs);
    return new Promise((resolve, reject) => {
      this.#requests.set(ref, { kind, prepare, resolve, reject });
      this.#socket?.send(JSON.stringify({ ...request, ref }));
    });
  }

  /**
   * Send a message that has no reply, now or once the node is reached again, in order.
   * @param {Message} message
   */
  send(message) {
    const text = this.#encode(message);
    if (this.#failure) throw this.#failure;
    // A socket that is closing drops what it is given.
    if (this.#introduced && this.#socket?.readyState === 1) {
      this.#socket.send(text);
    } else if (this.#queue.length < MAX_QUEUE) {
      this.#queue.push(text);
    } else {
      throw new ProximError("limit_reached", "the node is offline, and too many messages wait for it");
    }
  }

  /** Introduce the client again, on the same connection: the node then says again how all stands. */
  async refresh() {
    await this.#ready.promise;
    await this.client._introduce();
  }

  /** Close the connection for good. @param {ProximError} [why] The error of pending requests. */
  close(why = connectionLost("the connection was closed on this side")) {
    this.#failure ??= why;
    this.#ready.reject(this.#failure);
    this.#queue.length = 0;
    this.#listening.abort();
    this.#closeSocket();
  }

  /** @param {Message} message @returns {string} @throws {ProximError} `bad_message` */
  #encode(message) {
    let text;
    try {
      text = JSON.stringify(message);
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      throw new ProximError("bad_message", `the message cannot be written as JSON: ${why}`, { cause: error });
    }
    this.checkSize(new TextEncoder().encode(text).length);
    return text;
  }

  /** @param {number} size The bytes of a message. @throws {ProximError} `bad_message` if they are too many. */
  checkSize(size) {
    if (size <= this.#maxBytes) return;
    throw new ProximError("bad_message", `a message may have ${this.#maxBytes} bytes, and this one has ${size}`);
  }

  #connect() {
    let socket;
    try {
      socket = new WebSocket(`${this.nodeUrl.replace(/^http/, "ws")}/ws`, [SUBPROTOCOL]);
    } catch (error) {
      // An https page may not connect to an http node, for example.
      const why = `this page may not connect to ${this.nodeUrl}: ${/** @type {Error} */ (error).message}`;
      this.#fail(new ProximError("invalid_link", why, { cause: error }));
      return;
    }
    this.#socket = socket;
    this.#schedule(SOCKET_TIMEOUT, () => this.#lost());
    socket.onopen = () => {
      this.#hasOpened = true;
      this.#introduce(socket);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#lost(code);
  }

  /** @param {WebSocket} socket */
  async #introduce(socket) {
    try {
      await this.client._introduce();
    } catch (error) {
      if (socket === this.#socket) this.#introductionFailed(/** @type {ProximError} */ (error));
      return;
    }
    if (socket !== this.#socket) return;
    this.#introduced = this.wasIntroduced = true;
    this.#delay = BACKOFF.first;
    for (const text of this.#queue.splice(0)) socket.send(text);
    this.#ready.resolve();
    // A sealed session begins a new epoch, before the page sends anything.
    this.client._nodeReached();
    this.reached();
  }

  /** Tell the client that the node is reached. */
  reached() {
    if (!this.#isReached) emit(this.client, "reachable", { online: (this.#isReached = true) });
  }

  /** @param {ProximError} error */
  #introductionFailed(error) {
    if (this.wasIntroduced && ["rate_limited", "unavailable"].includes(error.code)) {
      this.#closeSocket();
      this.#retry((error.retryAfter ?? 0) * 1000);
    } else {
      this.#fail(error);
    }
  }

  /** @param {unknown} data */
  #receive(data) {
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      this.#fail(connectionLost(`the server at ${this.nodeUrl} is not a Proxim node`));
      return;
    }
    this.#schedule(SILENCE, () => this.#probe());
    if (message.type === "welcome") {
      this.#maxBytes = message.max_message_bytes - REF_BYTES;
      this.features = message.features ?? [];
      this.joinUrl = message.join_url;
      this.boot = message.boot;
      this.#welcomed.resolve();
    }
    const pending = this.#requests.get(message.ref);
    try {
      if (message.type === pending?.kind) pending?.prepare?.(message);
    } catch (error) {
      this.#requests.delete(message.ref);
      pending?.reject(error);
      return;
    }
    this.client._receive(message);
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

  /** Send a ping: a socket may take minutes to notice that its network is gone. */
  #probe() {
    if (this.#socket?.readyState !== 1) return;
    this.#socket.send('{"type":"ping"}');
    this.#schedule(PONG_TIMEOUT, () => this.#lost());
  }

  /** Check the connection at once when the network changes or the page becomes visible. */
  #checkNow() {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (!this.#socket) this.#connect();
    else if (this.#introduced) this.#probe();
  }

  /** @param {number} [code] The close code; none if the node was silent. */
  #lost(code) {
    this.#closeSocket();
    const why =
      code === REPLACED
        ? "another connection took over the seats of this one"
        : `${this.nodeUrl} cannot be reached, or closed the connection (${code ?? "silence"})${this.#hint()}`;
    const mayRetry = this.wasIntroduced || this.retriesFirst;
    if (!mayRetry || FINAL_CLOSE_CODES.has(code ?? 0)) {
      this.#fail(connectionLost(why, code));
    } else {
      this.#retry(0);
    }
  }

  /** Return what else may be wrong if the first connection fails: a browser does not tell a page. */
  #hint() {
    const origin = globalThis.location?.origin;
    if (this.#hasOpened || !origin || origin === new URL(this.nodeUrl).origin) return "";
    return `; if the node is running, it probably refuses pages of ${origin}: start it with --allow-origin ${origin}`;
  }

  /** Close the socket, and reject the requests that wait for a reply on it. */
  #closeSocket() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    }
    const error = this.#failure ?? connectionLost("the connection broke before the reply");
    this.#welcomed.reject(error);
    this.#welcomed = new Deferred();
    for (const { reject } of this.#requests.values()) reject(error);
    this.#requests.clear();
    if (this.#introduced && !this.#failure) this.#ready = new Deferred();
    this.#introduced = false;
    if (this.#isReached) emit(this.client, "reachable", { online: (this.#isReached = false) });
  }

  /** @param {number} atLeast Milliseconds. */
  #retry(atLeast) {
    const pause = Math.max(this.#delay * (0.5 + 0.5 * Math.random()), atLeast);
    this.#delay = Math.min(this.#delay * BACKOFF.factor, BACKOFF.longest);
    this.#schedule(pause, () => this.#connect());
  }

  /** @param {ProximError} error */
  #fail(error) {
    if (this.#failure) return;
    this.close(error);
    this.client._end(error);
  }

  /** Replace the one timer of this connection. @param {number} time @param {() => void} action */
  #schedule(time, action) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, time);
  }
}
