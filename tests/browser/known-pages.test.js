// Known devices on the pages: a person remembers a device, and it comes back without a code.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./lib/world.js";

const here = world();

/** Return a desktop and a phone that it remembers; they are connected. */
async function acquainted({ days = "30", files = false } = {}) {
  const desk = await here.desk();
  const phone = await here.phone(await desk.opens("one_time"));
  await phone.asksAndWaits("Ada’s phone");
  await desk.hears();
  await desk.page.getByLabel("Remember this device").check();
  assert.equal(await desk.page.getByLabel("Your name for it").inputValue(), "Ada’s phone");
  // A digit that is typed there is not one of the number.
  await desk.page.getByLabel("Your name for it").fill("");
  await desk.page.getByLabel("Your name for it").pressSequentially("My phone 2");
  await desk.page.getByLabel("For how long?").selectOption(days);
  if (files) await desk.page.getByLabel("Always take files").check();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  return { desk, phone };
}

/** End the connection, and wait until both pages say so. */
async function theyPart({ desk, phone }) {
  await phone.press("End connection");
  await phone.sees("The connection has ended");
  await desk.ended("The other device ended it.");
}

const again = (phone) => phone.page.getByRole("button", { name: /^Connect to .* again$/ });

/** Answer the question about a known device. */
async function letsIn(desk) {
  await desk.page.getByRole("heading", { name: "My phone 2 wants to connect again. Let it in?" }).waitFor();
  await desk.page.waitForTimeout(700);
  await desk.press("Approve");
}

test("a phone that paired once comes back with one tap on either side, also after a restart of the server", async () => {
  const { desk, phone } = await acquainted();
  await desk.page.locator("#known li", { hasText: "My phone 2" }).getByText(/^known since /).waitFor();
  await theyPart({ desk, phone });
  await here.node.crash();
  await Promise.all([desk.page.reload(), phone.page.reload()]);
  await desk.isOnline();
  await phone.page.locator("#host-list").getByText(/^known since /).waitFor();
  await again(phone).click();
  await phone.sees("The other device has been told of your request.");
  await letsIn(desk);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await desk.sees("My phone 2");
  await phone.says("here again");
  await desk.sees("here again");
});

test("a device is not remembered unless the person says so, and the choice is for sealed connections", async () => {
  const desk = await here.desk();
  const phone = await here.phone(await desk.opens("one_time"));
  await phone.asksAndWaits();
  await desk.hears();
  assert.ok(!(await desk.page.getByLabel("Remember this device").isChecked()));
  await desk.approves(phone);
  await phone.isConnected();
  await desk.page.locator("#known").waitFor({ state: "hidden" });
  await phone.press("End connection");
  await phone.sees("The connection has ended");
  await phone.page.locator("#hosts").waitFor({ state: "hidden" });
});

test("a phone that is remembered learns how to come back, and finds the computer from the start", async () => {
  const { desk, phone } = await acquainted();
  const address = `${new URL("join", here.node.url)}`;
  await phone.sees(`Linux PC remembers this browser. To come back without a code, open ${address} here: keep it as a bookmark.`);
  assert.ok(await desk.page.locator("#knowing").isHidden());
  await theyPart({ desk, phone });
  await phone.sees("You ended it. To come back without a code, press “Connect to … again”.");
  const start = await here.desk(phone.page.context());
  await start.page.getByRole("link", { name: "Computers that know this device" }).click();
  await start.page.getByRole("button", { name: "Connect to Linux PC again" }).waitFor();
  const other = await here.phone(await desk.opens("one_time"), phone.page.context());
  await other.press("Computers that know this device");
  await other.page.getByRole("button", { name: "Connect to Linux PC again" }).waitFor();
});

test("a forgotten device is told so while it is there, and finds nobody later", async () => {
  const { desk, phone } = await acquainted();
  await theyPart({ desk, phone });
  await again(phone).click();
  await letsIn(desk);
  await phone.isConnected();
  await desk.press("Forget My phone 2");
  await desk.page.getByRole("dialog").getByRole("button", { name: "Forget", exact: true }).click();
  await phone.sees("The other device does not know this browser any more.");
  await desk.page.locator("#known").waitFor({ state: "hidden" });
  await desk.ended("You made this computer forget the device.");
  assert.equal(await desk.page.locator("#ended-list li").first().locator(".meta span").first().textContent(), "Visit");
  await phone.page.reload();
  await phone.sees("Scan a code first");
  await phone.page.locator("#hosts").waitFor({ state: "hidden" });
});

test("a person gives a known device another name, which its next question has", async () => {
  const { desk, phone } = await acquainted();
  await theyPart({ desk, phone });
  const rename = desk.page.getByRole("button", { name: "Rename My phone 2" });
  await rename.click();
  const field = desk.page.getByRole("dialog").getByLabel("Your name for it");
  assert.equal(await field.inputValue(), "My phone 2");
  await field.fill("Not this one");
  await desk.press("Cancel");
  assert.ok(await rename.isVisible());
  await rename.click();
  await field.fill(" Old phone ");
  await desk.page.keyboard.press("Enter");
  await desk.page.getByRole("button", { name: "Forget Old phone" }).waitFor();
  assert.equal(await desk.page.locator("#known bdi").textContent(), "Old phone");
  // Not a name: it hides the rest of a line.
  await desk.press("Rename Old phone");
  await field.fill("x\u202Ey");
  await desk.press("Save");
  await desk.page.locator("#toast").getByText(/\w+/).waitFor();
  await desk.page.reload();
  await desk.isOnline();
  await desk.page.getByRole("button", { name: "Rename Old phone" }).waitFor();
  await again(phone).click();
  await desk.page.getByRole("heading", { name: "Old phone wants to connect again. Let it in?" }).waitFor();
});

test("a computer that gets another name has it at the next visit, in the list, and under the name of no other one", async () => {
  const { desk, phone } = await acquainted();
  await theyPart({ desk, phone });
  await desk.press("Show the code");
  await desk.hasCode();
  await desk.page.locator("#own-name").fill("Attic");
  await desk.page.locator("#own-name").press("Enter");
  await again(phone).click();
  await letsIn(desk);
  await phone.page.getByRole("heading", { name: "Connected to Attic" }).waitFor();
  // The card of the visit before does not stay without a word.
  await phone.page.locator(".bench.ended").getByText("The connection has ended. You ended it.").waitFor();
  await phone.press("End connection");
  await phone.page.getByRole("button", { name: "Connect to Attic again" }).waitFor();
  // Not a name: it hides the rest of a line.
  await desk.page.evaluate(() => localStorage.setItem("proxim.name", "x\u202Ey"));
  await desk.page.reload();
  await desk.isOnline();
  await again(phone).click();
  await letsIn(desk);
  await phone.page.getByRole("heading", { name: "Connected to Linux PC" }).waitFor();
});

test("a computer that is away is not reachable now, and the phone can try again", async () => {
  const { desk, phone } = await acquainted();
  await theyPart({ desk, phone });
  await desk.page.goto("about:blank");
  await again(phone).click();
  await phone.sees(/can’t be reached now$/);
  // One button for one computer.
  await again(phone).waitFor({ state: "hidden" });
  await desk.page.goto(here.node.url);
  await desk.isOnline();
  await phone.press("Try again");
  await letsIn(desk);
  await phone.isConnected();
});

test("files of a device that a person trusts come without a question", async () => {
  const { desk, phone } = await acquainted({ files: true });
  await theyPart({ desk, phone });
  await again(phone).click();
  await letsIn(desk);
  await phone.isConnected();
  await phone.page.locator('input[type="file"]:not([capture])').first().setInputFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  await desk.file("a.txt").getByText("Complete").waitFor();
  await desk.page.locator("#known").getByLabel("Always take files").uncheck();
  await desk.page.waitForFunction(() => {
    const name = Object.keys(localStorage).find((each) => each.startsWith("proxim.devices."));
    return JSON.parse(localStorage.getItem(name)).every(({ takesFiles }) => !takesFiles);
  });
  await phone.page.locator('input[type="file"]:not([capture])').first().setInputFiles({ name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  await desk.offer("b.txt").waitFor();
});

test("a visit that nobody was asked about shows a notice, and can be cut off", async () => {
  const { desk, phone } = await acquainted();
  await theyPart({ desk, phone });
  // As a page of the same origin that is not the server's would choose.
  await desk.page.evaluate(() => {
    const name = Object.keys(localStorage).find((each) => each.startsWith("proxim.devices."));
    localStorage.setItem(name, JSON.stringify(JSON.parse(localStorage.getItem(name)).map((device) => ({ ...device, policy: "auto" }))));
  });
  await desk.page.reload();
  await desk.isOnline();
  await again(phone).click();
  await phone.isConnected();
  await desk.sees("has connected by itself");
  await desk.press("Disconnect");
  await phone.sees("The other device ended it.");
  await desk.page.locator("#visits").getByText("has connected by itself").waitFor({ state: "detached" });
});

test("after two denials a known device has to wait in the list, and others not", async () => {
  const { desk, phone } = await acquainted();
  await theyPart({ desk, phone });
  for (let count = 0; count < 2; count += 1) {
    await again(phone).click();
    await desk.page.getByRole("heading", { name: /wants to connect again/ }).waitFor();
    await desk.page.waitForTimeout(700);
    await desk.press("Decline");
    await phone.sees("The other person declined. If that was a mistake, press “Connect to … again”.");
  }
  await again(phone).click();
  await desk.page.locator("#list").getByText("asking").waitFor();
  assert.equal(await desk.page.getByRole("dialog").count(), 0);
  await desk.press("Answer");
  await letsIn(desk);
  await phone.isConnected();
  const other = await here.phone(await desk.opens("one_time"));
  await other.asksAndWaits("A stranger");
  await desk.page.getByRole("dialog").waitFor();
});

test("a second tab of the phone takes the connection over only if the person says so", async () => {
  const { desk, phone } = await acquainted();
  await theyPart({ desk, phone });
  await again(phone).click();
  await letsIn(desk);
  await phone.isConnected();
  const tab = await here.phone(`${here.node.url}/join`, phone.page.context());
  await tab.sees("Another tab uses this connection");
  assert.ok(await tab.page.locator("#seats").isHidden());
  await phone.says("still here");
  await desk.sees("still here");
});
