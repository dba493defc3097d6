// Runs the JavaScript modules for tests in Python: a request and its answer are a line of JSON each.

import { createInterface } from "node:readline";
import { parseLink } from "../../proxim/web/sdk/link.js";
import { returnSeal, takeReturn } from "../../proxim/web/sdk/seal/guest.js";
import {
  nameFault,
  newLink,
  SealedGuest,
  SealedHost,
  sealedLink,
  SealedPeer,
} from "../../proxim/web/sdk/seal/index.js";

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (raw) => Buffer.from(raw).toString("hex");

const made = [];
const keep = (object) => made.push(object) - 1;

const commands = {
  host: ({ sessionId }) => keep(new SealedHost(sessionId, { keys: newLink() })),
  link: ({ id, nodeUrl }) => made[id].link(`${nodeUrl}/join`),
  prompt: ({ id, seal, now }) => made[id].takePrompt(seal ?? undefined, now * 1000),
  approve: ({ id, code, terms }) => made[id].approve(code, terms),
  guest: async ({ link, name }) => keep(await SealedGuest.ask(sealedLink(parseLink(link)), name)),
  state: ({ id }) => made[id].state,
  ack: ({ id, ack }) => ({ opens: made[id].takeAck(ack), code: made[id].code }),
  answer: ({ id, seal }) => made[id].takeAnswer(seal, true),
  peerOf: ({ id }) => (made[id].peer ? keep(made[id].peer) : null),
  peer: ({ role, secret }) => keep(new SealedPeer(role, bytes(secret))),
  secret: ({ id }) => hex(made[id].secret),
  start: ({ id }) => made[id].start(),
  returnSeal: ({ id }) => returnSeal(made[id]),
  takeReturn: ({ id, seal, now }) => takeReturn(made[id], seal, now * 1000),
  hostOf: ({ sessionId, secret }) => keep(new SealedHost(sessionId, { secret: bytes(secret) })),
  isReady: ({ id }) => made[id].isReady,
  seal: ({ id, data }) => made[id].seal(data),
  receive: ({ id, data, now }) => made[id].receive(data, now * 1000),
  names: ({ names }) => names.map((name) => nameFault(name) === null),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...fields } = JSON.parse(line);
  try {
    const result = await commands[command](fields);
    process.stdout.write(`${JSON.stringify({ result: result ?? null })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: error.stack })}\n`);
  }
}
