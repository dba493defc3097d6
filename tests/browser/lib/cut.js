// A TCP proxy between a browser and a node that can be cut, like a network that fails.

import { connect, createServer } from "node:net";

export class Wire {
  #pairs = new Set();
  #isCut = false;

  /** @param {number} port The node's. */
  static async to(port) {
    const wire = new Wire();
    wire.server = createServer((near) => wire.#join(near, port));
    await new Promise((resolve) => wire.server.listen(0, "127.0.0.1", resolve));
    wire.url = `http://127.0.0.1:${wire.server.address().port}`;
    return wire;
  }

  #join(near, port) {
    const far = connect(port, "127.0.0.1");
    for (const end of [near, far]) end.on("error", () => {});
    this.#pairs.add([near, far]);
    if (this.#isCut) {
      near.destroy();
      far.destroy();
      return;
    }
    near.pipe(far);
    far.pipe(near);
  }

  /** Close all connections, and refuse new ones. */
  cut() {
    this.#isCut = true;
    for (const pair of this.#pairs) for (const end of pair) end.destroy();
    this.#pairs.clear();
  }

  mend() {
    this.#isCut = false;
  }

  close() {
    this.cut();
    this.server.close();
  }
}
