// A proxy that serves the node under a path and removes that path from requests, like nginx with
// `proxy_pass http://node/` in `location /there/`. Without the slash at its end the path is served
// as well, without a redirect.

import { createServer, request } from "node:http";

export class Prefix {
  /** @param {string} path Such as `/there`. @param {number} port The node's. */
  static async before(path, port) {
    const proxy = new Prefix();
    proxy.path = path;
    proxy.port = port;
    proxy.server = createServer((near, answer) => proxy.#pass(near, answer));
    proxy.server.on("upgrade", (near, socket) => proxy.#upgrade(near, socket));
    await new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}${path}`;
    return proxy;
  }

  /** Return the same request to the node, or nothing if it is not under the path. */
  #onward({ url, method, headers }) {
    if (url !== this.path && !url.startsWith(`${this.path}/`)) return null;
    const path = url.slice(this.path.length) || "/";
    return request({ host: "127.0.0.1", port: this.port, path, method, headers });
  }

  #pass(near, answer) {
    const far = this.#onward(near);
    if (!far) {
      answer.writeHead(404).end();
      return;
    }
    far.on("error", () => answer.destroy());
    far.on("response", (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    near.pipe(far);
  }

  #upgrade(near, socket) {
    const far = this.#onward(near);
    socket.on("error", () => {});
    if (!far) {
      socket.destroy();
      return;
    }
    far.on("error", () => socket.destroy());
    far.on("response", () => socket.destroy());
    far.on("upgrade", ({ rawHeaders }, other, head) => {
      const lines = [];
      for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      // The node's first message may have come with its headers.
      socket.write(head);
      other.on("error", () => socket.destroy());
      other.pipe(socket).pipe(other);
    });
    far.end();
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
