// The browser SDK as a client under test, in Node.js 22:
// `proxim conform guest -- node conform_client.mjs`.
//
// Each line of the input is an instruction, and each line of the output tells what happened.

import { createInterface } from "node:readline";
import { Guest, Host, remembered } from "../../proxim/web/proxim.js";

/** What a browser keeps while a page is reloaded. */
class Storage {
  #items = new Map();
  getItem(name) {
    return this.#items.get(name) ?? null;
  }
  setItem(name, value) {
    this.#items.set(name, value);
  }
}
globalThis.localStorage = new Storage();
globalThis.sessionStorage = new Storage();

const tell = (told, fields) => process.stdout.write(`${JSON.stringify({ told, ...fields })}\n`);
const tellError = ({ code }) => tell("error", { code });

/** A page that is left for a reload has not ended. */
let isReloading = false;

function watch(session) {
  session.onapproved = () => tell("approved");
  session.onsignal = ({ data }) => tell("signal", { data });
  session.onpresence = ({ online }) => tell("peer", { online });
  session.onnotice = ({ notice }) => tell("notice", { notice });
  session.onover = ({ error }) => {
    if (isReloading) return;
    if (error.code === "tampered") tell("ended", { reason: "tampered" });
    else if (error.code === "session_ended") tell("ended", { reason: error.reason });
    else tellError(error);
  };
}

class GuestPage {
  load(link, name) {
    this.guest = new Guest(link, { name, rtc: false });
    watch(this.guest);
    this.guest.onpending = () => this.guest.code && tell("code", { code: this.guest.code });
    // Why it fails is told as its end.
    this.guest.ask().catch(() => {});
  }

  do({ do: what, link, name, data }) {
    if (what === "pair") this.load(link, name);
    else if (what === "send") this.guest.send(data);
    else if (what === "close") return this.guest.close();
    else if (what === "reload") this.reload();
  }

  reload() {
    isReloading = true;
    this.guest.leave();
    isReloading = false;
    this.load(remembered(this.guest.nodeUrl)[0]);
  }
}

class HostPage {
  load(node) {
    this.host = new Host(node, { name: "Desk", rtc: false });
    this.host.onsession = ({ session }) => {
      this.session = session;
      watch(session);
      session.onlink = () => tell("link", { link: session.link });
      session.onprompt = ({ deviceInfo }) => tell("prompt", { name: deviceInfo.name });
    };
  }

  async open({ node, type, confirm, sealed }) {
    this.load(node);
    await this.host.open({ type, confirm, sealed });
  }

  do(instruction) {
    const { do: what, approve, code, data } = instruction;
    if (what === "open") return this.open(instruction);
    if (what === "renew") return this.session.renew();
    if (what === "decide") return approve ? this.session.prompt.approve(code) : this.session.prompt.decline();
    if (what === "send") this.session.send(data);
    else if (what === "close") return this.session.close();
    else if (what === "reload") this.reload();
  }

  reload() {
    isReloading = true;
    this.host.leave();
    isReloading = false;
    this.load(this.host.nodeUrl);
  }
}

let page;
for await (const line of createInterface({ input: process.stdin })) {
  const instruction = JSON.parse(line);
  if (instruction.do === "pair") page = new GuestPage();
  if (instruction.do === "open") page = new HostPage();
  // The page goes on meanwhile.
  Promise.resolve()
    .then(() => page.do(instruction))
    .catch(tellError);
}
process.exit();
