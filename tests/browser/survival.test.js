// Reloads, lost networks and restarts of the node: sessions come back, or say why they ended.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Wire } from "./lib/cut.js";
import { Desk } from "./lib/people.js";
import { world } from "./lib/world.js";

const here = world();

async function theyTalk(desk, phone, words) {
  await phone.says(`${words} to the desk`);
  await desk.sees(`${words} to the desk`);
  await desk.says(`${words} to the phone`);
  await phone.sees(`${words} to the phone`);
}

test("after a reload the host restores its session and connects again", async () => {
  const { desk, phone } = await here.pair("persistent");
  await desk.page.reload();
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "after the reload");
});

test("after a reload the guest connects again", async () => {
  const { desk, phone } = await here.pair("persistent");
  await phone.page.reload();
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "after the reload");
  assert.equal(await desk.page.getByText("The connection broke off here.").count(), 0);
});

test("the chat says where messages may be lost by a reload", async () => {
  const { desk, phone } = await here.pair("persistent");
  await desk.says("just before");
  await phone.page.reload();
  await desk.sees("The connection broke off here. What was sent just before may not have arrived.");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "after the reload");
});

test("both sides reload at once and connect again", async () => {
  const { desk, phone } = await here.pair("persistent");
  await Promise.all([desk.page.reload(), phone.page.reload()]);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "after both");
});

test("a reload ends a one-time session, and the list says why", async () => {
  const { desk, phone } = await here.pair("one_time");
  await desk.page.reload();
  await desk.ended("A side disconnected");
  await phone.sees("A side disconnected, and this was a one-time session.");
});

test("after a reload of the host the prompt is there again", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits("Patient phone");
  await desk.page.reload();
  await desk.page.getByRole("dialog").getByText("Patient phone").waitFor();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("after a reload of the guest it still waits, and gets its answer", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  await phone.page.reload();
  await phone.sees("Waiting for approval");
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("a pending session is restored after a reload, and its code can be shown again", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  await desk.page.reload();
  await desk.press("Show code");
  await desk.page.locator('.code img[src^="data:"]').waitFor();
  const phone = await here.phone(await desk.shows());
  await phone.asksAndWaits();
});

test("the phone comes back from the browser's offline mode", async () => {
  const { desk, phone } = await here.pair("persistent");
  const context = phone.page.context();
  await context.setOffline(true);
  await phone.sees("Node away");
  await context.setOffline(false);
  await phone.sees("Node reached");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "online again");
});

test("without the network to the node the channel goes on, and both reconnect", async () => {
  const wire = await Wire.to(here.node.port);
  try {
    const context = await here.context({ viewport: { width: 1280, height: 1000 } });
    const desk = await Desk.at({ url: wire.url }, context);
    await desk.opens("persistent");
    const link = (await desk.link()).replace(here.node.url, wire.url);
    const phone = await here.phone(link);
    await phone.asksAndWaits();
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    wire.cut();
    await Promise.all([desk.sees("Node away"), phone.sees("Node away")]);
    await theyTalk(desk, phone, "without a node");
    wire.mend();
    await Promise.all([desk.sees("Node reached"), phone.sees("Node reached")]);
    await phone.page.reload();
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    await theyTalk(desk, phone, "with it again");
    await desk.hasNoComplaint();
  } finally {
    wire.close();
  }
});

test("a second tab takes over, and the first one can take it back", async () => {
  const first = await here.desk();
  await first.opens("persistent");
  const second = await here.desk(first.page.context());
  await second.page.locator("#list li").waitFor();
  await first.sees("This page is open somewhere else");
  await first.press("Use it here");
  await second.sees("This page is open somewhere else");
  await first.page.locator("#list li").waitFor();
});

test("the host reopens a data channel that the phone closed alone", async () => {
  const context = await here.context({ viewport: { width: 390, height: 844 } });
  await context.addInitScript(() => {
    const Real = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      constructor(...args) {
        super(...args);
        this.addEventListener("datachannel", ({ channel }) => (globalThis.main = channel));
      }
    };
  });
  const desk = await here.desk();
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link(), context);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await phone.page.evaluate(() => {
    globalThis.first = globalThis.main;
    globalThis.main.close();
  });
  await phone.page.waitForFunction(() => globalThis.main !== globalThis.first && globalThis.main.readyState === "open");
  await theyTalk(desk, phone, "on another channel");
});

test("a session that is taken back has one workbench, unless the old one has an unsaved file", async () => {
  const { desk, phone } = await here.pair("persistent");
  const takesOver = async () => {
    const second = await here.desk(desk.page.context());
    await desk.sees("This page is open somewhere else");
    await second.page.close();
    await desk.press("Use it here");
    await Promise.all([desk.isConnected(), phone.isConnected()]);
  };
  await takesOver();
  assert.equal(await desk.page.locator(".bench").count(), 1);
  await phone.page.locator('input[type="file"]').setInputFiles({ name: "precious.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  await desk.accepts("precious.txt");
  await desk.file("precious.txt").getByText("Complete.").waitFor();
  await takesOver();
  assert.equal(await desk.page.locator(".bench").count(), 2);
  await desk.file("precious.txt").getByRole("link", { name: "Save" }).waitFor();
  await desk.press("Dismiss");
  assert.equal(await desk.page.locator(".bench").count(), 1);
});

test("several sessions can be closed at once", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  await desk.press("Cancel");
  await desk.ended("It was closed.");
  for (const type of ["persistent", "temporary"]) {
    await desk.opens(type);
    const phone = await here.phone(await desk.link());
    await phone.asksAndWaits(`Phone for ${type}`);
    await desk.approves(phone);
    await phone.isConnected();
  }
  assert.equal(await desk.page.locator("#list li").count(), 2);
  await desk.press("Close all");
  await desk.page.getByText("None yet.").waitFor();
  assert.equal(await desk.page.locator("#ended-list li").count(), 3);
});

test("after a restart of the node the host opens a new session", async () => {
  const { desk, phone } = await here.pair("persistent");
  await here.node.restart();
  await phone.sees("The node was stopped or restarted.");
  await desk.ended("The node was stopped or restarted.");
  await desk.sees("Node reached");
  await desk.opens("one_time");
  const next = await here.phone(await desk.shows());
  await next.asksAndWaits();
  await desk.approves(next);
  await next.isConnected();
});

test("a page that opens while the node is offline connects by itself later", async () => {
  const { desk, phone } = await here.pair("persistent");
  for (const person of [desk, phone]) {
    await person.page.addInitScript(() => {
      const Real = globalThis.WebSocket;
      globalThis.WebSocket = class extends Real {
        constructor(url, ...more) {
          super(globalThis.isBack ? url : `${url}-away`, ...more);
        }
      };
    });
    await person.page.reload();
    await person.sees("The node cannot be reached");
    await person.sees(/Trying again in 0:0\d/);
    await person.page.evaluate(() => (globalThis.isBack = true));
  }
  await phone.press("Try now");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  for (const { page } of [desk, phone]) assert.ok(await page.evaluate(() => globalThis.isBack), "it was not reloaded");
  await theyTalk(desk, phone, "found again");
});

test("devices that can't connect say so, and can try again without a reload", async () => {
  const context = await here.context({ viewport: { width: 1280, height: 1000 } });
  await context.addInitScript(() => {
    // No network path between the two until `hasWay` is set; and long timeouts run a hundred times faster.
    const Real = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      addIceCandidate(candidate) {
        return globalThis.hasWay ? super.addIceCandidate(candidate) : Promise.resolve();
      }
      setRemoteDescription(description) {
        const sdp = description.sdp.replace(/^a=candidate.*\r\n/gm, "");
        return super.setRemoteDescription(globalThis.hasWay ? description : { ...description, sdp });
      }
      setLocalDescription() {
        return globalThis.hasWay ? super.setLocalDescription() : new Promise(() => {});
      }
    };
    const wait = globalThis.setTimeout;
    globalThis.setTimeout = (action, time, ...more) =>
      wait(action, time >= 15_000 && !globalThis.hasWay ? time / 100 : time, ...more);
  });
  const desk = await here.desk(context);
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  await desk.approves(phone);
  await desk.sees("They have not reached each other yet.");
  await desk.sees("The devices can’t connect to each other.");
  await desk.page.evaluate(() => (globalThis.hasWay = true));
  await desk.press("Try again");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "at last");
});
