// The hello machine of sealed sessions, as tests/sealing/test_hello.py has it for Python.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HelloMachine, helloBytes, readHello } from "../../../proxim/web/sdk/seal/hello.js";

const key = (letter) => new Uint8Array(32).fill(letter.charCodeAt(0));
const NONE = new Uint8Array(32);
const pairOf = (letter) => ({ private: NONE, public: key(letter) });
const hello = (letter, answers) => ({ key: key(letter), answers: answers ? key(answers) : NONE });
/** Return a machine whose keys are these letters, in turn. */
const machine = (letters) => {
  const pairs = [...letters].map(pairOf);
  return new HelloMachine(() => pairs.shift());
};
const adopts = (own, peer) => ({ own: pairOf(own), peerKey: key(peer) });

test("the side that came back begins, and both adopt the same epoch", () => {
  const back = machine("a");
  const other = machine("b");
  assert.deepEqual(back.start(), hello("a"));
  assert.deepEqual(other.receive(hello("a"), 0), { send: hello("b", "a") });
  assert.deepEqual(back.receive(hello("b", "a"), 0), { adopt: adopts("a", "b"), send: hello("a", "b") });
  assert.deepEqual(other.receive(hello("a", "b"), 0), { adopt: adopts("b", "a"), send: undefined });
  assert.deepEqual([back.adopted, other.out], [{ own: key("a"), peer: key("b") }, null]);
});

test("two sides that begin at once need two hellos each", () => {
  const one = machine("a");
  const two = machine("b");
  one.start();
  two.start();
  assert.deepEqual(one.receive(hello("b"), 0), { send: hello("a", "b") });
  assert.deepEqual(two.receive(hello("a"), 0), { send: hello("b", "a") });
  assert.deepEqual(one.receive(hello("b", "a"), 0), { adopt: adopts("a", "b"), send: undefined });
  assert.deepEqual(two.receive(hello("a", "b"), 0), { adopt: adopts("b", "a"), send: undefined });
});

test("the hello that led to the epoch is ignored when it comes again", () => {
  const side = machine("ac");
  side.start();
  side.receive(hello("b", "a"), 0);
  assert.deepEqual(side.receive(hello("b", "a"), 0), {});
  assert.deepEqual(side.receive(hello("b"), 0), { send: hello("c", "b") });
});

test("the echo of a key that is not outstanding begins no epoch", () => {
  const side = machine("ab");
  side.start();
  side.start();
  assert.deepEqual(side.receive(hello("c", "a"), 0), { send: hello("b", "c") });
  assert.equal(side.adopted, null);
  assert.deepEqual(side.receive(hello("c", "b"), 0).adopt, adopts("b", "c"));
});

test("five hellos are answered in a second", () => {
  const side = machine("x");
  const answered = [..."abcdefgh"].map((letter) => side.receive(hello(letter), 100).send !== undefined);
  assert.deepEqual(answered, [true, true, true, true, true, false, false, false]);
  assert.deepEqual(side.receive(hello("a"), 1099), {});
  assert.deepEqual(side.receive(hello("a"), 1100), { send: hello("x", "a") });
});

test("a hello has two keys", () => {
  assert.deepEqual(readHello(helloBytes(hello("a", "b"))), hello("a", "b"));
  for (const size of [0, 63, 65]) assert.throws(() => readHello(new Uint8Array(size)));
});
