// A real `proxim serve`, as a process.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const PYTHON = process.env.PROXIM_PYTHON ?? `${ROOT}.venv/bin/python`;

export class ProximNode {
  /** On a port that is free. @param {string[]} options */
  static async start(...options) {
    const node = new ProximNode();
    node.port = await freePort();
    return node.#run(options);
  }

  /** The same, with a proxy before it, which is made first and whose address the links have. */
  static async startBehind(makeProxy) {
    const node = new ProximNode();
    node.port = await freePort();
    const proxy = await makeProxy(node.port);
    await node.#run(["--public-url", proxy.url]);
    return { node, proxy };
  }

  async #run(options) {
    this.url = `http://127.0.0.1:${this.port}`;
    const args = ["-m", "proxim", "serve", "--port", String(this.port), ...options];
    this.process = spawn(PYTHON, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: this.process.stdout });
    const { value } = await lines[Symbol.asyncIterator]().next();
    if (!/http/.test(value ?? "")) throw new Error(`no address on the first line: ${value}`);
    return this;
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
    return this.#run(options);
  }
}

/** A port that was free a moment ago; the address that a node prints may be another's. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
