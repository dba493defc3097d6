// A real `proxim serve`, as a process.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const PYTHON = process.env.PROXIM_PYTHON ?? `${ROOT}.venv/bin/python`;

export class ProximNode {
  /** What the node has logged. */
  log = "";

  /** @param {string[]} options */
  static async start(...options) {
    const node = new ProximNode();
    await node.#reserve();
    return node.#run(options);
  }

  /** Start a node behind a proxy, with the proxy's URL in its links. */
  static async startBehind(makeProxy) {
    const node = new ProximNode();
    await node.#reserve();
    const proxy = await makeProxy(node.port);
    await node.#run(["--public-url", proxy.url]);
    return { node, proxy };
  }

  /** Reserve a port, also while this node restarts. */
  async #reserve() {
    this.reservation = spawn(PYTHON, ["-m", "tests.ports"], { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
    this.port = Number(await firstLine(this.reservation));
  }

  async #run(options) {
    this.url = `http://127.0.0.1:${this.port}`;
    // A session that has just ended must still answer: no sweep may come in between.
    const args = ["-m", "proxim", "serve", "--port", String(this.port), "--sweep-interval", "3600", ...options];
    this.process = spawn(PYTHON, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    this.process.stderr.on("data", (chunk) => {
      this.log += chunk;
      process.stderr.write(chunk);
    });
    const line = await firstLine(this.process);
    if (!/http/.test(line)) throw new Error(`no address on the first line: ${line}`);
    return this;
  }

  async stop() {
    await this.end();
    this.reservation.stdin.end();
  }

  /** End the process, and keep its port: a node that is asked to stop tells the pages so. */
  async end(signal = "SIGTERM") {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill(signal);
    await gone;
  }

  /** Start a new node on the same port. */
  async restart(...options) {
    await this.end();
    return this.#run(options);
  }

  /** Kill the node, which can tell nobody, and start a new one on the same port; `meanwhile` waits until somebody has noticed. */
  async crash(meanwhile = async () => {}) {
    await this.end("SIGKILL");
    await meanwhile();
    return this.#run([]);
  }
}

async function firstLine({ stdout }) {
  const { value } = await createInterface({ input: stdout })[Symbol.asyncIterator]().next();
  return value ?? "";
}
