// Peers that may only use the relay at TURN_URL, with TURN_SECRET.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { PYTHON } from "../lib/node.js";
import { PythonSide } from "../lib/python.js";
import { world } from "../lib/world.js";

const { TURN_URL, TURN_SECRET } = process.env;
const SHORT = 4;
const here = world("--turn", TURN_URL, "--turn-secret", TURN_SECRET, "--turn-ttl", String(SHORT));

/** In a page: restrict every connection to the relay, and list it in `pcs`. */
function relayOnly() {
  const Real = globalThis.RTCPeerConnection;
  globalThis.pcs = [];
  globalThis.RTCPeerConnection = class extends Real {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
      globalThis.pcs.push(this);
    }
  };
  globalThis.turnName = () => globalThis.pcs.at(-1).getConfiguration().iceServers[0].username;
  globalThis.relayPort = async () => {
    const stats = await globalThis.pcs.at(-1).getStats();
    const transport = [...stats.values()].find(({ type }) => type === "transport");
    const pair = stats.get(transport?.selectedCandidatePairId);
    const local = stats.get(pair?.localCandidateId);
    return pair?.state === "succeeded" && local?.candidateType === "relay" ? local.port : null;
  };
}

async function context() {
  const made = await here.context({ viewport: { width: 1280, height: 1000 } });
  await made.addInitScript(relayOnly);
  return made;
}

test("two pages connect through the relay, and go on after their credentials expire", async () => {
  const desk = await here.desk(await context());
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link(), await context());
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await desk.press("About this connection");
  await desk.sees("Relayed");
  const names = await Promise.all([desk, phone].map(({ page }) => page.evaluate(() => turnName())));
  assert.notEqual(names[0], names[1]);

  for (const [index, { page }] of [desk, phone].entries()) {
    // coturn accepts an expired name until the end of its second.
    await page.waitForFunction(
      (first) => Date.now() / 1000 > Number.parseInt(first, 10) + 1.5 && turnName() !== first,
      names[index],
    );
  }
  await phone.says("after the first credentials");
  await desk.sees("after the first credentials");

  // The relay allocates new addresses only for valid credentials.
  const before = await desk.page.evaluate(() => relayPort());
  await desk.page.evaluate(() => pcs.at(-1).restartIce());
  await desk.page.waitForFunction(async (port) => ![null, port].includes(await relayPort()), before);
  await desk.says("by another way");
  await phone.sees("by another way");
  for (const { page } of [desk, phone]) assert.equal(await page.evaluate(() => pcs.length), 1);
});

test("the guest in Python connects through the relay", async () => {
  const desk = await here.desk(await context());
  await desk.opens("one_time");
  const example = fileURLToPath(new URL("../../../docs/examples/aiortc_guest.py", import.meta.url));
  const options = { stdio: ["ignore", "pipe", "inherit"] };
  const guest = spawn(PYTHON, [example, "--relay-only", await desk.link()], options);
  const gone = new Promise((resolve) => guest.once("exit", resolve));
  const printed = [];
  const lines = createInterface({ input: guest.stdout });
  lines.on("line", (line) => printed.push(line));
  const told = new Promise((resolve) => lines.on("line", (line) => line.startsWith("It needs") && resolve(line.slice(-3))));
  try {
    await desk.isAskedBy("Python");
    await desk.approves({ number: () => told });
    await desk.isConnected();
    await desk.sees("Hello from Python");
    await desk.press("About this connection");
    await desk.sees("Relayed");
    await desk.press("End connection");
    assert.equal(await gone, 0);
    assert.deepEqual(printed, ["The host is being asked.", `It needs this number: ${await told}`, "connected", "over: closed"]);
  } finally {
    guest.kill();
  }
});

test("a host in Python connects through the relay, and again after its credentials have expired", async () => {
  const python = new PythonSide("host", here.node.url, ["--relay-only"]);
  try {
    const phone = await here.phone(`http${await python.prints("http")}`, await context());
    await phone.asks();
    await python.prints("open");
    await phone.isConnected();
    await phone.press("About this connection");
    await phone.sees("Relayed");
    python.does("path");
    assert.equal(await python.prints("path"), "relay relay udp True");
    const first = await phone.page.evaluate(() => turnName());

    await phone.page.waitForFunction(
      (name) => Date.now() / 1000 > Number.parseInt(name, 10) + 1.5 && turnName() !== name,
      first,
    );
    python.does("send after the first credentials");
    await phone.sees("after the first credentials");
    assert.ok(!python.lines.includes("gap"), "a connection that works stays");

    // The relay allocates new addresses only for valid credentials.
    await phone.page.evaluate(() => pcs.at(-1).restartIce());
    await python.prints("gap");
    await python.prints("open");
    await phone.says("by another way");
    assert.equal(await python.prints("got"), "by another way");
    python.does("path");
    assert.equal(await python.prints("path"), "relay relay udp True");
    assert.equal(await python.ends(), 0);
  } finally {
    python.kill();
  }
});
