// @ts-check
/**
 * Proxim in a browser: be a host or a guest of a node, and get a WebRTC data channel to the other
 * side once a person has said yes.
 *
 * One module without dependencies. The wire is told in docs/reference/protocol.md; the words and the
 * behaviour are those of the Python SDK.
 */

/** @typedef {"one_time" | "persistent" | "temporary"} SessionType When a session ends by itself. */
/** @typedef {"pending" | "approved" | "rejected" | "expired"} Status A session's state. */
/** @typedef {{ name: string, id: string }} DeviceInfo Who a guest says that it is: a claim. */
/** @typedef {Record<string, any>} Message A message of the wire protocol. */

/**
 * The kind of an ICE candidate (RFC 8445, 5.1.1): an address of the device itself (`host`), one that
 * a STUN server has seen (`srflx`), one that only the other side has seen (`prflx`), one of a TURN
 * server (`relay`).
 * @typedef {"host" | "prflx" | "srflx" | "relay"} CandidateKind
 */

/**
 * How the two sides are connected, in the words of `getStats()`: the kinds of the two candidates in
 * use, and in `via` the one of them that says most about the way: `relay` before `srflx` before
 * `prflx` before `host`. None but `relay` says which networks lie between. `protocol` is that of the
 * local candidate, `udp` or `tcp`; `rtt` is the round-trip time in milliseconds, null while it is
 * not known.
 * @typedef {{ via: CandidateKind, local: CandidateKind, remote: CandidateKind,
 *   rtt: number | null, protocol: string }} Path
 */

/**
 * A seat that can be taken again, as `remembered` tells it.
 * @typedef {{ nodeUrl: string, sessionId: string, resumeToken: string, type: string,
 *   since: number }} Remembered
 */

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

/** Milliseconds that a broken WebRTC connection has to mend itself: host first, then guest. */
const MENDING = { host: 2_500, guest: 5_000 };
/** Milliseconds after which a WebRTC connection that does not come about is begun anew; each try has
 * half as much again. */
const PATIENCE = { host: 15_000, guest: 35_000 };
/** How often it is begun anew before it is left to a person, or to the other side's return. */
const TRIES = 4;
/** How often the host opens the data channel anew on a connection that stands, and milliseconds before. */
const REOPENING = { most: 3, pause: 500 };
/** Bytes of messages, and data channels, that wait for a page that does not listen yet. */
const HELD = { bytes: 16 * 1024 * 1024, channels: 32 };
/** What a message that waits takes beside its bytes, about. */
const HELD_EXTRA = 200;
/** The kinds of candidates, the one first that says most about the way. */
const KINDS = /** @type {const} */ (["relay", "srflx", "prflx", "host"]);

/** When ICE servers are asked for anew: after this part of their time, unless the new ones serve hardly
 * longer; and after how many milliseconds, when that has failed. */
const ICE = { age: 0.75, gain: 500, retry: 10_000 };

// -- errors ----------------------------------------------------------------------------------

/**
 * Everything that can go wrong. `code` is the one on the wire (protocol: Errors), or one of
 *
 * - `session_ended`: the session is over; `status` and `reason` are those of `session_ended`, or
 *   the reason is `lost`: the node knows nothing of it any more;
 * - `connection_lost`: the node cannot be reached, or closed the connection with `closeCode`;
 * - `invalid_link`: what was given as a link or as a node's address is none, or is one to which the
 *   browser lets no page like this connect;
 * - `unreachable`: the two sides do not reach each other, after several tries;
 * - `webrtc_failed`: the browser's WebRTC refused something; `cause` is what it said.
 */
export class ProximError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ sessionId?: string, retryAfter?: number, status?: Status, reason?: string,
   *   closeCode?: number, cause?: unknown }} [more]
   */
  constructor(code, message, more = {}) {
    super(message, "cause" in more ? { cause: more.cause } : undefined);
    this.name = "ProximError";
    /** The code, for programs. */
    this.code = code;
    /** The session that it was about, if it was about one. */
    this.sessionId = more.sessionId;
    /** Seconds after which it can be tried again, for `rate_limited` and `unavailable`. */
    this.retryAfter = more.retryAfter;
    /** How a session ended, for `session_ended`. */
    this.status = more.status;
    /** Why a session ended, for `session_ended`. */
    this.reason = more.reason;
    /** The WebSocket's close code, for `connection_lost`. */
    this.closeCode = more.closeCode;
  }
}

/** @param {Status} status @param {string} reason @param {string} [sessionId] */
const sessionOver = (status, reason, sessionId) =>
  new ProximError("session_ended", `the session has ended: ${reason}`, {
    status,
    reason,
    sessionId,
  });

/** @param {string} message @param {number} [closeCode] */
const connectionLost = (message, closeCode) =>
  new ProximError("connection_lost", message, { closeCode });

/** @param {Message} message An `error` of the node. */
const wireError = (message) =>
  new ProximError(message.code, message.message, {
    sessionId: message.session_id,
    retryAfter: message.retry_after,
  });

/** @param {unknown} error What WebRTC threw. */
const webrtcFailed = (error) =>
  error instanceof ProximError
    ? error
    : new ProximError("webrtc_failed", String(/** @type {any} */ (error)?.message ?? error), {
        cause: error,
      });

// -- small things ----------------------------------------------------------------------------

/**
 * A promise to be settled later. Nobody has to wait for it: a rejection that nobody sees is no
 * error of the page.
 * @template T
 */
class Deferred {
  constructor() {
    /** @type {(value: T) => void} */
    this.resolve = () => {};
    /** @type {(error: unknown) => void} */
    this.reject = () => {};
    /** @type {Promise<T>} */
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }
}

/** An event with fields of its own, also handed to the `on…` property of its target. */
class Happening extends Event {
  /** @param {string} type @param {object} [fields] */
  constructor(type, fields = {}) {
    super(type);
    Object.assign(this, fields);
  }
}

/**
 * A handler that throws stops nothing, as with the browser's own events.
 * @param {EventTarget} target @param {Event} event
 */
function emit(target, event) {
  const handler = /** @type {any} */ (target)[`on${event.type}`];
  try {
    if (typeof handler === "function") handler.call(target, event);
  } catch (error) {
    reportError(error);
  }
  target.dispatchEvent(event);
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

/** @param {number} size A number of random bytes, as hexadecimal digits. */
function randomHex(size) {
  const bytes = crypto.getRandomValues(new Uint8Array(size));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Web storage that may be forbidden or full: then nothing is remembered, and nothing breaks. */
const memory = {
  /** @param {"localStorage" | "sessionStorage"} kind @param {string} name @returns {any} */
  read(kind, name) {
    try {
      return JSON.parse(globalThis[kind].getItem(name) ?? "null");
    } catch {
      return null;
    }
  },
  /** @param {"localStorage" | "sessionStorage"} kind @param {string} name @param {unknown} value */
  write(kind, name, value) {
    try {
      if (value === null) globalThis[kind].removeItem(name);
      else globalThis[kind].setItem(name, JSON.stringify(value));
    } catch {
      // Private windows and full disks: it works as long as the page is open.
    }
  },
};

/** @param {string | URL} url @returns {string} The address of a node, without a slash at its end. */
function nodeAddress(url) {
  try {
    const { origin, pathname, protocol } = new URL(url);
    if (/^https?:$/.test(protocol)) return origin + pathname.replace(/\/+$/, "");
  } catch {
    // Said below.
  }
  throw new ProximError(
    "invalid_link",
    `${url} is not the address of a node, such as http://127.0.0.1:8765`,
  );
}

/**
 * Take a link apart (protocol: Links and QR codes).
 * @param {string | URL | Location} link
 * @returns {{ nodeUrl: string, sessionId: string, token: string }}
 * @throws {ProximError} `invalid_link`
 */
export function parseLink(link) {
  const found = /^(https?:\/\/[^?#]+)\/join\/?#([\w-]{16,128})\.([\w-]{16,128})$/.exec(
    String(link).trim(),
  );
  if (!found) {
    throw new ProximError(
      "invalid_link",
      "a link looks like https://node.example/join#<session id>.<token>",
    );
  }
  return { nodeUrl: nodeAddress(found[1]), sessionId: found[2], token: found[3] };
}

/** What this device may be called, from what the browser says of itself: `iPhone`, `Linux PC`. */
export function deviceName() {
  const agent = globalThis.navigator?.userAgent ?? "";
  const known = [
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Android.*Mobile/, "Android phone"],
    [/Android/, "Android tablet"],
    [/CrOS/, "Chromebook"],
    [/Macintosh/, "Mac"],
    [/Windows/, "Windows PC"],
    [/Linux/, "Linux PC"],
  ];
  const match = known.find(([pattern]) => /** @type {RegExp} */ (pattern).test(agent));
  return match ? String(match[1]) : "A device";
}

// -- the connection to a node ----------------------------------------------------------------

/**
 * What a host or a guest does with its connection.
 * @typedef {object} Owner
 * @property {() => Promise<unknown>} introduce Register, ask or resume; on every new connection.
 * @property {(message: Message) => void} hear Everything that the node says, replies too.
 * @property {(online: boolean) => void} note The node is reached, or lost.
 * @property {(error: ProximError) => void} fail It makes no sense to go on.
 */

/** Keeps one WebSocket to a node open, and reopens it with backoff. */
class Connection {
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

// -- WebRTC ----------------------------------------------------------------------------------

const tooMuchWaits = () =>
  new ProximError("limit_reached", "more has come than can wait for a page that does not listen yet");

/**
 * What came over data channels to which nobody listens yet: as with a `MessagePort` it is handed
 * over, in order, once somebody does. A page may have to load first what listens; meanwhile nothing
 * is lost that the other side has sent.
 */
class Waiting {
  #bytes = 0;

  /** @param {() => void} overflow Called for what is dropped, as there is no room for more. */
  constructor(overflow) {
    this.overflow = overflow;
  }

  /** @param {RTCDataChannel} channel One to which nobody can have listened before. */
  hold(channel) {
    /** @type {unknown[]} */
    const held = [];
    // To shift one of many off an array takes as long as to move all the others.
    let handedOver = 0;
    let listened = false;
    /** @type {object | null} */
    let handing = null;
    /** @param {MessageEvent} event */
    const keep = (event) => {
      if (event === handing || (listened && held.length === handedOver)) return;
      // This listener is the first, so that it is the only one for which this comes too early.
      event.stopImmediatePropagation();
      if (this.#takes(event.data)) held.push(event.data);
      else this.overflow();
    };
    const handOver = async () => {
      listened = true;
      await null;
      while (handedOver < held.length) {
        const data = held[handedOver];
        handing = new MessageEvent("message", { data });
        channel.dispatchEvent(/** @type {Event} */ (handing));
        held[handedOver] = undefined;
        handedOver += 1;
        this.#bytes -= sizeOf(data);
        // As between two messages of a browser: who listens once can listen again.
        await null;
      }
      held.length = 0;
      handedOver = 0;
    };
    channel.addEventListener("message", keep);
    beforeListening(channel, "message", handOver);
  }

  /** @param {unknown} data */
  #takes(data) {
    const size = sizeOf(data);
    if (this.#bytes + size > HELD.bytes) return false;
    this.#bytes += size;
    return true;
  }
}

/** @param {any} data A message's, in bytes, about. */
const sizeOf = (data) => HELD_EXTRA + (data?.byteLength ?? data?.size ?? 2 * String(data).length);

/**
 * Call back before somebody begins to listen, by `addEventListener` or by the handler's property.
 * @param {any} target @param {string} type @param {() => void} listened
 */
function beforeListening(target, type, listened) {
  const handler = `on${type}`;
  const notice = () => {
    delete target.addEventListener;
    delete target[handler];
    listened();
  };
  target.addEventListener = (/** @type {any[]} */ ...what) => {
    if (what[0] === type) notice();
    EventTarget.prototype.addEventListener.apply(target, /** @type {any} */ (what));
  };
  Object.defineProperty(target, handler, {
    configurable: true,
    get: () => null,
    set(listener) {
      if (listener === null) return;
      notice();
      target[handler] = listener;
    },
  });
}

/**
 * The WebRTC connection of a session, by the perfect-negotiation pattern: the host is impolite, the
 * guest polite. Its signals are `{rtc: {from, to?, description?, candidate?}}`; `from` and `to` name
 * one `RTCPeerConnection` each. A `from` that is new says that the other side has begun anew –
 * after a reload, say – so this side does, too, once it has negotiated; what was meant for another
 * `to` is dropped.
 */
class Line {
  #id = "";
  #remote = "";
  #making = false;
  #ignoring = false;
  #heard = false;
  #over = false;
  #tries = 0;
  /** @type {RTCPeerConnection | null} */
  pc = null;
  /** @type {RTCDataChannel | null} */
  #main = null;
  #reopened = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reopening;
  /** @type {Promise<unknown>} What is heard is dealt with in turn. */
  #turn = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #mending;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #watchdog;
  #patience;
  #waiting = new Waiting(() => {});

  /** @param {Session} session @param {"host" | "guest"} role */
  constructor(session, role) {
    this.session = session;
    this.role = role;
    this.#patience = PATIENCE[role];
    this.#inTurn(() => this.#begin());
  }

  /** @param {any} signal What the other side's line has said. */
  hear(signal) {
    this.#inTurn(() => this.#take(signal));
  }

  /** Somebody is back: see whether the connection has survived. */
  revive() {
    const state = this.pc?.connectionState;
    if (!state) this.#inTurn(async () => void (this.pc || (await this.#afresh())));
    else if (state !== "connected") this.#mendAfter(state === "failed" ? 0 : 500);
  }

  /** Begin anew, with as many tries as at first. */
  restart() {
    this.#inTurn(() => this.#afresh());
  }

  /**
   * Fresh ICE servers, for the next time that ICE is restarted; what is connected stays so.
   * @param {RTCIceServer[]} iceServers
   */
  configure(iceServers) {
    try {
      this.pc?.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
    } catch {
      // Some browsers cannot: there they serve when the connection is begun anew.
    }
  }

  end() {
    this.#over = true;
    this.#close();
  }

  /** @param {() => Promise<void>} action */
  #inTurn(action) {
    const guarded = async () => {
      if (!this.#over) await action();
    };
    this.#turn = this.#turn.then(guarded).catch((error) => this.#complain(error));
  }

  /** @param {unknown} error */
  #complain(error) {
    emit(this.session, new Happening("error", { error: webrtcFailed(error) }));
  }

  async #afresh() {
    this.#tries = 0;
    this.#patience = PATIENCE[this.role];
    await this.#begin();
  }

  /** @param {string} [remote] Whom it is begun for; whoever answers, where nobody is named. */
  async #begin(remote = "") {
    this.#close();
    this.session._trying();
    if (!this.session.iceServers || this.session._iceHasLapsed()) await this.session.refreshIce();
    if (this.#over) return;
    this.#id = randomHex(4);
    this.#remote = remote;
    this.#making = this.#ignoring = this.#heard = false;
    this.#reopened = 0;
    this.#waiting = new Waiting(() => this.#complain(tooMuchWaits()));
    const pc = this.#make();
    if (!pc) return;
    this.pc = pc;
    pc.onnegotiationneeded = () => this.#offer(pc);
    pc.onicecandidate = ({ candidate }) => this.#send(pc, { candidate });
    pc.onconnectionstatechange = () => this.#watch(pc);
    pc.ondatachannel = ({ channel }) => this.#adopt(channel);
    this.#waitForConnection();
    emit(this.session, new Happening("rtc", { pc }));
    if (this.role === "host") this.#adopt(pc.createDataChannel("proxim"));
    else this.#send(pc, {});
  }

  /** A connection, or none where the browser has no WebRTC or does not take the ICE servers. */
  #make() {
    try {
      return new RTCPeerConnection({ iceServers: this.session.iceServers ?? [] });
    } catch (error) {
      this.#giveUp(webrtcFailed(error));
      return null;
    }
  }

  /** @param {ProximError} error */
  #giveUp(error) {
    this.#close();
    this.session._unreachable(error);
  }

  #close() {
    clearTimeout(this.#mending);
    clearTimeout(this.#reopening);
    this.#stopWaiting();
    const main = this.#main;
    this.#main = null;
    if (this.pc) {
      this.pc.onconnectionstatechange = this.pc.onicecandidate = null;
      this.pc.onnegotiationneeded = this.pc.ondatachannel = null;
      this.pc.close();
    }
    this.pc = null;
    if (main) this.session._disconnected(main);
  }

  /** @param {RTCPeerConnection} pc */
  async #offer(pc) {
    try {
      this.#making = true;
      await pc.setLocalDescription();
      this.#send(pc, { description: pc.localDescription });
    } catch (error) {
      if (pc === this.pc) this.#complain(error);
    } finally {
      this.#making = false;
    }
  }

  /** @param {any} signal */
  async #take(signal) {
    const { from, to, description, candidate } = signal;
    if (typeof from !== "string" || (to && to !== this.#id)) return;
    if (from !== this.#remote) await this.#meet(from);
    const pc = this.pc;
    if (!pc) return;
    if (description) await this.#describe(pc, description);
    else if (candidate !== undefined && !this.#ignoring) await pc.addIceCandidate(candidate);
  }

  /**
   * The other side has begun anew, and so does this one, but only where it has negotiated with
   * somebody before: if both began anew because the other did, they would do so for ever.
   * @param {string} from
   */
  async #meet(from) {
    if (this.#heard || !this.pc) return this.#begin(from);
    const before = this.#remote;
    this.#remote = from;
    const description = this.pc.localDescription;
    // It was offered to somebody else before.
    if (before && description) this.#send(this.pc, { description });
  }

  /** @param {RTCPeerConnection} pc @param {RTCSessionDescriptionInit} description */
  async #describe(pc, description) {
    const isOffer = description.type === "offer";
    const collision = isOffer && (this.#making || pc.signalingState !== "stable");
    this.#ignoring = collision && this.role === "host";
    if (this.#ignoring) return;
    await pc.setRemoteDescription(description);
    this.#heard = true;
    if (!isOffer) return;
    await pc.setLocalDescription();
    this.#send(pc, { description: pc.localDescription });
  }

  /** @param {RTCPeerConnection} pc @param {object} what */
  #send(pc, what) {
    if (pc !== this.pc) return;
    const to = this.#remote || undefined;
    try {
      this.session.send({ rtc: { from: this.#id, to, ...what } });
    } catch (error) {
      this.#complain(error);
    }
  }

  /** @param {RTCPeerConnection} pc */
  #watch(pc) {
    emit(this.session, new Happening("rtcstate", { state: pc.connectionState }));
    if (pc.connectionState === "connected") {
      clearTimeout(this.#mending);
      this.#stopWaiting();
      this.#tries = 0;
      this.#patience = PATIENCE[this.role];
    } else if (pc.connectionState === "disconnected") {
      this.#mendAfter(MENDING[this.role]);
    } else if (pc.connectionState === "failed" && this.#watchdog === undefined) {
      // Otherwise a try is under way, and will be followed by the next.
      this.#mendAfter(0);
    }
  }

  /** @param {number} time Milliseconds. */
  #mendAfter(time) {
    clearTimeout(this.#mending);
    this.#mending = setTimeout(() => this.#inTurn(() => this.#mend()), time);
  }

  /** Restart ICE, with servers that are fresh; if the other side is away, its return does it. */
  async #mend() {
    const pc = this.pc;
    if (!pc || pc.connectionState === "connected" || !this.session.peerOnline) return;
    await this.session.refreshIce().catch(() => {
      // The old ones may do.
    });
    if (pc !== this.pc) return;
    pc.restartIce();
    this.#waitForConnection();
  }

  #waitForConnection() {
    this.#stopWaiting();
    this.#watchdog = setTimeout(() => this.#tryAgain(), this.#patience);
  }

  #stopWaiting() {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
  }

  #tryAgain() {
    this.#patience *= 1.5;
    if (!this.session.peerOnline) {
      this.#waitForConnection();
    } else if (this.#tries < TRIES) {
      this.#tries += 1;
      this.#inTurn(() => this.#begin());
    } else {
      const message = "the two sides do not reach each other, and it is tried no more by itself";
      this.#giveUp(new ProximError("unreachable", message, { sessionId: this.session.id }));
    }
  }

  /** Only the channel was closed: open it anew, unless the other side is gone, or closes it each time. */
  async #reopen() {
    const pc = this.pc;
    // Where all of it has broken, what mends that has a channel of its own.
    if (!pc || this.#main || pc.connectionState !== "connected") return;
    if (pc.sctp?.transport.state === "closed" || !this.session.peerOnline) return;
    if (this.#reopened < REOPENING.most) {
      this.#reopened += 1;
      this.#adopt(pc.createDataChannel("proxim"));
    } else {
      const message = "the other side closes the data channel again and again";
      this.#giveUp(new ProximError("unreachable", message, { sessionId: this.session.id }));
    }
  }

  /** @param {RTCDataChannel} channel */
  #adopt(channel) {
    channel.binaryType = "arraybuffer";
    this.#waiting.hold(channel);
    if (channel.label !== "proxim" || this.#main) {
      this.session._takeChannel(channel);
      return;
    }
    this.#main = channel;
    const opened = () => {
      if (channel === this.#main) this.session._connected(channel);
    };
    if (channel.readyState === "open") opened();
    else channel.addEventListener("open", opened);
    channel.addEventListener("close", () => {
      if (channel !== this.#main) return;
      this.#main = null;
      this.session._disconnected(channel);
      if (this.role !== "host") return;
      clearTimeout(this.#reopening);
      this.#reopening = setTimeout(() => this.#inTurn(() => this.#reopen()), REOPENING.pause);
    });
  }
}

// -- a session -------------------------------------------------------------------------------

/**
 * One side of a session: what host and guest have in common.
 *
 * Each event has a property for its handler: `onsignal`, `onconnected` and so on. All are told
 * with the event, whose fields are named here.
 */
export class Session extends EventTarget {
  /** `signal` (`data`): what the other side has sent with `send`.
   * @type {((event: Event & { data: any }) => unknown) | null} */
  onsignal = null;
  /** `connected` (`channel`): the data channel is open, for the first time or again.
   * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
  onconnected = null;
  /** `disconnected`: the data channel is closed; `connected` is a new promise. Where only the channel
   * was closed, and not the connection under it, the host opens it anew, three times.
   * @type {((event: Event) => unknown) | null} */
  ondisconnected = null;
  /** `unreachable` (`error`): the two sides do not reach each other, after several tries; `connected`
   * has rejected. It is tried again when one of them comes back to the node, or with `reconnect`.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onunreachable = null;
  /** `rtc` (`pc`): a new `RTCPeerConnection`, before anything is negotiated on it; add tracks here.
   * @type {((event: Event & { pc: RTCPeerConnection }) => unknown) | null} */
  onrtc = null;
  /** `rtcstate` (`state`): the connection's state, in WebRTC's words.
   * @type {((event: Event & { state: RTCPeerConnectionState }) => unknown) | null} */
  onrtcstate = null;
  /** `ice` (`iceServers`): fresh ICE servers, before the earlier ones lapse; for a connection of your
   * own, to be used at its next ICE restart.
   * @type {((event: Event & { iceServers: RTCIceServer[] }) => unknown) | null} */
  onice = null;
  /** `presence` (`online`): the other side has come to the node, or left it.
   * @type {((event: Event & { online: boolean }) => unknown) | null} */
  onpresence = null;
  /** `approved`: a person has said yes.
   * @type {((event: Event) => unknown) | null} */
  onapproved = null;
  /** `over` (`error`): the session has ended; the error's `reason` says why.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onover = null;
  /** `error` (`error`): a signal was not taken, or WebRTC stumbled. The session goes on.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onerror = null;

  #approved = /** @type {Deferred<void>} */ (new Deferred());
  #connected = /** @type {Deferred<RTCDataChannel>} */ (new Deferred());
  #ended = /** @type {Deferred<ProximError>} */ (new Deferred());
  #peerOnline = false;
  /** @type {RTCDataChannel | null} The one that is open. */
  #channel = null;
  /** @type {RTCDataChannel[]} Those of which nobody has heard yet. */
  #channels = [];
  /** @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
  #onchannel = null;
  #listensForChannels = false;
  #stuck = false;
  /** @type {Line | null} */
  #line = null;
  #role;
  #rtc;
  /** When the ICE servers lapse, as `Date.now()` tells time. */
  #iceLapse = Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #iceAlarm;

  /**
   * Sessions are made by `Host.open`, and by `new Guest`.
   * @internal
   * @param {string} id @param {"host" | "guest"} role @param {boolean} rtc
   */
  constructor(id, role, rtc) {
    super();
    /** The session's id. */
    this.id = id;
    /** @type {Status} The session's state. */
    this.status = "pending";
    /** @type {SessionType | null} When it ends by itself; null while a guest has not heard. */
    this.type = null;
    /** @type {DeviceInfo | null} Who the guest says that it is. */
    this.deviceInfo = null;
    /** @type {RTCIceServer[] | null} What the node gave for WebRTC; null before. */
    this.iceServers = null;
    /** @type {ProximError | null} Why it ended, if it did. */
    this.over = null;
    this.#role = role;
    this.#rtc = rtc;
  }

  /** Settles when a person has said yes. Rejects with why not. */
  get approved() {
    return this.#approved.promise;
  }

  /**
   * The open data channel. What comes over it waits until somebody listens. After a loss it is a new
   * promise, for the next one. Rejects with why the session ended, or why the two sides do not reach
   * each other.
   */
  get connected() {
    return this.#connected.promise;
  }

  /** Settles with why the session ended, when it does; never rejects. */
  get ended() {
    return this.#ended.promise;
  }

  /** `channel` (`channel`): the other side has opened another data channel.
   * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
  get onchannel() {
    return this.#onchannel;
  }

  set onchannel(handler) {
    this.#onchannel = handler;
    if (handler) this.#tellChannels();
  }

  /**
   * @internal
   * @param {string} type @param {any} listener @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
    if (type === "channel") this.#tellChannels();
  }

  /** Whether the other side is connected to the node. */
  get peerOnline() {
    return this.#peerOnline;
  }

  /** @type {RTCPeerConnection | null} The WebRTC connection, once approved. */
  get pc() {
    return this.#line?.pc ?? null;
  }

  /**
   * Send any JSON value to the other side through the node, in order, once approved. While the node
   * is away up to 256 wait for it.
   * @param {unknown} data
   * @throws {ProximError} `session_ended`, `bad_message` when it is no JSON or larger than the node
   *   takes, `limit_reached` when too many wait.
   */
  send(data) {
    if (this.over) throw this.over;
    if (data === undefined) throw new ProximError("bad_message", "undefined is no JSON value");
    this._connection().post({ type: "signal", session_id: this.id, data });
  }

  /** End the session. Closing one that has ended is no error. */
  async close() {
    try {
      await this._connection().call("session_ended", {
        type: "close_session",
        session_id: this.id,
      });
    } catch (error) {
      if (!this.over) throw error;
    }
  }

  /**
   * Begin the WebRTC connection anew; `connected` is then a promise that waits. For after
   * `unreachable`, when a person wants to try once more.
   * @throws {ProximError} `session_ended`
   */
  reconnect() {
    if (this.over) throw this.over;
    this.#line?.restart();
  }

  /**
   * Fresh ICE servers now; `ttl` is how long they serve, in seconds. Before those that are there
   * lapse this is done by itself, and the SDK's own connection is given them.
   * @returns {Promise<{ iceServers: RTCIceServer[], ttl: number }>}
   */
  async refreshIce() {
    const fresh = await this._connection().call("ice_servers", {
      type: "refresh_ice",
      session_id: this.id,
    });
    this._takeIce(fresh.ice_servers, fresh.ttl);
    return { iceServers: fresh.ice_servers, ttl: fresh.ttl };
  }

  /**
   * How the two sides are connected, from `getStats()`; null while they are not.
   * @returns {Promise<Path | null>}
   */
  async path() {
    // A connection that was closed meanwhile has none.
    const stats = await this.pc?.getStats().catch(() => null);
    if (!stats) return null;
    /** @type {any[]} */
    const all = [];
    stats.forEach((each) => all.push(each));
    const chosen = all.find((each) => each.type === "transport")?.selectedCandidatePairId;
    const pair = all.find(
      (each) =>
        each.type === "candidate-pair" &&
        (chosen ? each.id === chosen : (each.selected ?? each.nominated)),
    );
    if (!pair) return null;
    const ends = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
    const [local, remote] = ends.map((each) => each?.candidateType);
    const via = KINDS.find((kind) => kind === local || kind === remote);
    if (!via) return null;
    const seconds = pair.currentRoundTripTime;
    return {
      via,
      local,
      remote,
      rtt: typeof seconds === "number" ? seconds * 1000 : null,
      protocol: ends[0]?.protocol ?? "",
    };
  }

  // -- what the node says --

  /** @internal @returns {Connection} */
  _connection() {
    throw new Error("a session belongs to a host or a guest");
  }

  /** @internal @param {Message} message */
  _hear(message) {
    switch (message.type) {
      case "signal":
        this.#takeSignal(message.data);
        break;
      case "pair_result":
        if (message.status !== "approved") break;
        this.deviceInfo = message.device_info;
        this._notePresence(true);
        this._takeIce(message.ice_servers, message.ice_ttl);
        this._approve();
        break;
      case "peer_online":
        this._notePresence(true);
        break;
      case "peer_offline":
        this._notePresence(false);
        break;
      case "session_ended":
        this._finish(sessionOver(message.status, message.reason, this.id));
        break;
      case "error":
        if (!message.ref) emit(this, new Happening("error", { error: wireError(message) }));
        break;
    }
  }

  /** Take in the session object, which may tell what was missed. @internal @param {any} info */
  _learn(info) {
    this.type = info.session_type;
    this.deviceInfo = info.device_info;
    if (info.reason) this._finish(sessionOver(info.status, info.reason, this.id));
    else if (info.status === "approved") this._approve();
  }

  /** @internal @param {boolean} online */
  _notePresence(online) {
    const changed = online !== this.#peerOnline;
    this.#peerOnline = online;
    if (changed) emit(this, new Happening("presence", { online }));
    if (online) this.#line?.revive();
  }

  /** @internal @param {RTCIceServer[]} [iceServers] @param {number} [ttl] Seconds. */
  _takeIce(iceServers, ttl) {
    if (!iceServers || this.over) return;
    const isFirst = this.iceServers === null;
    this.iceServers = iceServers;
    this.#line?.configure(iceServers);
    if (!isFirst) emit(this, new Happening("ice", { iceServers }));
    if (!ttl || iceServers.length === 0) return;
    const lapse = Date.now() + ttl * 1000;
    // What ends with the session cannot be had for longer.
    if (this.#iceAlarm && lapse < this.#iceLapse + ICE.gain) return;
    this.#iceLapse = lapse;
    this.#renewIce(ttl * 1000 * ICE.age);
  }

  /** @internal Whether the ICE servers are too old to begin with: a device may have slept. */
  _iceHasLapsed() {
    return Date.now() >= this.#iceLapse;
  }

  /** @param {number} time Milliseconds until then. */
  #renewIce(time) {
    clearTimeout(this.#iceAlarm);
    this.#iceAlarm = setTimeout(() => {
      this.refreshIce().catch(() => {
        if (!this.over) this.#renewIce(ICE.retry);
      });
    }, time);
  }

  /** @internal */
  _approve() {
    if (this.status === "approved" || this.over) return;
    this.status = "approved";
    this.#approved.resolve();
    emit(this, new Happening("approved"));
    if (this.#rtc) this.#line = new Line(this, this.#role);
  }

  /** @internal @param {ProximError} error */
  _finish(error) {
    if (this.over) return;
    this.over = error;
    if (error.status) this.status = error.status;
    clearTimeout(this.#iceAlarm);
    this.#line?.end();
    this._notePresence(false);
    this.#approved.reject(error);
    this.#connected.reject(error);
    this.#ended.resolve(error);
    emit(this, new Happening("over", { error }));
  }

  /** @internal The node is reached again. */
  _revive() {
    this.#line?.revive();
  }

  /** @internal @param {RTCDataChannel} channel */
  _connected(channel) {
    this.#channel = channel;
    this.#connected.resolve(channel);
    emit(this, new Happening("connected", { channel }));
  }

  /** @internal @param {RTCDataChannel} channel */
  _disconnected(channel) {
    channel.close();
    // Who waits for the first channel waits for the next try, too.
    if (channel !== this.#channel) return;
    this.#channel = null;
    this.#connected = new Deferred();
    emit(this, new Happening("disconnected"));
  }

  /** @internal WebRTC is begun, for the first time or anew. */
  _trying() {
    if (this.#stuck) this.#connected = new Deferred();
    this.#stuck = false;
  }

  /** @internal @param {ProximError} error */
  _unreachable(error) {
    this.#stuck = true;
    this.#connected.reject(error);
    emit(this, new Happening("unreachable", { error }));
  }

  /** @internal @param {RTCDataChannel} channel */
  _takeChannel(channel) {
    if (this.#listensForChannels) emit(this, new Happening("channel", { channel }));
    else if (this.#channels.length < HELD.channels) this.#channels.push(channel);
    else channel.close();
  }

  /** Somebody listens, now that the page has run on: tell of those that came before. */
  async #tellChannels() {
    if (this.#channels.length > 0) await null;
    this.#listensForChannels = true;
    for (const channel of this.#channels.splice(0)) emit(this, new Happening("channel", { channel }));
  }

  /** @param {any} data */
  #takeSignal(data) {
    const rtc = data && typeof data === "object" ? data.rtc : undefined;
    if (this.#line && rtc && typeof rtc === "object") this.#line.hear(rtc);
    else emit(this, new Happening("signal", { data }));
  }
}

// -- the host --------------------------------------------------------------------------------

/** A guest asks to pair. What it says of itself is a claim that nobody has checked. */
export class Prompt extends Event {
  /** @internal @param {HostSession} session @param {Message} message */
  constructor(session, message) {
    super("prompt");
    /** The session that is asked for. */
    this.session = session;
    /** @type {DeviceInfo} Who the guest says that it is. */
    this.deviceInfo = message.device_info;
    /** Until when an answer counts, as `Date.now()` tells time. */
    this.expiresAt = Date.now() + message.expires_in * 1000;
  }

  /** Let the guest in. Rejects with `already_decided` when it is too late. */
  async approve() {
    await this.session._decide(true);
  }

  /** Turn the guest away; the session ends. */
  async decline() {
    await this.session._decide(false);
  }
}

/**
 * A session of this host. `link`, `qr` and `lapsesAt` are there when this page has opened the
 * session or renewed its link.
 */
export class HostSession extends Session {
  /** `prompt` (a `Prompt`): a guest asks to pair.
   * @type {((prompt: Prompt) => unknown) | null} */
  onprompt = null;
  /** `link`: there is a new link.
   * @type {((event: Event) => unknown) | null} */
  onlink = null;

  #host;

  /** @internal @param {Host} host @param {any} info @param {boolean} rtc */
  constructor(host, info, rtc) {
    super(info.session_id, "host", rtc);
    this.#host = host;
    /** @type {string | null} What a guest opens. */
    this.link = null;
    /** @type {string | null} The link as a QR code, for the `src` of an image. */
    this.qr = null;
    /** When the link lapses, as `Date.now()` tells time. */
    this.lapsesAt = 0;
    /** @type {Prompt | null} The prompt that waits for an answer. */
    this.prompt = null;
    /** When the session was opened, as `Date.now()` tells time. */
    this.createdAt = host._localTime(info.created_at);
    /** @type {number | null} When a temporary session ends, as `Date.now()` tells time. */
    this.expiresAt = info.expires_at ? host._localTime(info.expires_at) : null;
    /** @type {SessionType | null} When it ends by itself. */
    this.type = info.session_type;
  }

  /**
   * Get a new link; the earlier one is void at once.
   * @param {{ tokenHash?: string }} [options]
   * @throws {ProximError} `not_allowed` once somebody has asked.
   */
  async renew({ tokenHash } = {}) {
    await this._connection().call("link_renewed", {
      type: "renew_link",
      session_id: this.id,
      ...invitation(tokenHash),
    });
  }

  /** @internal */
  _connection() {
    return this.#host._connection;
  }

  /** @internal @param {boolean} approve */
  async _decide(approve) {
    const request = { type: "pair_decision", session_id: this.id, approve };
    await this._connection().call("pair_result", request);
  }

  /** @internal @param {Message} message */
  _hear(message) {
    if (message.type === "pair_prompt") {
      this.deviceInfo = message.device_info;
      this.prompt = new Prompt(this, message);
      emit(this, this.prompt);
    } else if (message.type === "pair_result") {
      this.prompt = null;
    } else if (message.type === "link_renewed") {
      this._takeLink(message);
    }
    super._hear(message);
  }

  /** @internal @param {any} info */
  _learn(info) {
    super._learn(info);
    if (!this.over) this._notePresence(info.guest_online);
  }

  /** @internal @param {Message} message */
  _takeLink(message) {
    this.link = message.link ?? null;
    this.qr = message.qr_svg
      ? `data:image/svg+xml,${encodeURIComponent(message.qr_svg)}`
      : null;
    this.lapsesAt = Date.now() + message.pair_within * 1000;
    emit(this, new Happening("link"));
  }

  /** @internal @param {ProximError} error */
  _finish(error) {
    this.prompt = null;
    super._finish(error);
  }
}

/** @param {string} [tokenHash] What is asked of a new link. */
const invitation = (tokenHash) => (tokenHash ? { token_hash: tokenHash } : { qr: "svg" });

/**
 * A registered desktop. It stays registered while the page is open, and takes its sessions again
 * after a reload: who it is stands in `localStorage`.
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
  /** `session` (`session`): a session of this host, opened or found again.
   * @type {((event: Event & { session: HostSession }) => unknown) | null} */
  onsession = null;
  /** `reachable` (`online`): the node is reached, or lost for the moment.
   * @type {((event: Event & { online: boolean }) => unknown) | null} */
  onreachable = null;
  /** `failed` (`error`): the host is done for; make a new one to try again.
   * @type {((event: Event & { error: ProximError }) => unknown) | null} */
  onfailed = null;

  #options;
  #identity;
  #place;

  /**
   * @param {string | URL} [url] The node; the page's own origin if left out.
   * @param {{ accessToken?: string, uuid?: string, key?: string, seats?: string[],
   *   rtc?: boolean }} [options] `uuid` and `key` say who this desktop is, instead of what is
   *   remembered. With `seats`, session ids, only these are taken again. `rtc: false` leaves WebRTC
   *   to you: all that comes is a `signal`.
   */
  constructor(url = location.origin, options = {}) {
    super();
    /** The node's address. */
    this.nodeUrl = nodeAddress(url);
    /** @type {Map<string, HostSession>} The sessions that live, by their ids. */
    this.sessions = new Map();
    this.#options = options;
    this.#place = `proxim.host.${this.nodeUrl}`;
    this.#identity = this.#identify();
    /** @internal */
    this._connection = new Connection(this.nodeUrl, {
      introduce: () => this.#register(),
      hear: (message) => this.#hear(message),
      note: (online) => this.#note(online),
      fail: (error) => this.#fail(error),
    });
  }

  /** Settles when the node knows this host. Rejects with why not. */
  get ready() {
    return this._connection.ready;
  }

  /** The static identifier of this desktop. */
  get uuid() {
    return this.#identity.uuid;
  }

  /**
   * Open a session. `ttl` in seconds is for temporary ones, and needed there. With `tokenHash`, the
   * base64url SHA-256 of a pairing token of your own, the node never sees that token, and makes no
   * link.
   * @param {{ type?: SessionType, ttl?: number, tokenHash?: string }} [options]
   * @returns {Promise<HostSession>}
   */
  async open({ type = "one_time", ttl, tokenHash } = {}) {
    const created = await this._connection.call("session_created", {
      type: "create_session",
      session_type: type,
      ttl,
      ...invitation(tokenHash),
    });
    const session = this.sessions.get(created.session.session_id);
    if (!session) throw sessionOver("expired", "lost", created.session.session_id);
    return session;
  }

  /**
   * All sessions of this owner as the node sees them, ended ones until it forgets them
   * (protocol: The session object).
   * @returns {Promise<any[]>}
   */
  async list() {
    return (await this._connection.call("sessions", { type: "list_sessions" })).sessions;
  }

  /** Let go of the node. Sessions that survive a disconnect live on there. */
  leave() {
    this._connection.leave();
    for (const session of [...this.sessions.values()]) {
      session._finish(connectionLost("the host has left"));
    }
    this.sessions.clear();
  }

  /** The node's time on this device's clock, however wrong that is. @internal @param {string} time */
  _localTime(time) {
    return Date.parse(time) - this.#identity.ahead;
  }

  /** @returns {{ uuid: string, key: string, ahead: number }} */
  #identify() {
    const kept = memory.read("localStorage", this.#place);
    const identity = {
      uuid: this.#options.uuid ?? kept?.uuid ?? randomHex(16),
      key: this.#options.key ?? kept?.key ?? randomHex(32),
      ahead: kept?.ahead ?? 0,
    };
    if (!this.#options.key) memory.write("localStorage", this.#place, identity);
    return identity;
  }

  /** @returns {Promise<unknown>} */
  #register() {
    const { uuid, key } = this.#identity;
    const { accessToken, seats } = this.#options;
    const request = { type: "register", uuid, key, access_token: accessToken, seats };
    return this._connection.call("registered", request, { introduces: true });
  }

  /** @param {Message} message */
  #hear(message) {
    if (message.type === "registered") {
      this.#findAgain(message.sessions);
    } else if (message.type === "session_created") {
      this.#setClock(message.session.created_at);
      this.#options.seats?.push(message.session.session_id);
      this.#learn(message.session)._takeLink(message);
    } else if (message.session_id) {
      this.sessions.get(message.session_id)?._hear(message);
      this.#forgetIfOver(message.session_id);
    }
  }

  /** @param {string} now The node's time. */
  #setClock(now) {
    this.#identity.ahead = Date.parse(now) - Date.now();
    if (!this.#options.key) memory.write("localStorage", this.#place, this.#identity);
  }

  /** @param {any[]} infos */
  #findAgain(infos) {
    const known = new Set(infos.map((info) => info.session_id));
    for (const [id, session] of [...this.sessions]) {
      if (!known.has(id)) session._finish(sessionOver("expired", "lost", id));
      this.#forgetIfOver(id);
    }
    for (const info of infos) {
      if (this.sessions.has(info.session_id) || !info.reason) this.#learn(info);
      this.#forgetIfOver(info.session_id);
    }
  }

  /** @param {any} info @returns {HostSession} */
  #learn(info) {
    let session = this.sessions.get(info.session_id);
    if (session) {
      session._learn(info);
      return session;
    }
    session = new HostSession(this, info, this.#options.rtc ?? true);
    this.sessions.set(session.id, session);
    // Told before it is taken in, so that nothing happens that nobody hears.
    emit(this, new Happening("session", { session }));
    session._learn(info);
    return session;
  }

  /** @param {string} id */
  #forgetIfOver(id) {
    if (this.sessions.get(id)?.over) this.sessions.delete(id);
  }

  /** @param {boolean} online */
  #note(online) {
    emit(this, new Happening("reachable", { online }));
    if (online) for (const session of this.sessions.values()) session._revive();
  }

  /** @param {ProximError} error */
  #fail(error) {
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of sessions) session._finish(error);
    emit(this, new Happening("failed", { error }));
  }
}

// -- the guest -------------------------------------------------------------------------------

/** @param {string} nodeUrl Where the seats of a node are remembered. */
const seatsOf = (nodeUrl) => `proxim.guest.${nodeUrl}`;

/**
 * The seats at a node that this browser can take again: of this tab first, then the latest.
 * @param {string | URL} [url] The node; the page's own origin if left out.
 * @returns {(Remembered & { thisTab: boolean })[]}
 */
export function remembered(url = location.origin) {
  const place = seatsOf(nodeAddress(url));
  const tab = memory.read("sessionStorage", place) ?? {};
  const kept = Object.values(memory.read("localStorage", place) ?? {});
  const all = Object.values({ ...Object.fromEntries(kept.map((k) => [k.sessionId, k])), ...tab });
  return all
    .map((seat) => ({ ...seat, thisTab: seat.sessionId in tab }))
    .sort((a, b) => Number(b.thisTab) - Number(a.thisTab) || b.since - a.since);
}

/**
 * The guest's side of one session. Nothing goes to the node before `ask` or `resume` is called.
 *
 * The proof by which its seat is found again is remembered: for a one-time session as long as the tab
 * lives, for others until they end.
 */
export class Guest extends Session {
  /** `pending`: the host is being asked, until `expiresAt`.
   * @type {((event: Event) => unknown) | null} */
  onpending = null;
  /** `reachable` (`online`): the node is reached, or lost for the moment.
   * @type {((event: Event & { online: boolean }) => unknown) | null} */
  onreachable = null;

  /** @type {Connection | null} */
  #node = null;
  #token;
  #resumeToken;
  #options;

  /**
   * @param {string | URL | Location | Remembered} link What the host shows, or a seat of
   *   `remembered`.
   * @param {{ name?: string, deviceId?: string, rtc?: boolean }} [options] What this device is
   *   called, and its id; both are claims. `rtc: false` leaves WebRTC to you.
   * @throws {ProximError} `invalid_link`
   */
  constructor(link, options = {}) {
    const seat = /** @type {Partial<Remembered>} */ (link);
    const { nodeUrl, sessionId, token } = seat.resumeToken
      ? { ...seat, token: "" }
      : parseLink(/** @type {string} */ (link));
    super(String(sessionId), "guest", options.rtc ?? true);
    /** The node's address. */
    this.nodeUrl = nodeAddress(String(nodeUrl));
    /** Until when the host can answer, as `Date.now()` tells time. */
    this.expiresAt = 0;
    this.#token = token;
    this.#resumeToken = seat.resumeToken ?? "";
    this.#options = options;
  }

  /**
   * Ask to pair, by the link. Settles when the host is being asked; `approved` tells the answer.
   * @throws {ProximError} `unknown_session`, `token_used`, `link_lapsed`, `host_offline`,
   *   `session_ended`, `connection_lost`
   */
  async ask() {
    await this.#connect();
  }

  /**
   * Take the seat again.
   * @throws {ProximError} `session_ended` when it is over meanwhile, `connection_lost`
   */
  async resume() {
    await this.#connect();
  }

  /** Let go of the node and of the other side. The seat can be taken again with `remembered`. */
  leave() {
    this.#node?.leave();
    this._finish(connectionLost("this side has left"));
  }

  /** @internal */
  _connection() {
    if (!this.#node) throw connectionLost("this guest has not asked yet");
    return this.#node;
  }

  async #connect() {
    this.#node ??= new Connection(this.nodeUrl, {
      introduce: () => this.#introduce(),
      hear: (message) => this.#take(message),
      note: (online) => this.#note(online),
      fail: (error) => this._finish(error),
    });
    await this.#node.ready;
  }

  /** Ask on the first connection, resume on all others. */
  async #introduce() {
    const call = this._connection().call.bind(this.#node);
    if (!this.#resumeToken) {
      await call("pair_pending", this.#request(), { introduces: true });
      return;
    }
    const session_id = this.id;
    const resume = { type: "resume", session_id, resume_token: this.#resumeToken };
    try {
      await call("resumed", resume, { introduces: true });
    } catch (error) {
      if (/** @type {ProximError} */ (error).code !== "unknown_session") throw error;
      throw sessionOver("expired", "lost", this.id);
    }
  }

  #request() {
    let deviceId = this.#options.deviceId ?? memory.read("localStorage", "proxim.device");
    if (!deviceId) {
      deviceId = randomHex(8);
      memory.write("localStorage", "proxim.device", deviceId);
    }
    const device_info = { name: this.#options.name || deviceName(), id: deviceId };
    return { type: "pair_request", session_id: this.id, token: this.#token, device_info };
  }

  /** @param {Message} message */
  #take(message) {
    if (message.type === "pair_pending") {
      this.#resumeToken = message.resume_token;
      this.type = message.session_type ?? null;
      this.#remember();
      this.#wait(message.expires_in);
    } else if (message.type === "resumed") {
      this._takeIce(message.ice_servers, message.ice_ttl);
      this._learn(message.session);
      this.#remember();
      this._notePresence(message.host_online);
      if (message.expires_in !== undefined) this.#wait(message.expires_in);
    } else if (!message.session_id || message.session_id === this.id) {
      this._hear(message);
    }
  }

  /** @param {number} seconds */
  #wait(seconds) {
    this.expiresAt = Date.now() + seconds * 1000;
    this._notePresence(true);
    emit(this, new Happening("pending"));
  }

  #remember() {
    if (this.over) return;
    const { id, nodeUrl, type } = this;
    const seat = { nodeUrl, sessionId: id, resumeToken: this.#resumeToken, type, since: Date.now() };
    this.#keep("sessionStorage", seat);
    if (type === "persistent" || type === "temporary") this.#keep("localStorage", seat);
  }

  /** @param {"localStorage" | "sessionStorage"} kind @param {object | undefined} seat */
  #keep(kind, seat) {
    const place = seatsOf(this.nodeUrl);
    memory.write(kind, place, { ...memory.read(kind, place), [this.id]: seat });
  }

  /** @param {boolean} online */
  #note(online) {
    emit(this, new Happening("reachable", { online }));
    if (online) this._revive();
  }

  /** @internal @param {ProximError} error */
  _finish(error) {
    if (this.over) return;
    if (error.code === "session_ended") {
      this.#keep("sessionStorage", undefined);
      this.#keep("localStorage", undefined);
    }
    super._finish(error);
    if (error.code === "session_ended") this.#node?.leave(error);
  }
}

/**
 * Join a session, and get the open data channel: ask by the link, or take the seat again that this tab
 * has had. From a `Location` the link is taken out, so that it stands no more in the address bar.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string }} [options]
 * @returns {Promise<RTCDataChannel>}
 * @example
 * import { join } from "/proxim.js";
 *
 * const channel = await join(location);
 * channel.onmessage = ({ data }) => console.log(data); // prints: Hello, phone
 */
export async function join(link, options = {}) {
  const guest = guestAt(link, options);
  await guest.ask();
  return guest.connected;
}

/**
 * The guest that `join` makes, for who wants more than the channel. Nothing is asked yet.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string, rtc?: boolean }} [options]
 * @returns {Guest}
 * @throws {ProximError} `invalid_link`
 */
export function guestAt(link, options = {}) {
  const isLocation = typeof link === "object" && "reload" in link;
  if (isLocation && !link.hash) {
    const seat = remembered(link.href.replace(/\/join\/?([?#].*)?$/, "")).find((each) => each.thisTab);
    if (seat) return new Guest(seat, options);
  }
  const guest = new Guest(isLocation ? link.href : link, options);
  if (isLocation) history.replaceState(history.state, "", link.pathname + link.search);
  return guest;
}
