// A site in front of a node: it serves two empty pages, and passes everything else to the node.

import { createServer, request } from "node:http";
import { connect } from "node:net";

const BLANK = "<!doctype html><html lang=en><title>Example</title><body>";

export class Site {
  static async open() {
    const site = new Site();
    site.server = createServer((incoming, outgoing) => site.#answer(incoming, outgoing));
    site.server.on("upgrade", (incoming, socket) => site.#join(incoming, socket));
    await new Promise((resolve) => site.server.listen(0, "127.0.0.1", resolve));
    site.url = `http://127.0.0.1:${site.server.address().port}`;
    return site;
  }

  #answer(incoming, outgoing) {
    if (["/example", "/join"].includes(incoming.url)) {
      outgoing.setHeader("Content-Type", "text/html").end(BLANK);
      return;
    }
    const { url: path, headers } = incoming;
    const onward = request({ port: this.node.port, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    onward.end();
  }

  #join(incoming, near) {
    const far = connect(this.node.port, "127.0.0.1");
    const fields = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}`);
    far.write([`GET ${incoming.url} HTTP/1.1`, ...fields, "", ""].join("\r\n"));
    for (const end of [near, far]) end.on("error", () => end.destroy());
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    near.pipe(far).pipe(near);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
