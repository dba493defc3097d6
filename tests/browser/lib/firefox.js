// Firefox with one page, driven over its own protocol Marionette: JSON arrays after their length, over TCP.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE = 60_000;
/** The key of an element in JSON (W3C WebDriver, 12.1). */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const SETTINGS = {
  // Firefox takes a free port, and writes it to the profile's folder.
  "marionette.port": 0,
  // Two browsers of one machine cannot resolve each other's mDNS names.
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "browser.shell.checkDefaultBrowser": false,
  "ui.prefersReducedMotion": 1,
  "datareporting.policy.dataSubmissionEnabled": false,
};

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Return what `look` finds, as soon as it finds something. */
async function eventually(what, look) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await pause(50)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`in ${PATIENCE / 1000} s there was no ${what}`);
}

export class Firefox {
  #calls = new Map();
  #count = 0;
  #unread = Buffer.alloc(0);

  static async launch(path = process.env.FIREFOX ?? "/usr/bin/firefox-esr") {
    const firefox = new Firefox();
    firefox.profile = await mkdtemp(join(tmpdir(), "proxim-firefox-"));
    const lines = Object.entries(SETTINGS).map(([name, value]) => `user_pref("${name}", ${value});`);
    await writeFile(join(firefox.profile, "user.js"), lines.join("\n"));
    const args = ["--marionette", "--headless", "--no-remote", "--profile", firefox.profile];
    const env = { ...process.env, HOME: firefox.profile };
    firefox.process = spawn(path, args, { env, stdio: "ignore" });
    firefox.gone = once(firefox.process, "exit");
    const portFile = join(firefox.profile, "MarionetteActivePort");
    const port = await eventually("port", () => readFile(portFile, "utf8").catch(() => ""));
    firefox.socket = connect(Number(port), "127.0.0.1");
    firefox.socket.on("data", (data) => firefox.#read(data));
    firefox.socket.on("error", () => {});
    await firefox.#call("WebDriver:NewSession");
    return firefox;
  }

  async close() {
    this.socket?.destroy();
    this.process.kill();
    await this.gone;
    await rm(this.profile, { recursive: true, force: true });
  }

  goto(url) {
    return this.#call("WebDriver:Navigate", { url });
  }

  /** Run a function's body in the page. */
  async run(script, ...args) {
    return (await this.#call("WebDriver:ExecuteScript", { script, args })).value;
  }

  /** Wait until a text is visible. */
  sees(words) {
    return eventually(`“${words}”`, () => this.run("return document.body.innerText.includes(arguments[0])", words));
  }

  async press(name) {
    const id = await this.#find(`//button[(normalize-space()="${name}" or @aria-label="${name}") and not(@disabled) and not(@aria-disabled)]`);
    await this.#call("WebDriver:ElementClick", { id });
  }

  /** Fill in the field with a label. */
  async fill(label, words) {
    const id = await this.#find(`//*[self::input or self::textarea][@aria-label="${label}" or @id=//label[.="${label}"]/@for]`);
    await this.#call("WebDriver:ElementClear", { id });
    await this.#call("WebDriver:ElementSendKeys", { id, text: words });
  }

  #find(value) {
    return eventually(value, async () => {
      const found = await this.#call("WebDriver:FindElements", { using: "xpath", value });
      return found[0]?.[ELEMENT];
    });
  }

  #call(name, parameters = {}) {
    const id = ++this.#count;
    const text = JSON.stringify([0, id, name, parameters]);
    this.socket.write(`${Buffer.byteLength(text)}:${text}`);
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  #read(data) {
    this.#unread = Buffer.concat([this.#unread, data]);
    for (;;) {
      const colon = this.#unread.indexOf(":");
      const end = colon + 1 + Number(this.#unread.subarray(0, colon));
      if (colon < 0 || this.#unread.length < end) return;
      this.#take(JSON.parse(this.#unread.subarray(colon + 1, end)));
      this.#unread = this.#unread.subarray(end);
    }
  }

  #take(message) {
    // The greeting is not an array.
    if (!Array.isArray(message)) return;
    const [, id, error, result] = message;
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call.reject(new Error(`${error.error}: ${error.message}`));
    else call.resolve(result);
  }
}
