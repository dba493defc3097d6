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
  await desk.sees("The connection broke off here. Messages sent just before may be lost.");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "after the reload");
});

test("the end of a connection loses no message that has arrived", async () => {
  for (const [one, other] of [["desk", "phone"], ["phone", "desk"]]) {
    const pair = await here.pair("persistent");
    await pair.desk.says("hello");
    await pair.phone.sees("hello");
    await pair.phone.says("goodbye");
    await pair.desk.sees("goodbye");
    await pair.desk.page.waitForTimeout(1_500);
    await pair[one].page.getByRole("button", { name: "End connection" }).click();
    for (const side of [pair[one], pair[other]]) {
      await side.sees("The connection has ended");
      assert.equal(await side.page.getByText("may be lost").count(), 0);
    }
  }
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
  await desk.ended("A device disconnected");
  await phone.sees("A device disconnected, and this connection could be used only once.");
});

test("after a reload of the host the prompt is there again", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits("Patient phone");
  await desk.page.reload();
  await desk.isAskedBy("Patient phone");
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("after a reload of the guest it still waits, and gets its answer", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  await phone.page.reload();
  await phone.sees(/^Waiting for/);
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("a pending session is restored after a reload, with a new code", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  await desk.page.reload();
  await desk.hasCode();
  const phone = await here.phone(await desk.shows());
  await phone.asksAndWaits();
});

test("the phone comes back from the browser's offline mode", async () => {
  const { desk, phone } = await here.pair("persistent");
  const context = phone.page.context();
  await context.setOffline(true);
  await phone.isOffline();
  await context.setOffline(false);
  await phone.isOnline();
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
    await Promise.all([desk.isOffline(), phone.isOffline()]);
    await theyTalk(desk, phone, "without a node");
    wire.mend();
    await Promise.all([desk.isOnline(), phone.isOnline()]);
    await phone.page.reload();
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    await theyTalk(desk, phone, "with it again");
    await desk.hasNoComplaint();
  } finally {
    wire.close();
  }
});

test("without the network to the node the end of a connection parts the two devices at once", async () => {
  const wire = await Wire.to(here.node.port);
  try {
    const desk = await here.desk();
    const link = (await desk.opens("persistent")).replace(here.node.url, wire.url);
    const phone = await here.phone(link);
    await phone.asksAndWaits();
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    wire.cut();
    await phone.isOffline();
    await phone.press("End connection");
    assert.ok(await phone.page.getByRole("button", { name: "Ending…" }).isDisabled());
    await phone.sees("You ended the connection. Leave this page open");
    assert.equal(await phone.page.getByRole("heading", { name: /^Connected to/ }).count(), 0);
    // The two devices have parted, before the server knows.
    await desk.sees("The other device is offline");
    assert.ok(await desk.page.getByRole("button", { name: "Send" }).isDisabled());
    wire.mend();
    await phone.sees("You ended it.");
    // The reason may be lost with the keys of the earlier connection.
    await desk.ended(/It was closed|The other device ended it/);
  } finally {
    wire.close();
  }
});

test("a page that is closed closes its channel, and can come back", async () => {
  const context = await here.context({ viewport: { width: 1280, height: 1000 } });
  await context.addInitScript(() => {
    const createDataChannel = RTCPeerConnection.prototype.createDataChannel;
    RTCPeerConnection.prototype.createDataChannel = function (label) {
      const channel = createDataChannel.call(this, label);
      // Without a word of the other side, the connection is found to be broken first.
      globalThis.noticed = new Promise((resolve) => {
        channel.addEventListener("close", () => resolve("closed"));
        this.addEventListener("connectionstatechange", () => this.connectionState === "disconnected" && resolve("broken"));
      });
      return channel;
    };
  });
  const desk = await here.desk(context);
  const phone = await here.phone(await desk.opens("persistent"));
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  const page = await phone.page.context().newPage();
  await phone.page.close({ runBeforeUnload: true });
  assert.equal(await desk.page.evaluate(() => globalThis.noticed), "closed");
  await desk.sees("The other device is offline");
  await page.goto(`${here.node.url}/join`);
  await desk.isConnected();
});

test("a second tab asks before it takes over, and the first one can take it back", async () => {
  const first = await here.desk();
  await first.opens("persistent");
  const page = await first.page.context().newPage();
  await page.goto(here.node.url);
  await page.getByText("This page is open in another tab").waitFor();
  // It asks first.
  assert.ok(await first.page.locator("#reach.on").isVisible());
  await page.getByRole("button", { name: "Use it here" }).click();
  await first.sees("This page is open somewhere else");
  await page.locator("#reach.on").waitFor();
  await first.press("Use it here");
  await page.getByText("This page is open somewhere else").waitFor();
  await first.hasCode();
  await page.close();
  await first.page.reload();
  await first.hasCode();
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
    const second = await desk.page.context().newPage();
    await second.goto(here.node.url);
    await second.getByRole("button", { name: "Use it here" }).click();
    await desk.sees("This page is open somewhere else");
    await second.close();
    await desk.press("Use it here");
    await Promise.all([desk.isConnected(), phone.isConnected()]);
  };
  await takesOver();
  assert.equal(await desk.page.locator(".bench").count(), 1);
  await phone.page.locator('input[type="file"]:not([capture])').setInputFiles({ name: "precious.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  await desk.accepts("precious.txt");
  await desk.file("precious.txt").getByText("Complete").waitFor();
  await takesOver();
  assert.equal(await desk.page.locator(".bench").count(), 2);
  await desk.file("precious.txt").getByRole("link", { name: "Save" }).waitFor();
  await desk.press("Dismiss");
  await desk.press("Discard them");
  await desk.page.locator(".bench").nth(1).waitFor({ state: "detached" });
  assert.equal(await desk.page.locator(".bench").count(), 1);
});

test("several sessions can be closed at once", async () => {
  const desk = await here.desk();
  for (const type of ["persistent", "temporary"]) {
    await desk.opens(type);
    const phone = await here.phone(await desk.link());
    await phone.asksAndWaits(`Phone for ${type}`);
    await desk.approves(phone);
    await phone.isConnected();
  }
  assert.equal(await desk.page.locator("#list li").count(), 2);
  await desk.press("End all");
  await desk.page.waitForFunction(() => document.querySelectorAll("#ended-list li").length === 2);
  assert.equal(await desk.page.locator("#list li").count(), 0);
});

test("after a restart of the node the host opens a new session", async () => {
  const { desk, phone } = await here.pair("persistent");
  await here.node.restart();
  await phone.sees("The server was stopped or restarted.");
  await desk.ended("The server was stopped or restarted.");
  await desk.isOnline();
  await desk.opens("one_time");
  const next = await here.phone(await desk.shows());
  await next.asksAndWaits();
  await desk.approves(next);
  await next.isConnected();
});

test("a code that is just there when the node restarts gives way to another", async () => {
  const desk = await here.desk();
  const link = await desk.opens("one_time");
  await here.node.restart();
  await desk.sees("The server was stopped or restarted. This is a new code.");
  await desk.hasCode();
  assert.notEqual(await desk.link(), link);
});

test("a code of a node that was stopped is covered, and its buttons are off until the node is back", async () => {
  const desk = await here.desk();
  const link = await desk.opens("one_time");
  await desk.unfolds("Can’t scan?");
  await here.node.end();
  await desk.isOffline();
  await desk.page.locator("#cover").getByText("Can’t reach the server.").waitFor();
  for (const name of ["Copy link", "New code", "Pause refreshing", "Close this code"]) {
    assert.ok(await desk.page.getByRole("button", { name, exact: true }).isDisabled(), name);
  }
  assert.equal(await desk.page.getByRole("button", { name: "Show the code", exact: true }).count(), 0);
  assert.equal(await desk.page.locator("#code-left").textContent(), "");
  await here.node.restart();
  await desk.sees("The server was stopped or restarted. This is a new code.");
  await desk.hasCode();
  assert.notEqual(await desk.link(), link);
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
    await person.sees("The server can’t be reached");
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
  await desk.sees("The devices have not reached each other yet.");
  await desk.sees("The devices can’t connect to each other.");
  await desk.page.evaluate(() => (globalThis.hasWay = true));
  await desk.press("Try again");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await theyTalk(desk, phone, "at last");
});
