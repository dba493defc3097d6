// A host page in Chromium and a guest page in Firefox, which has its own WebRTC.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Firefox } from "./lib/firefox.js";
import { world } from "./lib/world.js";

const here = world();
let firefox;
before(async () => (firefox = await Firefox.launch()));
after(() => firefox?.close());

test("a guest in Firefox asks, chats, gets a file, and comes back after a reload", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  await firefox.goto(await desk.link());
  await firefox.fill("Name of this device", "A fox");
  await firefox.press("Ask to connect");
  await firefox.sees("Waiting for");
  await desk.isAskedBy("A fox");
  await desk.approves({ number: () => firefox.run("return document.querySelector('#waiting-number').textContent") });
  await Promise.all([desk.isConnected(), firefox.sees("Connected to")]);
  await firefox.fill("Message", "hello from Firefox");
  await firefox.press("Send");
  await desk.sees("hello from Firefox");
  await desk.says("hello from Chromium");
  await firefox.sees("hello from Chromium");
  const file = { name: "for-the-fox.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(3_000_000, 7) };
  await desk.page.locator('input[type="file"]:not([capture])').setInputFiles(file);
  await firefox.sees("Linux PC wants to send for-the-fox.bin, 3.0 MB");
  await firefox.press("Accept");
  await desk.file(file.name).getByText("Sent ✓").waitFor();
  await firefox.sees("Complete");
  await firefox.press("About this connection");
  await firefox.sees("Direct");
  await firefox.goto(`${here.node.url}/join`);
  await Promise.all([desk.isConnected(), firefox.sees("Connected to")]);
  await desk.says("welcome back");
  await firefox.sees("welcome back");
  await firefox.press("End connection");
  await firefox.sees("The connection has ended");
  await desk.ended("The other device ended it.");
  assert.equal(await firefox.run("return location.hash"), "");
});

test("a computer remembers a guest in Firefox, which comes back without a code", async () => {
  const desk = await here.desk();
  await firefox.goto(await desk.opens("one_time"));
  await firefox.press("Ask to connect");
  await firefox.sees("Type this number");
  await desk.hears();
  await desk.page.getByLabel("Remember this device").check();
  await desk.approves({ number: () => firefox.run("return document.querySelector('#waiting-number').textContent") });
  await Promise.all([desk.isConnected(), firefox.sees("Connected to")]);
  await firefox.press("End connection");
  await firefox.sees("The connection has ended");
  for (let count = 0; count < 2; count += 1) {
    await firefox.goto("about:blank");
    await firefox.goto(`${here.node.url}/join`);
    await firefox.press("Connect to Linux PC again");
    await desk.sees("wants to connect again");
    await desk.hears();
    await desk.press("Approve");
    await firefox.sees("Connected to");
    await firefox.press("End connection");
    await firefox.sees("The connection has ended");
  }
});
