// A `proxim` command with pipes, which reports its events as JSON.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./node.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export class Terminal {
  #lines;
  #exit;

  /** @param {string} home Its home directory. @param {string[]} args */
  constructor(home, args, environment = {}) {
    this.process = spawn(PYTHON, ["-m", "proxim", ...args, "--json"], {
      cwd: ROOT,
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, HOME: home, PROXIM_IDENTITY: `${home}/identity.json`, ...environment },
    });
    this.#exit = new Promise((resolve) => this.process.once("exit", resolve));
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** Return the next event of this name with these fields, and skip others. */
  async event(name, fields = {}) {
    for (;;) {
      const { value, done } = await this.#lines.next();
      assert.ok(!done, `no more events: ${name} ${JSON.stringify(fields)}`);
      const event = JSON.parse(value);
      const isIt = event.event === name && Object.entries(fields).every(([key, wanted]) => event[key] === wanted);
      if (isIt) return event;
    }
  }

  types(line) {
    this.process.stdin.write(`${line}\n`);
  }

  /** Approve the phone, by the number that it shows. */
  async approves(phone) {
    await this.event("prompt");
    this.types(await phone.number());
    await this.event("result", { status: "approved" });
  }

  /** Return its exit code. */
  exits() {
    return this.#exit;
  }

  stop() {
    this.process.kill();
  }
}
