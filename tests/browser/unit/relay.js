// A node between a host and a guest on fake sockets, as far as sealed sessions need one. It can lie.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Guest, Host } from "../../../proxim/web/proxim.js";
import { FakeSocket, ICE, pass, session } from "./fakes.js";

const TOKENS = { resume_token: "r".repeat(65) };
const WITH_NONCES = ["nonce", "link_ttl"];

const hash = (content) => createHash("sha256").update(content).digest();
/** Return the id of a session by its nonce (protocol: Sessions for known devices). */
export const idOf = (nonce) => {
  const label = Buffer.from("\0\rproxim seal 1\0\x07session\0 ", "latin1");
  return hash(Buffer.concat([label, Buffer.from(nonce, "base64url")])).subarray(0, 16).toString("base64url");
};

const other = (side) => (side === "host" ? "guest" : "host");

/** Let everything happen that needs no clock. */
export async function turn() {
  for (let count = 0; count < 10; count += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class Relay {
  features = ["confirm", "rotate", "join_url", "seal"];
  /** Another one after each restart. */
  boot = "boot 1";
  /** The `token_hash` of the link, and whether a guest has used it. */
  link = { hash: "", isUsed: false };
  /** Whether it refuses guests. */
  isDeaf = false;
  /** The codes of errors with which the node refuses the next `create_session`s. */
  refusals = [];
  /** @type {(message: any, to: "host" | "guest") => any} Returns what the node sends in its place, perhaps a list; null for nothing. */
  change = (message) => message;
  /** Everything that the sides have sent. */
  heard = [];
  /** Whether the host's side of the session object says that it is sealed. */
  info = session({ seal: 1 });
  isKnown = false;
  prompt = null;
  ack = null;
  answer = null;
  #handled = new Map();
  #sides = new Map();

  /** Open new sockets, and relay until all is quiet. */
  async runs() {
    for (let idle = 0; idle < 2; idle += 1) {
      await turn();
      for (const socket of FakeSocket.all) {
        if (socket.readyState === 0) {
          socket.readyState = 1;
          socket.onopen();
          // A side that has to know what the node can do waits for the welcome.
          await turn();
          await socket.hears({ type: "welcome", protocol: 1, max_message_bytes: 64 * 1024, features: this.features, boot: this.boot });
          idle = 0;
        }
        const from = this.#handled.get(socket) ?? 0;
        this.#handled.set(socket, socket.sent.length);
        for (const message of socket.sent.slice(from)) {
          if (socket.readyState !== 1) continue;
          idle = 0;
          this.heard.push(message);
          await this.#take(socket, message);
        }
      }
    }
  }

  /** @param {"host" | "guest"} to */
  async tells(to, message) {
    const sent = this.change(message, to);
    const socket = this.#sides.get(to);
    for (const each of [sent].flat()) if (each && socket?.readyState === 1) await socket.hears(each);
  }

  /** The connection of a side breaks, or its page was closed. */
  async loses(side) {
    const socket = this.#sides.get(side);
    this.#sides.delete(side);
    if (socket.readyState === 1) await socket.breaks();
    if (this.info.status === "approved") await this.tells(other(side), { type: "peer_offline", session_id: this.info.session_id });
  }

  /** The node is killed, and another one stands in its place. It remembers nothing. */
  async restarts() {
    const sockets = [...this.#sides.values()];
    this.#sides.clear();
    this.boot = `boot ${Number(this.boot.slice(5)) + 1}`;
    this.#forget();
    for (const socket of sockets) if (socket.readyState === 1) await socket.breaks();
  }

  #forget() {
    this.isKnown = false;
    this.prompt = this.ack = this.answer = null;
    this.link = { hash: "", isUsed: false };
    this.info = session({ session_id: this.info.session_id, seal: 1 });
  }

  get #hasNonces() {
    return this.features.includes("nonce");
  }

  /** Return why the node refuses a request of a guest. */
  #refusal({ type, token }) {
    if (!this.#hasNonces) return null;
    if (!this.isKnown || this.isDeaf) return "unknown_session";
    // The resume tokens of before a restart are not of this node.
    if (type === "resume") return this.link.isUsed ? null : "unknown_session";
    if (hash(token).toString("base64url") !== this.link.hash) return "unknown_session";
    if (!this.#sides.has("host")) return "host_offline";
    return this.link.isUsed ? "token_used" : null;
  }

  /** Return the messages of a type that the sides have sent. */
  said(type) {
    return this.heard.filter((message) => message.type === type);
  }

  async #comes(side) {
    if (this.info.status !== "approved") return;
    await this.tells(other(side), { type: "peer_online", session_id: this.info.session_id });
  }

  async #take(socket, message) {
    const side = socket === this.#sides.get("guest") || ["pair_request", "resume"].includes(message.type) ? "guest" : "host";
    this.#sides.set(side, socket);
    const reply = (more) => this.tells(side, { session_id: this.info.session_id, ref: message.ref, ...more });
    const { host_online, guest_online } = { host_online: this.#sides.has("host"), guest_online: this.#sides.has("guest") };
    this.info = { ...this.info, host_online, guest_online };
    const refusal = ["pair_request", "resume"].includes(message.type) ? this.#refusal(message) : null;
    if (refusal) {
      await reply({ type: "error", code: refusal, message: refusal });
      return;
    }
    switch (message.type) {
      case "register":
        await reply({ type: "registered", uuid: message.uuid, sessions: this.isKnown ? [this.info] : [] });
        if (this.prompt) await this.tells("host", this.prompt);
        await this.#comes("host");
        break;
      case "create_session":
        if (this.refusals.length > 0) {
          await reply({ type: "error", code: this.refusals[0], message: this.refusals.shift() });
          break;
        }
        if (message.nonce) {
          this.#forget();
          this.info = { ...this.info, session_id: idOf(message.nonce), host_online };
        }
        this.isKnown = true;
        this.link = { hash: message.token_hash, isUsed: false };
        this.info = { ...this.info, session_type: message.session_type };
        await reply({ type: "session_created", session: this.info, pair_within: 300 });
        break;
      case "renew_link":
        this.link = { hash: message.token_hash, isUsed: false };
        await reply({ type: "link_renewed", pair_within: 300 });
        break;
      case "pair_request":
        this.link.isUsed = true;
        // The number and the name are lies: the node knows neither.
        await reply({ type: "pair_pending", ...TOKENS, expires_in: 40, session_type: this.info.session_type, code: "999", host_name: "Lie" });
        this.prompt = { type: "pair_prompt", session_id: this.info.session_id, device_info: message.device_info, expires_in: 40, seal: message.seal };
        await this.tells("host", this.prompt);
        break;
      case "pair_ack":
        this.ack = message.seal;
        await this.tells("guest", { type: "pair_ack", session_id: this.info.session_id, seal: message.seal });
        break;
      case "pair_decision":
        await this.#decides(message);
        break;
      case "resume":
        await reply({ type: "resumed", session: this.info, host_online, ...TOKENS, ack: this.ack, ...this.#approval });
        await this.#comes("guest");
        break;
      case "signal":
        await this.tells(other(side), { type: "signal", session_id: this.info.session_id, data: message.data });
        break;
      case "ping":
        await this.tells(side, { type: "pong" });
        break;
      case "close_session":
        await this.ends("closed", message.ref);
        break;
    }
  }

  get #approval() {
    return this.info.status === "approved" ? { ice_servers: ICE, seal: this.answer } : { expires_in: 30 };
  }

  async #decides({ approve, seal, ref }) {
    const status = approve ? "approved" : "rejected";
    this.info = { ...this.info, status, device_info: this.prompt?.device_info ?? null };
    this.answer = seal;
    const result = { type: "pair_result", session_id: this.info.session_id, status, device_info: this.info.device_info, seal };
    this.prompt = null;
    if (approve) result.ice_servers = ICE;
    await this.tells("guest", result);
    await this.tells("host", { ...result, ref });
    if (!approve) await this.ends("rejected");
  }

  async ends(reason, ref) {
    this.isKnown = false;
    this.info = { ...this.info, status: reason === "rejected" ? "rejected" : "expired", reason };
    const message = { type: "session_ended", session_id: this.info.session_id, status: this.info.status, reason };
    await this.tells("guest", message);
    await this.tells("host", { ...message, ref });
  }
}

/** Record the notices and signals of a session. */
export function recorded(session) {
  const heard = { notices: [], signals: [], errors: [] };
  session.onnotice = ({ notice }) => heard.notices.push(notice);
  session.onsignal = ({ data }) => heard.signals.push(data);
  session.onerror = ({ error }) => heard.errors.push(error.code);
  return heard;
}

/** Return a host's sealed session with its relay. */
export async function opened(options = {}, { nonces = false, ...more } = {}) {
  const relay = new Relay();
  if (nonces) relay.features.push(...WITH_NONCES);
  const host = new Host("http://node", { rtc: false, name: "Desk", ...more });
  const opening = host.open({ type: "persistent", sealed: true, ...options });
  await relay.runs();
  const desk = await opening;
  return { relay, host, desk, link: desk.link };
}

/** Return both sides once the host has the prompt. */
export async function asked(options, more = {}) {
  const all = await opened(options, { nonces: more.nonces });
  let prompt = null;
  all.desk.onprompt = (event) => (prompt = event);
  all.relay.change = more.change ?? all.relay.change;
  const phone = new Guest(all.desk.link, { rtc: false, name: "Phone", ...more.guest });
  const asking = phone.ask();
  await all.relay.runs();
  await asking;
  return { ...all, phone, get prompt() { return prompt; } };
}

/** Return both sides after the approval. */
export async function paired(options, more) {
  const all = await asked(options, more);
  const approving = all.prompt.approve(all.phone.code);
  await all.relay.runs();
  await approving;
  return { ...all, deskHeard: recorded(all.desk), phoneHeard: recorded(all.phone) };
}

/** Return all that this browser has stored of sealed sessions. */
export function stored() {
  const values = [];
  for (const kind of ["localStorage", "sessionStorage"]) {
    for (const name of ["proxim.guest.http://node", `proxim.seal.http://node.${uuid()}`]) {
      values.push(globalThis[kind].getItem(name));
    }
  }
  return values.filter((value) => value && value !== "{}").join();
}
export const uuid = () => JSON.parse(globalThis.localStorage.getItem("proxim.host.http://node")).uuid;

/** Let some time pass, second by second. @param {Relay} relay @param {number} seconds */
export async function passes(relay, seconds) {
  for (let second = 0; second < seconds; second += 1) {
    await pass(1_000);
    await relay.runs();
  }
}

/** Check that both sides hear each other. */
export async function talk(relay, desk, phone) {
  const [deskHeard, phoneHeard] = [recorded(desk), recorded(phone)];
  desk.send("from the desk");
  phone.send("from the phone");
  await relay.runs();
  assert.deepEqual([deskHeard.signals, phoneHeard.signals], [["from the phone"], ["from the desk"]]);
}
