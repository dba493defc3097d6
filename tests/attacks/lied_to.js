// The two pages of a sealed session: they do what the test's lines say, and write what they show.

import { createInterface } from "node:readline";
import { Guest, Host, remembered } from "../../proxim/web/proxim.js";

class Storage {
  #items = new Map();
  getItem(name) {
    return this.#items.get(name) ?? null;
  }
  setItem(name, value) {
    this.#items.set(name, value);
  }
}

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** What both pages do. */
class Page {
  session = null;

  constructor(side) {
    this.side = side;
  }

  shows(shows, value) {
    say({ side: this.side, shows, value });
  }

  watch(session) {
    this.session = session;
    session.onsignal = ({ data }) => this.shows("signal", data);
    session.onnotice = ({ notice }) => this.shows("notice", notice);
    session.onapproved = () => this.shows("approved", this.otherName);
    session.onover = ({ error }) => this.ends(error);
  }

  /** A page that is left for a reload has not ended. */
  ends({ code, reason }) {
    if (code !== "connection_lost") this.shows("end", reason ?? code);
  }

  send({ data }) {
    this.session.send(data);
  }

  close() {
    return this.session.close();
  }
}

class Desk extends Page {
  get otherName() {
    return this.session.deviceInfo.name;
  }

  async start({ url }) {
    this.load(url);
    const options = { type: "persistent", sealed: true, joinUrl: `${url}/join` };
    const session = await this.host.open(options).catch((error) => this.ends(error));
    if (session) this.shows("link", session.link);
  }

  load(url) {
    this.url = url;
    this.host = new Host(url, { rtc: false, name: "Desk" });
    this.host.onsession = ({ session }) => {
      this.watch(session);
      session.onprompt = ({ deviceInfo }) => this.shows("asked", deviceInfo.name);
    };
  }

  leave() {
    this.host.leave();
  }

  reload() {
    this.leave();
    this.load(this.url);
    return this.host.ready;
  }

  async renew() {
    await this.session.renew();
    this.shows("link", this.session.link);
  }

  approve({ code }) {
    return this.session.prompt.approve(code);
  }

  decline() {
    return this.session.prompt.decline();
  }
}

class Phone extends Page {
  get otherName() {
    return this.session.hostName;
  }

  start({ link, url }) {
    this.url = url;
    return this.load(link);
  }

  load(link) {
    const guest = new Guest(link, { rtc: false, name: "Phone", nodeUrl: this.url });
    this.watch(guest);
    guest.onpending = () => guest.code && this.shows("number", guest.code);
    return guest.ask().catch((error) => this.ends(error));
  }

  leave() {
    this.session.leave();
  }

  reload() {
    this.leave();
    const [seat] = remembered(this.url);
    return this.load(seat);
  }
}

let pages = {};

/** Leave all pages, and forget what they have stored. */
function fresh() {
  for (const page of Object.values(pages)) page.leave();
  pages = {};
  globalThis.localStorage = new Storage();
  globalThis.sessionStorage = new Storage();
}

fresh();
for await (const line of createInterface({ input: process.stdin })) {
  const { number, side, do: what, ...fields } = JSON.parse(line);
  if (what === "start") {
    pages[side]?.leave();
    pages[side] = side === "desk" ? new Desk(side) : new Phone(side);
  }
  // The pages go on meanwhile.
  Promise.resolve()
    .then(() => (what === "fresh" ? fresh() : pages[side][what](fields)))
    .then(() => say({ number }), (error) => say({ number, error: String(error) }));
}
process.exit();
