// An approved guest that is hostile: the host's page goes on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutSeal } from "./lib/plain.js";
import { world } from "./lib/world.js";

// The node slows down whoever sends too much: without that, a page has to bear even more.
const here = world("--message-rate", "2000", "--message-burst", "4000");

/** In a page: count the connections, and keep the last socket. */
function watch() {
  globalThis.made = 0;
  const Connection = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Connection {
    constructor(...args) {
      super(...args);
      globalThis.made += 1;
      globalThis.pc = this;
    }
  };
  const Socket = globalThis.WebSocket;
  globalThis.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      globalThis.socket = this;
    }
  };
}

async function pair() {
  const context = await here.context({ viewport: { width: 1280, height: 1000 } });
  // A sealed session drops all that this guest sends beside its SDK.
  await withoutSeal(context);
  await context.addInitScript(watch);
  const desk = await here.desk(context);
  const link = await desk.opens("persistent");
  const other = await here.context({ viewport: { width: 390, height: 844 } });
  await other.addInitScript(watch);
  const phone = await here.phone(link, other);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  return { desk, phone, id: link.split("#")[1].split(".")[0] };
}

/** What the guest's page sends, a thousand times. */
const floods = {
  "offers, each of a new connection": async (id) => {
    const pc = new RTCPeerConnection();
    pc.createDataChannel("x");
    const { type, sdp } = await pc.createOffer();
    for (let count = 0; count < 1_000; count += 1) {
      socket.send(JSON.stringify({ type: "signal", session_id: id, data: { rtc: { from: `f${count}`, description: { type, sdp } } } }));
    }
  },
  "candidates": async (id) => {
    for (let count = 0; count < 1_000; count += 1) {
      const candidate = { candidate: `candidate:${count} 1 udp 1 192.0.2.1 ${1024 + count} typ host`, sdpMid: "0", sdpMLineIndex: 0 };
      socket.send(JSON.stringify({ type: "signal", session_id: id, data: { rtc: { from: "new", candidate } } }));
    }
  },
  "nonsense": async (id) => {
    const nonsense = [null, 1, "x", [], {}, { rtc: 1 }, { rtc: { from: {} } }, { rtc: { from: "x", description: { type: "offer", sdp: "v=0" } } }];
    for (let count = 0; count < 1_000; count += 1) {
      socket.send(JSON.stringify({ type: "signal", session_id: id, data: nonsense[count % nonsense.length] }));
    }
  },
};

for (const [what, flood] of Object.entries(floods)) {
  test(`a thousand signals do not stop the host's page: ${what}`, async () => {
    const { desk, phone, id } = await pair();
    await phone.page.evaluate(flood, id);
    await desk.page.waitForTimeout(3_000);
    const made = await desk.page.evaluate(() => globalThis.made);
    assert.ok(made <= 1 + 20, `${made} connections`);
    const next = await here.phone(await desk.opens("one_time"));
    await next.asksAndWaits();
    await desk.approves(next);
    await next.isConnected();
    await phone.page.close();
  });
}

test("two thousand channels at once end the session, and the page says why", async () => {
  const { desk, phone } = await pair();
  await phone.page.evaluate(async () => {
    for (let count = 0; count < 2_000 && pc.connectionState === "connected"; count += 1) {
      const channel = pc.createDataChannel("nonsense");
      channel.onopen = () => channel.close();
      if (count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  await desk.ended("This page ended it");
  await desk.sees("The other device sent more than this page can show, so this page ended the connection.");
  await desk.opens("one_time");
});

test("a flood of chat messages through the server ends the session, and both pages say why", async () => {
  const { desk, phone, id } = await pair();
  await phone.page.evaluate((id) => {
    for (let count = 0; count < 1_000; count += 1) socket.send(JSON.stringify({ type: "signal", session_id: id, data: `${count}` }));
  }, id);
  await desk.sees("The other device sent more than this page can show, so this page ended the connection.");
  await phone.sees("The other device ended it, because this device sent more than it can show.");
  assert.ok((await desk.page.locator(".talk p").count()) <= 500);
  await desk.opens("one_time");
});

test("reasons of an end that are not known or not true do no harm", async () => {
  const { desk, phone, id } = await pair();
  await phone.page.evaluate((id) => {
    for (const end of ["x".repeat(10_000), 1, null, {}, "constructor"]) {
      socket.send(JSON.stringify({ type: "signal", session_id: id, data: { end } }));
    }
  }, id);
  await phone.says("still here");
  await desk.sees("still here");
  await desk.press("End connection");
  await desk.ended("You ended it.");
});

test("marks that are piled up do not cover what stands around them", async () => {
  const { desk, phone } = await pair();
  await phone.says(`z${"\u0301".repeat(500)}`);
  const bubble = desk.page.locator(".talk p").last();
  await bubble.waitFor();
  assert.equal(await bubble.evaluate((each) => getComputedStyle(each).overflowX), "clip");
});
