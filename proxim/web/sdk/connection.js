// The WebSocket to a node.

import { Deferred } from "./deferred.js";
import { ProximError, connectionLost, sessionOver, wireError } from "./errors.js";

/** @import { Message } from "./types.js" */

const SUBPROTOCOL = "proxim.v1";
const CONNECT_TIME = 15_000;
const QUEUE_BOUND = 256;
/** What a request's `ref` adds to it, at most, in bytes. */
const REF_BYTES = 32;

/** Milliseconds of silence after which the node is asked for a sign of life, and for that sign. */
const SILENCE = 25_000;
const PONG_TIME = 8_000;

/** The pauses between tries, in milliseconds; each is cut by up to half by chance. */
const PAUSE = { first: 1_000, factor: 1.5, longest: 60_000 };

const REPLACED = 4000;
/** Close codes after which it makes no sense to come back (protocol: Close codes). */
const FINAL_CODES = new Set([1002, 1007, 1009, REPLACED]);

/**
 * What a host or a guest does with its connection.
 * @typedef {object} Owner
 * @property {() => Promise<unknown>} introduce Register, ask or resume; on every new connection.
 * @property {(message: Message) => void} hear Everything that the node says, replies too.
 * @property {(online: boolean) => void} note The node is reached, or lost.
 * @property {(error: ProximError) => void} fail It makes no sense to go on.
 */

/** Keeps one WebSocket to a node open, and reopens it with backoff. */
export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, { deferred: Deferred<Message>, kind: string }>} */
  #calls = new Map();
  /** @type {string[]} */
  #queue = [];
  #ready = /** @type {Deferred<void>} */ (new Deferred());
  #refs = 0;
  #pause = PAUSE.first;
  #maxBytes = 64 * 1024;
  #introduced = false;
  #everIntroduced = false;
  /** @type {ProximError | null} */
  #failure = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #alarm;
  #retryAt = 0;
  #look = () => this.#lookNow();

  /** @param {string} nodeUrl @param {Owner} owner */
  constructor(nodeUrl, owner) {
    this.nodeUrl = nodeUrl;
    this.owner = owner;
    globalThis.addEventListener?.("online", this.#look);
    globalThis.addEventListener?.("offline", this.#look);
    globalThis.addEventListener?.("pageshow", this.#look);
    globalThis.document?.addEventListener("visibilitychange", this.#look);
    this.#dial();
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
  async call(kind, request, { introduces = false } = {}) {
    this.#checkSize(encode(request));
    if (!introduces) await this.#ready.promise;
    if (this.#failure) throw this.#failure;
    const ref = String(++this.#refs);
    const deferred = /** @type {Deferred<Message>} */ (new Deferred());
    this.#calls.set(ref, { deferred, kind });
    this.#socket?.send(JSON.stringify({ ...request, ref }));
    return deferred.promise;
  }

  /**
   * Send a message without a reply, in order, now or once the node is reached again.
   * @param {Message} message
   */
  post(message) {
    const text = encode(message);
    this.#checkSize(text);
    if (this.#failure) throw this.#failure;
    if (this.#introduced) {
      this.#socket?.send(text);
    } else if (this.#queue.length < QUEUE_BOUND) {
      this.#queue.push(text);
    } else {
      throw new ProximError("limit_reached", "the node is away, and no more can wait for it");
    }
  }

  /** Leave for good. @param {ProximError} [why] What those who still wait are told. */
  leave(why = connectionLost("the connection was closed on this side")) {
    this.#end(why);
    this.#drop(1000);
  }

  /** @param {string} text */
  #checkSize(text) {
    const size = new TextEncoder().encode(text).length;
    if (size > this.#maxBytes) {
      const message = `a message may have ${this.#maxBytes} bytes, and this has ${size}`;
      throw new ProximError("bad_message", message);
    }
  }

  #dial() {
    const socket = this.#open();
    if (!socket) return;
    this.#socket = socket;
    this.#after(CONNECT_TIME, () => this.#lose());
    socket.onopen = () => this.#introduce(socket);
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onclose = ({ code }) => this.#lose(code);
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
    this.#hear(message);
  }

  /** @param {WebSocket} socket */
  async #introduce(socket) {
    try {
      await this.owner.introduce();
    } catch (error) {
      if (socket === this.#socket) this.#refused(/** @type {ProximError} */ (error));
      return;
    }
    if (socket !== this.#socket) return;
    this.#introduced = this.#everIntroduced = true;
    this.#pause = PAUSE.first;
    for (const text of this.#queue.splice(0)) socket.send(text);
    this.#ready.resolve();
    this.owner.note(true);
  }

  /** The introduction was answered with an error. @param {ProximError} error */
  #refused(error) {
    if (this.#everIntroduced && ["rate_limited", "unavailable"].includes(error.code)) {
      this.#drop(1000);
      this.#retry((error.retryAfter ?? 0) * 1000);
    } else {
      this.#fail(error);
    }
  }

  /** @param {Message} message */
  #hear(message) {
    this.#after(SILENCE, () => this.#probe());
    if (message.type === "welcome") this.#maxBytes = message.max_message_bytes - REF_BYTES;
    this.owner.hear(message);
    const call = this.#calls.get(message.ref);
    if (!call) return;
    this.#calls.delete(message.ref);
    if (message.type === call.kind) call.deferred.resolve(message);
    else if (message.type === "error") call.deferred.reject(wireError(message));
    else if (message.type === "session_ended") {
      call.deferred.reject(sessionOver(message.status, message.reason, message.session_id));
    } else {
      call.deferred.reject(connectionLost(`the node answered ${message.type} to a request`));
    }
  }

  /** Whether anybody is there: a network that is gone takes long to tell a socket. */
  #probe() {
    if (this.#socket?.readyState !== 1) return;
    this.#socket.send('{"type":"ping"}');
    this.#after(PONG_TIME, () => this.#lose());
  }

  /** The network has changed, or the page is looked at again. */
  #lookNow() {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.#retryAt) this.#dialAgain();
    else if (this.#introduced) this.#probe();
  }

  /** The connection is gone. @param {number} [code] */
  #lose(code) {
    this.#drop(1000);
    const why =
      code === REPLACED
        ? "another connection took over what this one held"
        : `${this.nodeUrl} cannot be reached, or has closed the connection (${code ?? "silence"})`;
    if (!this.#everIntroduced || FINAL_CODES.has(code ?? 0)) {
      this.#fail(connectionLost(why, code));
    } else {
      this.#retry(0);
    }
  }

  /** Let go of the socket; what was asked on it gets no answer. @param {number} code */
  #drop(code) {
    clearTimeout(this.#alarm);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(code);
    }
    const wasIntroduced = this.#introduced;
    this.#introduced = false;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { deferred } of calls) {
      deferred.reject(this.#failure ?? connectionLost("the connection broke before the reply"));
    }
    if (wasIntroduced) {
      if (!this.#failure) this.#ready = new Deferred();
      this.owner.note(false);
    }
  }

  /** @param {number} atLeast Milliseconds. */
  #retry(atLeast) {
    const pause = Math.max(this.#pause * (0.5 + 0.5 * Math.random()), atLeast);
    this.#pause = Math.min(this.#pause * PAUSE.factor, PAUSE.longest);
    this.#retryAt = Date.now() + pause;
    this.#after(pause, () => this.#dialAgain());
  }

  #dialAgain() {
    this.#retryAt = 0;
    this.#dial();
  }

  /** @param {ProximError} error */
  #fail(error) {
    if (this.#failure) return;
    this.#end(error);
    this.#drop(1000);
    this.owner.fail(error);
  }

  /** @param {ProximError} error */
  #end(error) {
    this.#failure ??= error;
    this.#ready.reject(this.#failure);
    this.#queue.length = 0;
    this.#retryAt = 0;
    globalThis.removeEventListener?.("online", this.#look);
    globalThis.removeEventListener?.("offline", this.#look);
    globalThis.removeEventListener?.("pageshow", this.#look);
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
  }

  /** One alarm for all that can be overdue. @param {number} time @param {() => void} action */
  #after(time, action) {
    clearTimeout(this.#alarm);
    this.#alarm = setTimeout(action, time);
  }
}

/** @param {Message} message @returns {string} @throws {ProximError} `bad_message` */
function encode(message) {
  try {
    return JSON.stringify(message);
  } catch (error) {
    const why = /** @type {Error} */ (error).message;
    throw new ProximError("bad_message", `that cannot be written as JSON: ${why}`, { cause: error });
  }
}
