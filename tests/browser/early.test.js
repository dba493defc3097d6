// A slow page loses no message, and a flood cannot freeze it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./lib/world.js";

const here = world();
const lettered = (name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(name) });

/** Connect a desktop and a phone whose `RTCPeerConnection` the test can use. */
async function bothWithAccess() {
  const desk = await here.desk();
  await desk.opens("persistent");
  const context = await here.context({ viewport: { width: 390, height: 844 } });
  await context.addInitScript(() => {
    const Real = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      constructor(...args) {
        super(...args);
        globalThis.pc = this;
        this.addEventListener("datachannel", ({ channel }) => (globalThis.main = channel));
      }
    };
  });
  const phone = await here.phone(await desk.link(), context);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  return { desk, phone };
}

test("messages to a side whose scripts load slowly arrive", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const context = await here.context({ viewport: { width: 390, height: 844 } });
  // Those of the page, of the SDK and of sealed sessions.
  await context.route(/\.js$/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  const phone = await here.phone(await desk.link(), context);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await desk.isConnected();
  await desk.says("early words");
  await desk.page.locator('input[type="file"]:not([capture])').setInputFiles(lettered("early.txt"));
  await phone.sees("early words");
  await phone.accepts("early.txt");
  await phone.file("early.txt").getByText("Complete").waitFor();
});

test("sixty files at once arrive, some at a time", async () => {
  const { desk, phone } = await here.pair("one_time");
  const files = Array.from({ length: 60 }, (_, index) => lettered(`file-${index}.txt`));
  await desk.acceptsEverything();
  await phone.page.locator('input[type="file"]:not([capture])').setInputFiles(files);
  await desk.page.waitForFunction(() => document.querySelectorAll(".transfer.ok .button").length === 60);
  await phone.file("file-59.txt").getByText("Sent ✓").waitFor();
  // The sender's list of finished transfers is bounded.
  assert.ok((await phone.page.locator(".transfer").count()) <= 30);
});

test("a flood of files fills a bounded list, and no unsaved file is lost", async () => {
  const { desk, phone } = await bothWithAccess();
  await desk.acceptsEverything();
  await phone.page.locator('input[type="file"]:not([capture])').setInputFiles(lettered("precious.txt"));
  await desk.file("precious.txt").getByText("Complete").waitFor();
  await phone.page.evaluate(async () => {
    const send = (count) =>
      new Promise((resolve) => {
        const channel = globalThis.pc.createDataChannel("file");
        channel.onclose = resolve;
        // Every third transfer breaks off.
        const breaksOff = count % 3 === 0;
        channel.onmessage = ({ data }) => (breaksOff || !JSON.parse(data).accept) && channel.close();
        channel.onopen = () => channel.send(JSON.stringify({ name: `flood-${count}`, size: Number(breaksOff) }));
      });
    for (let count = 0; count < 300; count += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => send(count + index)));
    }
  });
  await desk.sees("This page takes no more files.");
  assert.equal(await desk.page.getByRole("link", { name: /^Save/ }).count(), 100);
  assert.ok((await desk.page.locator(".transfer").count()) <= 130);
  await desk.page.getByRole("button", { name: "Remove flood-1", exact: true }).click();
  await phone.page.locator('input[type="file"]:not([capture])').setInputFiles(lettered("later.txt"));
  await desk.file("later.txt").getByText("Complete").waitFor();
  await desk.file("precious.txt").getByText("Complete").waitFor();
  await phone.says("still here");
  await desk.sees("still here");
});

test("a file without a name gets one", async () => {
  const { desk, phone } = await bothWithAccess();
  await phone.page.evaluate(() => {
    const channel = globalThis.pc.createDataChannel("file");
    channel.onopen = () => channel.send(JSON.stringify({ name: "\u200b", size: 0 }));
  });
  await desk.accepts("Unnamed file");
  await desk.file("Unnamed file").getByText("Complete").waitFor();
  const link = desk.page.getByRole("link", { name: "Save Unnamed file" });
  assert.equal(await link.getAttribute("download"), "Unnamed file");
});

/** Functions that run in a page and send without end. */
const floods = {
  "chat messages": () => {
    const { main } = globalThis;
    const timer = setInterval(() => {
      if (main.readyState !== "open") clearInterval(timer);
      else for (let count = 0; count < 500 && main.bufferedAmount < 1e5; count += 1) main.send("x");
    }, 5);
  },
  "pieces of a file": () => {
    const channel = globalThis.pc.createDataChannel("file");
    channel.onopen = () => {
      channel.send(JSON.stringify({ name: "endless", size: 1e9 }));
    };
    channel.onmessage = () => {
      const timer = setInterval(() => {
        if (channel.readyState !== "open") clearInterval(timer);
        else for (let count = 0; count < 500 && channel.bufferedAmount < 1e5; count += 1) channel.send(new Uint8Array(1));
      }, 5);
    };
  },
};

for (const [what, flood] of Object.entries(floods)) {
  test(`a flood of ${what} ends the session, and the page says why`, async () => {
    const { desk, phone } = await bothWithAccess();
    await desk.acceptsEverything();
    await phone.page.evaluate(flood);
    await desk.sees("The other device sent more than this page can show, so this page ended the connection.");
    await desk.ended("This page ended it, because the other device sent more than it can show.");
    // The side that was too fast hears why.
    await phone.sees("The other device ended it, because this device sent more than it can show.");
    await desk.opens("one_time");
  });
}

test("unknown channels are closed, and the number of offers is limited", async () => {
  const { desk, phone } = await bothWithAccess();
  const open = await phone.page.evaluate(async () => {
    const channels = [];
    globalThis.answers = [];
    for (let count = 0; count < 200; count += 1) {
      const channel = globalThis.pc.createDataChannel(count % 2 ? "file" : "nonsense");
      channels.push(channel);
      channel.onmessage = ({ data }) => globalThis.answers.push(data);
      // The channel may close before this side has seen it open.
      await new Promise((resolve) => (channel.onopen = channel.onclose = resolve));
      if (count % 2 && channel.readyState === "open") channel.send(JSON.stringify({ name: `slow-${count}`, size: 1000 }));
    }
    for (let tries = 0; tries < 1200; tries += 1) {
      if (channels.filter(({ readyState }) => readyState === "open").length <= 32) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return channels.filter(({ readyState }) => readyState === "open").length;
  });
  assert.equal(open, 32);
  assert.equal(await desk.page.locator(".offers li").count(), 32);
  const answers = await phone.page.evaluate(() => globalThis.answers);
  assert.ok(answers.length > 0 && answers.every((each) => each === '{"cancel":"busy"}'), answers.join());
  assert.ok((await desk.page.locator(".transfer").count()) <= 62);
  await phone.page.evaluate(() => globalThis.main.send("w".repeat(60_000)));
  await desk.sees("the rest was too long to show");
  assert.ok((await desk.page.locator(".talk").textContent()).length < 11_000);
  await phone.says("still here");
  await desk.sees("still here");
});
