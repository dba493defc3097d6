// A proxy in front of a node that records what a node sees: HTTP, and the messages of WebSockets.

import { connect, createServer } from "node:net";

export class Recorder {
  #streams = [];

  /** @param {number} port The node's. */
  static async to(port) {
    const recorder = new Recorder();
    recorder.server = createServer((near) => recorder.#join(near, port));
    await new Promise((resolve) => recorder.server.listen(0, "127.0.0.1", resolve));
    recorder.url = `http://127.0.0.1:${recorder.server.address().port}`;
    return recorder;
  }

  #join(near, port) {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]]) {
      const chunks = [];
      this.#streams.push(chunks);
      from.on("error", () => {});
      from.on("data", (chunk) => chunks.push(chunk));
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
  }

  /** Return everything that has passed since the last call, with the masks of WebSocket frames removed. */
  text() {
    return this.#streams.splice(0).map((chunks) => readable(Buffer.concat(chunks))).join("\n");
  }

  close() {
    this.server.close();
  }
}

/** Return a stream of HTTP, or of a WebSocket after its head, as text. @param {Buffer} bytes */
function readable(bytes) {
  const end = bytes.indexOf("\r\n\r\n") + 4;
  const head = bytes.subarray(0, end).toString("latin1");
  return /^upgrade: websocket/im.test(head) ? [head, ...messages(bytes.subarray(end))].join("\n") : bytes.toString("utf8");
}

/** @param {Buffer} bytes Frames (RFC 6455, 5.2). */
function* messages(bytes) {
  for (let at = 0; at + 2 <= bytes.length; ) {
    let size = bytes[at + 1] & 127;
    let begin = at + 2;
    if (size === 126) {
      size = bytes.readUInt16BE(begin);
      begin += 2;
    } else if (size === 127) {
      size = Number(bytes.readBigUInt64BE(begin));
      begin += 8;
    }
    const mask = bytes[at + 1] & 128 ? bytes.subarray(begin, (begin += 4)) : null;
    const payload = Buffer.from(bytes.subarray(begin, begin + size));
    if (mask) payload.forEach((byte, index) => (payload[index] = byte ^ mask[index % 4]));
    yield payload.toString("utf8");
    at = begin + size;
  }
}
