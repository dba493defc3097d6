// The modules of the pages that need no page: transfers, formats, the pace.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mock, test } from "node:test";
import { duration, roughly, size } from "../../../proxim/web/pages/format.js";
import { Pace } from "../../../proxim/web/pages/pace.js";
import { Outgoing, receiveFile } from "../../../proxim/web/pages/transfer.js";

test("numbers are formatted for people", () => {
  assert.deepEqual([0, 39.2, 725, 12_000, 187_200].map(duration), ["0:00", "0:40", "12:05", "3 h 20 min", "2 d 4 h"]);
  assert.deepEqual([3, 90, 4000, 200_000].map(roughly), ["3 s", "1 min", "1 h", "2 d"]);
  assert.deepEqual([0, 999, 1500, 52_428_800, 5e9].map(size), ["0 B", "999 B", "1.5 kB", "52.4 MB", "5.0 GB"]);
});

/** One end of a fake data channel. */
class End extends EventTarget {
  label = "file";
  bufferedAmount = 0;
  readyState = "open";
  constructor(meddle = (data) => data) {
    super();
    this.meddle = meddle;
  }
  send(data) {
    const copy = typeof data === "string" ? data : data.slice().buffer;
    queueMicrotask(() => {
      if (this.readyState === "closed") return;
      const event = new Event("message");
      event.data = this.meddle(copy);
      this.other.dispatchEvent(event);
    });
  }
  /** Close after the messages that were sent before (RFC 8831, 6.7). */
  close() {
    queueMicrotask(() => {
      for (const end of [this, this.other]) {
        if (end.readyState === "closed") continue;
        end.readyState = "closed";
        end.dispatchEvent(new Event("close"));
      }
    });
  }
}

function transferOf(bytes, { meddle, flooded = () => {} } = {}) {
  const [near, far] = [new End(meddle), new End()];
  near.other = far;
  far.other = near;
  const received = receiveFile(far, flooded);
  const sent = new Outgoing(new File([bytes], "a.bin"));
  sent.start({ createDataChannel: () => near });
  near.dispatchEvent(new Event("open"));
  return { sent, received, near };
}

const over = (transfer) =>
  new Promise((resolve) => {
    transfer.addEventListener("change", () => transfer.isOpen || resolve(transfer.state));
  });

test("a file arrives complete", async () => {
  const bytes = randomBytes(3_000_000);
  const { sent, received } = transferOf(bytes);
  assert.deepEqual(await Promise.all([over(sent), over(received)]), ["done", "done"]);
  assert.deepEqual(Buffer.from(await received.blob.arrayBuffer()), bytes);
  assert.deepEqual([received.name, received.size], ["a.bin", 3_000_000]);
  assert.equal(received.blob.type, "application/octet-stream");
});

test("an empty file arrives", async () => {
  const { sent, received } = transferOf(Buffer.alloc(0));
  assert.deepEqual(await Promise.all([over(sent), over(received)]), ["done", "done"]);
  assert.equal(received.blob.size, 0);
});

test("more bytes than announced cancel the transfer", async () => {
  const meddle = (data) => (typeof data === "string" ? data.replace('"size":1000', '"size":10') : data);
  const { received } = transferOf(randomBytes(1000), { meddle });
  assert.equal(await over(received), "cancelled");
});

for (const header of ["nonsense", "{}", '{"ok":true}', '{"name":"x","size":-1}', '{"name":1,"size":1}', "null"]) {
  test(`an invalid header cancels the transfer: ${header}`, async () => {
    const meddle = (data) => (typeof data === "string" ? header : data);
    const { received } = transferOf(randomBytes(10), { meddle });
    assert.equal(await over(received), "cancelled");
  });
}

test("invisible and reversing characters are removed from a file's name", async () => {
  const header = JSON.stringify({ name: "a\u202egnp.\u200bexe\n\ud800", size: 10 });
  const meddle = (data) => (typeof data === "string" && data.includes("name") ? header : data);
  const { received } = transferOf(randomBytes(10), { meddle });
  assert.equal(await over(received), "done");
  assert.equal(received.name, "agnp.exe");
});

test("a second header cancels the transfer", async () => {
  const again = '{"name":"b.exe","size":1000}';
  const meddle = (data) => (typeof data === "string" ? data : again);
  const { received } = transferOf(randomBytes(1000), { meddle });
  assert.equal(await over(received), "cancelled");
  assert.equal(received.name, "a.bin");
});

test("a channel that closes without a cancellation is an interruption on both sides", async () => {
  const { sent, received, near } = transferOf(randomBytes(1000));
  const [here, there] = [over(sent), over(received)];
  near.close();
  assert.deepEqual([await here, await there], ["interrupted", "interrupted"]);
  assert.equal(received.blob, null);
});

for (const canceller of ["sent", "received"]) {
  test(`a cancellation is cancelled on its own side and refused on the other: ${canceller}`, async () => {
    const both = transferOf(randomBytes(1000));
    const other = canceller === "sent" ? both.received : both.sent;
    const [here, there] = [over(both[canceller]), over(other)];
    both[canceller].cancel();
    assert.deepEqual([await here, await there], ["cancelled", "refused"]);
  });
}

test("too many small messages of a file are a flood, before and after its end", async () => {
  for (const [piece, first] of [[1, 64], [0, 64], [16_384, Infinity]]) {
    const far = new End();
    far.other = new End();
    far.other.other = far;
    let floods = 0;
    const received = receiveFile(far, () => (floods += 1));
    const hears = (data) => far.dispatchEvent(Object.assign(new Event("message"), { data }));
    hears(JSON.stringify({ name: "a", size: 1e9 }));
    for (let count = 1; count < 200; count += 1) {
      hears(new ArrayBuffer(piece));
      if (count === 30) received.cancel();
      assert.equal(floods > 0, count >= first, `${piece} bytes, piece ${count}`);
    }
  }
});

test("the pace allows a burst and a rate, and unused messages do not add up", () => {
  let now = 0;
  mock.method(performance, "now", () => now);
  try {
    const pace = new Pace(3, 2);
    const taken = () => [1, 2, 3, 4].filter(() => pace.takes()).length;
    assert.equal(taken(), 3);
    now += 1000;
    assert.equal(taken(), 2);
    now += 400;
    assert.equal(taken(), 0);
    now += 100;
    assert.equal(taken(), 1);
    now += 60_000;
    assert.equal(taken(), 3);
  } finally {
    mock.restoreAll();
  }
});

test("a waiting file has no channel and can be cancelled", async () => {
  const waiting = new Outgoing(new File(["x"], "a.bin"));
  assert.deepEqual([waiting.state, waiting.isOpen, waiting.channel], ["waiting", true, null]);
  const how = over(waiting);
  waiting.cancel();
  assert.equal(await how, "cancelled");
});
