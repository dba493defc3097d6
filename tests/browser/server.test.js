// Chat through the server while the devices have no channel, and the reasons of an end.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./lib/node.js";
import { withoutSeal } from "./lib/plain.js";
import { world } from "./lib/world.js";

const here = world();
const BY_SERVER = "Messages go through the server, which could read them. Files need a direct connection.";

/** Let a page keep its sockets, and note the chat messages that it sends by them. */
function watch() {
  globalThis.byServer = [];
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    const { type, data } = JSON.parse(text);
    if (type === "signal" && typeof data === "string") globalThis.byServer.push(data);
    return send.call(this, text);
  };
}

/** Return a desktop and a phone that are approved. Each script runs in one of the pages before all others. */
async function meet(scripts) {
  const contexts = {};
  for (const [who, viewport] of [["desk", { width: 1280, height: 1000 }], ["phone", { width: 390, height: 844 }]]) {
    contexts[who] = await here.context({ viewport });
    // The messages of a sealed session cannot be told apart.
    await withoutSeal(contexts[who]);
    await contexts[who].addInitScript(watch);
    if (scripts[who]) await contexts[who].addInitScript(scripts[who]);
  }
  const desk = await here.desk(contexts.desk);
  const phone = await here.phone(await desk.opens("persistent"), contexts.phone);
  await phone.asksAndWaits("My phone");
  await desk.approves(phone);
  return { desk, phone };
}

async function theyTalk(desk, phone, words) {
  await phone.says(`${words} to the desk`);
  await desk.sees(`${words} to the desk`);
  await desk.says(`${words} to the phone`);
  await phone.sees(`${words} to the phone`);
}

const byServer = ({ page }) => page.evaluate(() => globalThis.byServer.splice(0));

function withoutWebRtc() {
  delete globalThis.RTCPeerConnection;
}

for (const who of ["desk", "phone"]) {
  test(`a ${who} without WebRTC chats through the server, and both pages say so`, async () => {
    const { desk, phone } = await meet({ [who]: withoutWebRtc });
    const own = who === "desk" ? desk : phone;
    await own.sees("This browser could not begin the connection");
    for (const person of [desk, phone]) {
      await person.sees(BY_SERVER);
      assert.equal(await person.page.getByText("Files need a direct connection").count(), 1);
      assert.equal(await person.page.locator(".pickers").isVisible(), false);
      await person.sees("It goes through the server.");
    }
    await theyTalk(desk, phone, "by the server");
    assert.deepEqual(await byServer(phone), ["by the server to the desk"]);
    await desk.page.reload();
    await desk.sees(BY_SERVER);
    await theyTalk(desk, phone, "after a reload");
    await phone.press("End connection");
    await desk.ended("The other device ended it.");
  });
}

test("the chat goes through the server after a while, and over the channel once that is open", async () => {
  const { desk, phone } = await meet({
    desk: () => {
      // No way between the two until `hasWay` is set.
      const Real = globalThis.RTCPeerConnection;
      globalThis.RTCPeerConnection = class extends Real {
        setLocalDescription() {
          return globalThis.hasWay ? super.setLocalDescription() : new Promise(() => {});
        }
      };
    },
  });
  await phone.sends({ name: "patient.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  const file = phone.file("patient.txt");
  await file.getByText("Waiting for its turn").waitFor();
  assert.equal(await desk.page.getByText(BY_SERVER).count(), 0);
  await Promise.all([desk.sees(BY_SERVER), phone.sees(BY_SERVER)]);
  await file.getByText("Waiting for a direct connection").waitFor();
  await theyTalk(desk, phone, "by the server");
  assert.deepEqual([await byServer(desk), await byServer(phone)], [["by the server to the phone"], ["by the server to the desk"]]);
  await desk.page.evaluate(() => (globalThis.hasWay = true));
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  for (const { page } of [desk, phone]) await page.getByText(BY_SERVER).waitFor({ state: "hidden" });
  await desk.accepts("patient.txt");
  await file.getByText("Sent ✓").waitFor();
  await theyTalk(desk, phone, "by the channel");
  assert.deepEqual([await byServer(desk), await byServer(phone)], [[], []]);
});

test("a message through the server is shown also while the channel is open", async () => {
  const { desk, phone } = await meet({
    phone: () => {
      const Real = globalThis.WebSocket;
      globalThis.WebSocket = class extends Real {
        constructor(...args) {
          super(...args);
          globalThis.socket = this;
        }
      };
    },
  });
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  const id = (await phone.page.evaluate(() => JSON.stringify(localStorage))).match(/"sessionId\\*":\\*"([\w-]{22})/)[1];
  await phone.page.evaluate((id) => socket.send(JSON.stringify({ type: "signal", session_id: id, data: "by another way" })), id);
  await desk.sees("by another way");
  await theyTalk(desk, phone, "still here");
});

test("a Python program that does not answer WebRTC chats with the page, and its reason of the end is shown", async () => {
  const desk = await here.desk(await here.context({ viewport: { width: 1280, height: 1000 } }));
  const link = await desk.opens("persistent");
  const script = fileURLToPath(new URL("lib/silent_guest.py", import.meta.url));
  const guest = spawn(PYTHON, [script, link], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const { value } = await createInterface({ input: guest.stdout })[Symbol.asyncIterator]().next();
    await desk.hears();
    await desk.approves({ number: async () => value });
    // Python seals, too.
    await desk.sees("Messages go through the server, sealed. Files need a direct connection.");
    await desk.says("hello, program");
    await desk.sees("You said: hello, program");
    await desk.says("bye");
    await desk.sees("The connection has ended. The other device had finished, and ended it.");
    await desk.ended("The other device had finished, and ended it.");
  } finally {
    guest.kill();
  }
});

test("each side hears that the other one ended the session", async () => {
  for (const [who, press] of [["phone", "End connection"], ["desk", "End connection"], ["desk", "Close"]]) {
    const { desk, phone } = await here.pair("one_time");
    if (who === "phone") {
      await phone.press(press);
      await desk.ended("The other device ended it.");
      await phone.sees("You ended it. To connect again, scan a new code on the other device.");
    } else {
      if (press === "Close") await desk.page.getByRole("button", { name: /^End the connection/ }).click();
      else await desk.press(press);
      await phone.sees("The other device ended it. To connect again, scan a new code on the other device.");
      await desk.ended("You ended it.");
    }
    await desk.press("Dismiss");
  }
});
