// Fakes of the browser's interfaces that proxim.js uses: socket, clock, storage and WebRTC.

import { mock } from "node:test";

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  /** @type {FakeSocket[]} */
  static all = [];
  static get last() {
    return FakeSocket.all.at(-1);
  }

  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  /** Open the connection, and let the node send its welcome. */
  async opens(maxBytes = 64 * 1024, features = ["confirm", "rotate", "join_url"], boot = undefined) {
    this.readyState = 1;
    this.onopen();
    await this.hears({ type: "welcome", protocol: 1, max_message_bytes: maxBytes, features, boot });
  }

  /** Receive a message of the node. */
  async hears(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
    await settle();
  }

  /** Let the node reply to the last request of a type. */
  async answers(type, reply) {
    const request = this.sent.findLast((message) => message.type === type);
    if (!request) throw new Error(`no ${type} was sent`);
    await this.hears({ ...reply, ref: request.ref });
  }

  async breaks(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
    await settle();
  }

  types() {
    return this.sent.map(({ type }) => type);
  }
}

class FakeStorage {
  #items = new Map();
  getItem(name) {
    return this.#items.get(name) ?? null;
  }
  setItem(name, value) {
    this.#items.set(name, String(value));
  }
  removeItem(name) {
    this.#items.delete(name);
  }
}

export class FakeChannel extends EventTarget {
  readyState = "connecting";
  #onmessage = null;
  constructor(label) {
    super();
    this.label = label;
  }
  opens() {
    this.readyState = "open";
    this.dispatchEvent(new Event("open"));
  }
  /** Receive a message of the other side. */
  async hears(data) {
    this.dispatchEvent(new MessageEvent("message", { data }));
    await settle();
  }
  get onmessage() {
    return this.#onmessage;
  }
  set onmessage(handler) {
    this.removeEventListener("message", this.#onmessage);
    this.#onmessage = handler;
    this.addEventListener("message", handler);
  }
  close() {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    this.dispatchEvent(new Event("close"));
  }
}

export class FakePeerConnection {
  /** @type {FakePeerConnection[]} */
  static all = [];
  static get last() {
    return FakePeerConnection.all.at(-1);
  }

  signalingState = "stable";
  connectionState = "new";
  localDescription = null;
  channels = [];
  did = [];

  constructor(configuration) {
    this.configuration = configuration;
    FakePeerConnection.all.push(this);
  }

  createDataChannel(label) {
    const channel = new FakeChannel(label);
    this.channels.push(channel);
    return channel;
  }

  async setLocalDescription() {
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = { type, sdp: `${type} of ${FakePeerConnection.all.indexOf(this)}` };
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
    this.did.push(`local ${type}`);
  }

  async setRemoteDescription(description) {
    if (description.sdp === "broken") throw new Error("no such SDP");
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
    this.did.push(`remote ${description.type}`);
  }

  async addIceCandidate(candidate) {
    this.did.push(`candidate ${candidate?.candidate ?? "end"}`);
  }

  getConfiguration() {
    return this.configuration;
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  restartIce() {
    this.did.push("restart");
  }

  close() {
    this.did.push("close");
  }

  getStats() {
    return Promise.resolve(this.stats);
  }

  async becomes(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
    await settle();
  }
}

/** Run all pending microtasks. */
export async function settle() {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

/** Advance the clock. */
export async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  await settle();
}

/** Dispatch an event of the window. */
export async function happens(type) {
  globalThis.dispatchEvent(new Event(type));
  await settle();
}

/** The page's own clock goes on with the timers, and no test sets it. */
let setBy = 0;
performance.now = () => Date.now() - setBy;

/** Set the device's clock ahead, or back. @param {number} milliseconds */
export function setClock(milliseconds) {
  setBy += milliseconds;
  mock.timers.setTime(Date.now() + milliseconds);
}

/** Set up a new browser before each test. */
export function freshBrowser() {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
  setBy = 0;
  FakeSocket.all = [];
  FakePeerConnection.all = [];
  const window = new EventTarget();
  const fakes = {
    WebSocket: FakeSocket,
    RTCPeerConnection: FakePeerConnection,
    localStorage: new FakeStorage(),
    sessionStorage: new FakeStorage(),
    location: { origin: "http://node", href: "http://node/", hash: "" },
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
    dispatchEvent: window.dispatchEvent.bind(window),
  };
  for (const [name, value] of Object.entries(fakes)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

export const session = (more = {}) => ({
  session_id: "s".repeat(22),
  uuid: "u",
  session_type: "persistent",
  created_at: new Date(Date.now()).toISOString(),
  expires_at: null,
  status: "pending",
  device_info: null,
  host_online: true,
  guest_online: false,
  ...more,
});

export const ID = "s".repeat(22);
export const LINK = `http://node/join#${ID}.${"t".repeat(43)}`;
export const ICE = [{ urls: "stun:stun.example" }];
