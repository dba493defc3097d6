// A real `proxim serve`, as a process.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PYTHON = process.env.PROXIM_PYTHON ?? `${ROOT}.venv/bin/python`;

export class ProximNode {
  /** @param {string[]} options */
  static async start(...options) {
    const node = new ProximNode();
    const args = ["-m", "proxim", "serve", "--port", "0", ...options];
    node.process = spawn(PYTHON, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: node.process.stdout });
    const { value } = await lines[Symbol.asyncIterator]().next();
    node.url = /http:\S+/.exec(value ?? "")?.[0];
    if (!node.url) throw new Error(`no address on the first line: ${value}`);
    node.port = Number(new URL(node.url).port);
    return node;
  }

  async stop() {
    if (this.process.exitCode !== null) return;
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await gone;
  }

  /** A new one on the same port. */
  async restart(...options) {
    await this.stop();
    return ProximNode.start("--port", String(this.port), ...options);
  }
}
