// Pairing, from the code on the screen to the decision.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Wire } from "./lib/cut.js";
import { ProximNode } from "./lib/node.js";
import { Desk, Phone } from "./lib/people.js";
import { Prefix } from "./lib/prefix.js";
import { world } from "./lib/world.js";

const here = world();

test("a one-time session is scanned, approved, connected, and ends when a side leaves", async () => {
  const { desk, phone } = await here.pair("one_time");
  await phone.says("hello desk");
  await desk.sees("hello desk");
  await desk.says("hello phone");
  await phone.sees("hello phone");
  await phone.page.close();
  await desk.ended("A device disconnected");
});

test("a temporary session ends on both sides when its time is up", async () => {
  const { desk, phone } = await here.pair("temporary", 12);
  await phone.says("quick");
  await desk.sees("quick");
  await desk.ended("Its time was up.");
  await phone.sees("To connect again, scan a new code on the other device.");
});

test("a persistent session lets the guest come back without a code", async () => {
  const { desk, phone } = await here.pair("persistent");
  const context = phone.page.context();
  await desk.press("About this connection");
  await desk.sees(/Round trip/);
  await phone.page.close();
  await Promise.all([
    desk.sees("The other device is offline"),
    desk.page.getByText(/Round trip/).waitFor({ state: "hidden" }),
    desk.page.locator("#list .tag").getByText("not connected").waitFor(),
    desk.sees("You can write and send files once the devices are connected."),
  ]);
  const again = await here.phone(`${here.node.url}/join`, context);
  await Promise.all([desk.isConnected(), again.isConnected()]);
  await again.says("back again");
  await desk.sees("back again");
  await desk.page.getByRole("button", { name: "End connection" }).click();
  await desk.ended("You ended it.");
  await again.sees("The connection has ended");
});

test("a guest that comes back to a closed session learns that it ended", async () => {
  const { desk, phone } = await here.pair("persistent");
  const context = phone.page.context();
  await phone.page.close();
  await desk.press("End connection");
  await desk.ended("You ended it.");
  const again = await here.phone(`${here.node.url}/join`, context);
  await again.sees("It was closed. To connect again, scan a new code on the other device.");
  await again.page.reload();
  await again.sees("Scan a code first");
});

test("a guest with several sessions chooses one", async () => {
  const desk = await here.desk();
  const context = await here.context({ viewport: { width: 390, height: 844 } });
  for (let count = 0; count < 2; count += 1) {
    await desk.opens("persistent");
    const phone = await here.phone(await desk.link(), context);
    await phone.asksAndWaits();
    await desk.approves(phone);
    await phone.isConnected();
    await phone.page.close();
  }
  const again = await here.phone(`${here.node.url}/join`, context);
  await again.sees("You can come back to these connections without a new code.");
  const buttons = again.page.getByRole("button", { name: "Connect again" });
  assert.equal(await buttons.count(), 2);
  await buttons.last().click();
  await again.isConnected();
  await again.says("it is me");
  await desk.sees("it is me");
});

test("a declined guest learns that", async () => {
  const desk = await here.desk();
  await desk.opens("one_time");
  const phone = await here.phone(await desk.shows());
  await phone.asksAndWaits();
  await desk.hears();
  await desk.press("Decline");
  await phone.sees("The other person declined, or typed another number.");
  const words = await phone.page.locator("#over").innerText();
  assert.equal(words.match(/declined/gi)?.length, 2, "the title says it, and the text who");
  await desk.ended("The request was declined.");
});

test("two people can pair by keyboard alone", async () => {
  const desk = await here.desk();
  const { page } = desk;
  await desk.hasCode();
  const first = await desk.link();
  await page.getByText("Keep connected longer…").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.getByRole("radio", { name: /Until/ }).isChecked());
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction((old) => document.querySelector("#link").value !== old, first);
  await desk.hasCode();
  const phone = await here.phone(await desk.link());
  await phone.page.getByLabel("Name of this device").focus();
  await phone.page.keyboard.press("Enter");
  await phone.sees(/^Waiting for/);
  await desk.hears();
  await page.keyboard.type(await phone.number());
  await page.keyboard.press("Enter");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("HTML in a name is shown as text", async () => {
  const name = `<img src=x onerror="alert(1)"><b>bold</b>`;
  const desk = await here.desk();
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits(name);
  await desk.isAskedBy(name);
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await phone.says(name);
  await desk.page.locator(".talk").getByText(name).waitFor();
  assert.equal(await desk.page.locator('img[src="x"], b').count(), 0);
  await desk.page.locator("#list").getByText(name, { exact: true }).waitFor();
});

test("of two guests with one code one asks, and the other learns that it was used", async () => {
  const desk = await here.desk();
  await desk.opens("one_time");
  const link = await desk.shows();
  const phones = [await here.phone(link), await here.phone(link)];
  await Promise.all(phones.map((phone) => phone.asks()));
  const outcome = (phone) =>
    Promise.race([
      phone.sees(/^Waiting for/).then(() => "waits"),
      phone.sees("This code was used already").then(() => "used"),
    ]);
  const outcomes = await Promise.all(phones.map(outcome));
  assert.deepEqual(outcomes.toSorted(), ["used", "waits"]);
  await desk.sees("Another device has used this code, too, and was turned away.");
  const first = phones[outcomes.indexOf("waits")];
  await desk.approves(first);
  await Promise.all([desk.isConnected(), first.isConnected()]);
});

test("a link preview and an opened page do not use up a code", async () => {
  const desk = await here.desk();
  await desk.opens("one_time");
  const link = await desk.link();
  assert.equal((await fetch(link)).status, 200);
  const looker = await here.phone(link);
  await looker.sees("This page has sent nothing yet.");
  assert.equal(looker.page.url(), `${here.node.url}/join`);
  // The link is not in the address bar any more, but a reload still has it.
  await looker.page.reload();
  await looker.sees("This page has sent nothing yet.");
  const phone = await here.phone(link);
  await phone.asksAndWaits();
});

test("the device's name is remembered", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const context = await here.context();
  const phone = await here.phone(await desk.link(), context);
  await phone.asksAndWaits("Ada’s phone");
  const other = await here.phone(await (await here.desk()).opens("persistent"), context);
  assert.equal(await other.page.getByLabel("Name of this device").inputValue(), "Ada’s phone");
});

test("invalid links say what to do", async () => {
  const broken = await here.phone(`${here.node.url}/join#abc`);
  await broken.sees("Scan the code again");
  const strange = await here.phone(`${here.node.url}/join#${"a".repeat(22)}.${"b".repeat(43)}`);
  await strange.asks();
  await strange.sees("This code is not valid");
  const empty = await here.phone(`${here.node.url}/join`);
  await empty.sees("Scan a code first");
});

test("the guest page works without storage", async () => {
  const desk = await here.desk();
  await desk.opens("one_time");
  const context = await here.context();
  await context.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(globalThis, name, {
        get() {
          throw new DOMException("forbidden", "SecurityError");
        },
      });
    }
  });
  const phone = await here.phone(await desk.link(), context);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("a node's host name may be join", async () => {
  const { port } = new URL(here.node.url);
  const empty = await here.phone(`http://join.localhost:${port}/join`);
  await empty.sees("Scan a code first");
});

test("without a host nothing is used up, and the guest can try again", async () => {
  const wire = await Wire.to(here.node.port);
  try {
    const desk = await Desk.at({ url: wire.url }, await here.context());
    const link = await desk.opens("persistent");
    wire.cut();
    await desk.isOffline();
    const phone = await here.phone(link);
    await phone.asks();
    await phone.sees("The other device is offline");
    wire.mend();
    await desk.hasCode();
    assert.equal(await desk.link(), link);
    await phone.press("Try again");
    await phone.asksAndWaits();
    await desk.hasNoComplaint();
  } finally {
    wire.close();
  }
});

test("a page that was closed shows another code, and the earlier one says so", async () => {
  const context = await here.context();
  const desk = await here.desk(context);
  const link = await desk.opens("persistent");
  await desk.page.close();
  const again = await here.desk(context);
  await again.hasCode();
  assert.notEqual(await again.link(), link);
  const phone = await here.phone(link);
  await phone.asks();
  await phone.sees("Scan the code that the other device shows now.");
});

test("cleared sessions stay cleared after a reload", async () => {
  const desk = await here.desk();
  const asksAndIsDeclined = async () => {
    const phone = await here.phone(await desk.opens("one_time"));
    await phone.asksAndWaits();
    await desk.hears();
    await desk.press("Decline");
    await desk.ended("The request was declined.");
  };
  await asksAndIsDeclined();
  await desk.press("Clear");
  await desk.page.locator("#ended").waitFor({ state: "hidden" });
  await desk.page.reload();
  await desk.isOnline();
  await asksAndIsDeclined();
  assert.equal(await desk.page.locator("#ended-list li").count(), 1);
});

test("the host page works under a path without the slash at its end", async () => {
  const { node, proxy } = await ProximNode.startBehind((port) => Prefix.before("/there", port));
  try {
    const desk = await Desk.at({ url: proxy.url }, await here.context());
    await desk.opens("persistent");
    const link = await desk.link();
    assert.ok(link.startsWith(`${proxy.url}/join#`), link);
    await desk.hasNoComplaint();
  } finally {
    proxy.close();
    await node.stop();
  }
});

test("the pages work behind a proxy under a path of its own", async () => {
  const { node, proxy } = await ProximNode.startBehind((port) => Prefix.before("/there", port));
  try {
    const desk = await Desk.at({ url: `${proxy.url}/` }, await here.context());
    await desk.opens("persistent");
    const link = await desk.link();
    assert.ok(link.startsWith(`${proxy.url}/join#`), link);
    const phone = await Phone.opens(link, await here.context());
    await phone.asksAndWaits();
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    await Promise.all([desk.page.reload(), phone.page.reload()]);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    for (const person of [desk, phone]) await person.hasNoComplaint();
  } finally {
    proxy.close();
    await node.stop();
  }
});
