// What a plain and a sealed signal take at both sides together, in seconds, as JSON: `node sealed.mjs PAYLOAD CALLS`.

import { readFile } from "node:fs/promises";
import { drawRandom } from "../proxim/web/sdk/seal/encoding.js";
import { newPair } from "../proxim/web/sdk/seal/keys.js";
import { SealedPeer } from "../proxim/web/sdk/seal/peer.js";

const [path, calls] = process.argv.slice(2);
const value = JSON.parse(await readFile(path, "utf8"));
const secret = drawRandom(32);
const [own, other] = [newPair(drawRandom), newPair(drawRandom)];
const [host, guest] = [new SealedPeer("h", secret), new SealedPeer("g", secret)];
host.adopt(own, other.public);
guest.adopt(other, own.public);

const ways = [
  () => JSON.parse(JSON.stringify(value)),
  () => {
    const { opened } = guest.receive(JSON.parse(JSON.stringify(host.seal(value))), 0);
    if (!opened) throw new Error("the signal did not open");
  },
];
const timed = (call) => {
  const began = performance.now();
  for (let count = 0; count < Number(calls); count += 1) call();
  return (performance.now() - began) / 1000 / Number(calls);
};
// What is compiled while it runs has to have run before it is measured.
ways.forEach(timed);
console.log(JSON.stringify(ways.map(timed)));
