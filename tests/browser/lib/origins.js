// A node and a web application, each on an origin of its own, with TLS, under the names of the documentation.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProximNode, PYTHON } from "./node.js";

export const APP = "https://app.example";
export const NODE = "https://node.example";

const TYPES = { ".html": "text/html", ".js": "text/javascript" };

/** Return the files that a page of the documentation has: each block follows a line with its URL. */
export function filesOf(page) {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), "utf8");
  const found = text.matchAll(/^`https:\/\/app\.example(\/[\w.]+)`[^`]*\n\n```(?:html|js)\n(.*?)^```/gms);
  return Object.fromEntries([...found].map(([, path, body]) => [path, body]));
}

/** Set the headers of a page that is isolated and has the policy of the documentation. */
function isolate(answer, page) {
  const [, script] = /<script type="module">(.*?)<\/script>/s.exec(page);
  const hash = createHash("sha256").update(script).digest("base64");
  const text = readFileSync(new URL("../../../docs/howto/own-page.md", import.meta.url), "utf8");
  const [, policy] = /^```text\n(script-src .*)\n```/m.exec(text);
  const strict = `default-src 'none'; ${policy.replace("script-src", `script-src 'sha256-${hash}'`)}`;
  answer.setHeader("Content-Security-Policy", strict);
  answer.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  answer.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
}

export class Origins {
  /**
   * @param {Record<string, string>} files Those of the application; at `/isolated` it isolates its pages.
   * @param {string[]} options Of the node.
   */
  static async open(files, ...options) {
    const origins = new Origins();
    origins.folder = mkdtempSync(join(tmpdir(), "proxim-origins-"));
    execFileSync(PYTHON, ["-m", "trustme", "-q", "-d", origins.folder, "-i", "app.example", "node.example"]);
    chmodSync(join(origins.folder, "server.key"), 0o600);
    const [cert, key] = ["server.pem", "server.key"].map((name) => join(origins.folder, name));
    origins.app = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, ({ url }, answer) => {
      const path = new URL(url, APP).pathname;
      const file = path.replace(/^\/isolated/, "");
      if (file !== path) isolate(answer, files[file]);
      if (!(file in files)) answer.writeHead(404).end();
      else answer.setHeader("Content-Type", TYPES[file.slice(file.lastIndexOf("."))]).end(files[file]);
    });
    await new Promise((resolve) => origins.app.listen(0, "127.0.0.1", resolve));
    origins.node = await ProximNode.start("--tls-cert", cert, "--tls-key", key, "--public-url", NODE, ...options);
    return origins;
  }

  /** Chromium's options to find both at the ports that they have here. */
  get flags() {
    const places = [["app.example", this.app.address().port], ["node.example", this.node.port]];
    const rules = places.map(([name, port]) => `MAP ${name}:443 127.0.0.1:${port}`);
    return [`--host-resolver-rules=${rules.join(", ")}`];
  }

  async close() {
    this.app.closeAllConnections();
    this.app.close();
    await this.node.stop();
    rmSync(this.folder, { recursive: true });
  }
}
