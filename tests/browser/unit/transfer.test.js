// Files over a data channel, as docs/reference/channel.md describes them.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mock, test } from "node:test";
import { Incoming } from "../../../proxim/web/pages/incoming.js";
import { Outgoing } from "../../../proxim/web/pages/outgoing.js";
import { refuse } from "../../../proxim/web/pages/transfer.js";

const REASONS = ["declined", "cancelled", "too_large", "busy", "disk_full", "changed", "not_supported", "failed"];

/** One end of a fake data channel. */
class End extends EventTarget {
  label = "file";
  bufferedAmount = 0;
  readyState = "open";
  said = [];
  constructor(meddle = (data) => data) {
    super();
    this.meddle = meddle;
  }
  send(data) {
    if (this.readyState !== "open") throw new Error("not open");
    const copy = this.meddle(typeof data === "string" ? data : data.slice().buffer);
    this.said.push(typeof copy === "string" ? copy : "bytes");
    queueMicrotask(() => {
      if (this.readyState !== "closed") this.other.hears(copy);
    });
  }
  hears(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
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

function ends(meddle) {
  const [near, far] = [new End(meddle), new End()];
  near.other = far;
  far.other = near;
  return { near, far };
}

const fail = () => assert.fail("flooded");

/** Offer a file, and let `answer` decide once the offer has come; an accepted file starts at once. */
function transferOf(bytes, { meddle, answer = (received) => received.accept(), refusal } = {}) {
  const { near, far } = ends(meddle);
  const received = new Incoming(far, fail, refusal);
  received.addEventListener("change", () => received.state === "offered" && answer(received));
  const sent = new Outgoing(bytes instanceof Blob ? bytes : new File([bytes], "a.bin"), fail);
  sent.addEventListener("change", () => sent.state === "accepted" && sent.start());
  sent.offer({ createDataChannel: () => near });
  near.dispatchEvent(new Event("open"));
  return { sent, received, near, far };
}

const reaches = (transfer, isThere) =>
  new Promise((resolve) => {
    const look = () => isThere() && resolve(transfer.state);
    transfer.addEventListener("change", look);
    look();
  });
const over = (transfer) => reaches(transfer, () => !transfer.isOpen);
const overs = ({ sent, received }) => Promise.all([over(sent), over(received)]);

test("a file arrives complete, and is confirmed once it is stored", async () => {
  const bytes = randomBytes(3_000_000);
  const { sent, received, near, far } = transferOf(bytes);
  assert.deepEqual(await overs({ sent, received }), ["done", "done"]);
  assert.deepEqual(Buffer.from(await received.blob.arrayBuffer()), bytes);
  assert.deepEqual([received.name, received.size], ["a.bin", 3_000_000]);
  assert.equal(received.blob.type, "application/octet-stream");
  assert.deepEqual(JSON.parse(near.said[0]), { name: "a.bin", size: 3_000_000, type: "" });
  assert.deepEqual(far.said.map((each) => JSON.parse(each)), [{ accept: true }, { ok: true }]);
});

test("bytes that wait in the channel do not count as sent, for the progress and the speed", async () => {
  const both = transferOf(randomBytes(1000), { answer() {} });
  await reaches(both.received, () => both.received.state === "offered");
  let now = 5_000;
  mock.method(performance, "now", () => now);
  try {
    both.received.accept();
    await reaches(both.sent, () => both.sent.state === "running");
    now += 500;
    both.near.bufferedAmount = 1100;
    both.sent.done = 1000;
    assert.deepEqual([both.sent.moved, both.sent.speed], [0, 0]);
    both.near.bufferedAmount = 900;
    assert.deepEqual([both.sent.moved, both.sent.speed], [100, 200]);
    both.near.bufferedAmount = 0;
    assert.deepEqual([both.sent.moved, both.sent.speed], [1000, 2000]);
  } finally {
    mock.restoreAll();
  }
});

test("an empty file is asked for and confirmed, too", async () => {
  let asked = 0;
  const both = transferOf(Buffer.alloc(0), {
    answer(received) {
      asked += 1;
      received.accept();
    },
  });
  assert.deepEqual(await overs(both), ["done", "done"]);
  assert.equal(both.received.blob.size, 0);
  assert.equal(asked, 1);
  assert.equal(both.near.said.length, 1);
});

test("no byte is sent before a person has answered, however long that takes", async () => {
  const both = transferOf(randomBytes(1000), { answer() {} });
  await reaches(both.received, () => both.received.state === "offered");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([both.sent.state, both.near.said.length, both.received.done], ["offered", 1, 0]);
  both.received.accept();
  assert.deepEqual(await overs(both), ["done", "done"]);
});

for (const reason of REASONS) {
  test(`a receiver that stops says why: ${reason}`, async () => {
    const both = transferOf(randomBytes(1000), { answer: (received) => received.cancel(reason) });
    assert.deepEqual(await overs(both), ["refused", "cancelled"]);
    assert.deepEqual([both.sent.reason, both.received.reason], [reason, reason]);
    assert.deepEqual(both.far.said, [JSON.stringify({ cancel: reason })]);
    assert.equal(both.received.blob, null);
  });

  test(`a sender that stops says why: ${reason}`, async () => {
    const both = transferOf(randomBytes(1000), { answer() {} });
    await reaches(both.received, () => both.received.state === "offered");
    both.sent.cancel(reason);
    assert.deepEqual(await overs(both), ["cancelled", "refused"]);
    assert.deepEqual([both.sent.reason, both.received.reason], [reason, reason]);
  });
}

for (const reason of ["because", "constructor", ""]) {
  test(`an unknown reason is a failure: ${reason}`, async () => {
    const both = transferOf(randomBytes(10), { answer: (received) => received.say({ cancel: reason }) });
    assert.equal(await over(both.sent), "refused");
    assert.equal(both.sent.reason, "failed");
  });
}

test("a file is refused with the reason that the page gives for its size", async () => {
  const refusal = (size) => (size > 10 ? "too_large" : null);
  const large = transferOf(randomBytes(11), { refusal });
  assert.deepEqual(await overs(large), ["refused", "cancelled"]);
  assert.deepEqual([large.sent.reason, large.received.name], ["too_large", "a.bin"]);
  assert.deepEqual(await overs(transferOf(randomBytes(10), { refusal })), ["done", "done"]);
});

test("a channel can be refused before its offer has come", async () => {
  const { near, far } = ends();
  const sent = new Outgoing(new File(["x"], "a.bin"), fail);
  sent.offer({ createDataChannel: () => near });
  refuse(far, "busy");
  assert.equal(await over(sent), "refused");
  assert.equal(sent.reason, "busy");
});

test("bytes before an answer are a failure", async () => {
  const both = transferOf(randomBytes(1000), { answer() {} });
  await reaches(both.received, () => both.received.state === "offered");
  both.near.send(new Uint8Array(10));
  assert.deepEqual(await overs(both), ["refused", "cancelled"]);
  assert.deepEqual([both.sent.reason, both.received.reason], ["failed", "failed"]);
});

test("more bytes than announced cancel the transfer", async () => {
  const meddle = (data) => (typeof data === "string" ? data.replace('"size":1000', '"size":10') : data);
  const { received } = transferOf(randomBytes(1000), { meddle });
  assert.equal(await over(received), "cancelled");
  assert.deepEqual([received.reason, received.blob], ["failed", null]);
});

test("a message of no bytes after the last one does not make a second file", async () => {
  const both = transferOf(Buffer.alloc(0), { answer() {} });
  await reaches(both.received, () => both.received.state === "offered");
  both.received.accept();
  both.far.hears(new ArrayBuffer(0));
  assert.equal(await over(both.received), "cancelled");
  assert.equal(both.received.blob, null);
});

for (const header of ["nonsense", "{}", '{"ok":true}', '{"accept":true}', '{"name":"x","size":-1}', '{"name":1,"size":1}', "null"]) {
  test(`an invalid offer cancels the transfer: ${header}`, async () => {
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

test("wide spaces and piled marks do not hide a part of a file's name", async () => {
  const name = `photo.jpg${"\u3000".repeat(80)}${" ".repeat(80)}z${"\u0335".repeat(250)}e\u0301.exe`;
  const header = JSON.stringify({ name: name.slice(0, 500), size: 10 });
  const meddle = (data) => (typeof data === "string" && data.includes("name") ? header : data);
  const { received } = transferOf(randomBytes(10), { meddle });
  assert.equal(await over(received), "done");
  assert.equal(received.name, "photo.jpg z\u0335\u0335é.exe");
});

test("a second offer cancels the transfer", async () => {
  const again = '{"name":"b.exe","size":1000}';
  const meddle = (data) => (typeof data === "string" ? data : again);
  const { received } = transferOf(randomBytes(1000), { meddle });
  assert.equal(await over(received), "cancelled");
  assert.equal(received.name, "a.bin");
});

for (const [when, messages] of [
  ["a confirmation without an answer", ['{"ok":true}']],
  ["a second answer", ['{"accept":true}', '{"accept":true}']],
  ["a confirmation before the bytes", ['{"accept":true}', '{"ok":true}']],
  ["bytes", [new ArrayBuffer(3)]],
  ["nonsense", ["x"]],
  ["an answer that is no yes", ['{"accept":1}']],
]) {
  test(`the sender stops at a receiver that breaks the rules: ${when}`, async () => {
    const { near } = ends();
    const sent = new Outgoing(new File([randomBytes(10)], "a.bin"), fail);
    sent.offer({ createDataChannel: () => near });
    for (const message of messages) near.hears(message);
    assert.equal(await over(sent), "cancelled");
    assert.deepEqual([sent.reason, near.said], ["failed", ['{"cancel":"failed"}']]);
  });
}

test("a file that changes while it is sent stops the transfer on both sides", async () => {
  const file = new File([randomBytes(1000)], "a.bin");
  file.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("it has changed", "NotReadableError")) });
  const both = transferOf(file);
  assert.deepEqual(await overs(both), ["cancelled", "refused"]);
  assert.deepEqual([both.sent.reason, both.received.reason], ["changed", "changed"]);
  const short = new File([randomBytes(1000)], "a.bin");
  short.slice = () => new Blob(["short"]);
  const other = transferOf(short);
  assert.deepEqual(await overs(other), ["cancelled", "refused"]);
  assert.equal(other.received.reason, "changed");
});

test("a browser without room for the bytes says so to the sender", async () => {
  const { slice } = Blob.prototype;
  const both = transferOf(randomBytes(1000));
  // What is received is read once before it is confirmed; what is sent is a File.
  Blob.prototype.slice = function (...range) {
    if (this instanceof File) return slice.apply(this, range);
    return { arrayBuffer: () => Promise.reject(new DOMException("no room", "NotReadableError")) };
  };
  try {
    assert.deepEqual(await overs(both), ["refused", "cancelled"]);
    assert.deepEqual([both.sent.reason, both.received.blob], ["disk_full", null]);
  } finally {
    Blob.prototype.slice = slice;
  }
});

test("a channel that closes without a cancellation is an interruption on both sides", async () => {
  const both = transferOf(randomBytes(1000));
  both.near.close();
  assert.deepEqual(await overs(both), ["interrupted", "interrupted"]);
  assert.equal(both.received.blob, null);
});

test("an offer whose channel is gone is interrupted when a person accepts it", async () => {
  const both = transferOf(randomBytes(1000), { answer() {} });
  await reaches(both.received, () => both.received.state === "offered");
  both.far.readyState = "closed";
  both.received.accept();
  assert.equal(both.received.state, "interrupted");
});

test("too many small messages of a file are a flood, before and after its end", () => {
  for (const [piece, first] of [[1, 63], [0, 63], [16_384, Infinity]]) {
    const { far } = ends();
    let floods = 0;
    const received = new Incoming(far, () => (floods += 1));
    far.hears(JSON.stringify({ name: "a", size: 1e9 }));
    received.accept();
    for (let count = 1; count < 200; count += 1) {
      far.hears(new ArrayBuffer(piece));
      if (count === 30) received.cancel("cancelled");
      assert.equal(floods > 0, count > first, `${piece} bytes, piece ${count}`);
    }
  }
});

test("too many messages to the sender of a file are a flood", () => {
  const { near } = ends();
  let floods = 0;
  const sent = new Outgoing(new File(["x"], "a.bin"), () => (floods += 1));
  sent.offer({ createDataChannel: () => near });
  for (let count = 0; count < 64; count += 1) near.hears("x");
  assert.equal(floods, 0);
  near.hears("x");
  assert.equal(floods, 1);
});

test("a waiting file has no channel and can be cancelled", async () => {
  const waiting = new Outgoing(new File(["x"], "a.bin"), fail);
  assert.deepEqual([waiting.state, waiting.isOpen, waiting.channel], ["waiting", true, null]);
  waiting.cancel("cancelled");
  assert.equal(await over(waiting), "cancelled");
});
