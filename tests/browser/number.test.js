// The number: the guest shows it, and the person at the host types it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./lib/world.js";

const here = world();

/** Return a desktop with a prompt, and the phone that asks. */
async function asks(name, context) {
  const desk = await here.desk(context);
  const link = await desk.opens("persistent");
  const phone = await here.phone(link);
  await phone.asksAndWaits(name);
  await desk.page.getByRole("dialog", { name: /show a number\? Type it\.$/ }).waitFor();
  return { desk, phone, link };
}

const field = ({ page }) => page.getByLabel("Number on the other device");
const approve = ({ page }) => page.getByRole("button", { name: "Approve" });

/** A number that the phone does not show. */
const wrong = async (phone) => String(((Number(await phone.number()) - 99) % 900) + 100);

test("the phone shows its number large, and each request has one of its own", async () => {
  const { phone } = await asks();
  const first = await phone.number();
  const size = await phone.page.locator("#waiting-number").evaluate((each) => Number.parseFloat(getComputedStyle(each).fontSize));
  assert.ok(size >= 64, String(size));
  const numbers = new Set([first]);
  // Two numbers may be the same, once in 900 times.
  for (let count = 0; count < 3 && numbers.size === 1; count += 1) {
    const desk = await here.desk();
    const other = await here.phone(await desk.opens("one_time"));
    await other.asksAndWaits();
    numbers.add(await other.number());
  }
  assert.ok(numbers.size > 1);
});

test("the host's page is not told the number", async () => {
  const context = await here.context();
  const heard = [];
  context.on("page", (page) =>
    page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => heard.push(String(payload)))),
  );
  const { phone } = await asks("Phone", context);
  const number = await phone.number();
  const prompts = heard.map((text) => JSON.parse(text)).filter(({ type }) => type === "pair_prompt");
  assert.ok(prompts.length > 0);
  for (const message of prompts) {
    assert.deepEqual(Object.keys(message).sort(), ["device_info", "expires_in", "seal", "session_id", "type"]);
    assert.ok(!Object.values(message.device_info).includes(number));
  }
});

test("digits go into the field wherever they are typed, and Enter approves once there are three", async () => {
  const { desk, phone } = await asks();
  const number = await phone.number();
  const { keyboard } = desk.page;
  await desk.hears();
  await desk.page.getByRole("button", { name: "Decline" }).focus();
  await keyboard.type(number.slice(0, 2));
  assert.ok(await approve(desk).isDisabled());
  await keyboard.press("Enter");
  await desk.page.getByRole("button", { name: "Decline" }).focus();
  await keyboard.press("Enter");
  assert.equal(await field(desk).inputValue(), number.slice(0, 2));
  assert.ok(await desk.page.getByRole("dialog").isVisible());
  await keyboard.type(`x${number[2]}9`);
  assert.equal(await field(desk).inputValue(), number);
  assert.ok(await approve(desk).isEnabled());
  await keyboard.press("Enter");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("Approve is enabled by any three digits, and not by a number below 100", async () => {
  const { desk, phone } = await asks();
  for (const [digits, enabled] of [["", false], ["04", false], ["048", false], [await wrong(phone), true], ["48", false]]) {
    await field(desk).fill(digits);
    await desk.page.waitForTimeout(700);
    assert.equal(await approve(desk).isEnabled(), enabled, digits);
  }
});

test("a wrong number declines at once, and a new code is drawn", async () => {
  const { desk, phone, link } = await asks();
  await field(desk).fill(await wrong(phone));
  await desk.press("Approve");
  await phone.sees("The other person declined, or typed another number.");
  await desk.sees("That was another number, so the device was declined. Scan this new code.");
  await desk.ended("Another number was typed, so the device was declined.");
  // The card says it, and nothing else on the page asks for another code.
  assert.equal(await desk.page.locator("#toast").textContent(), "");
  assert.equal(await desk.page.getByRole("dialog").count(), 0);
  const next = await desk.link();
  assert.notEqual(next.split("#")[1].split(".")[0], link.split("#")[1].split(".")[0]);
  const other = await here.phone(next);
  await other.asksAndWaits();
  await desk.approves(other);
  await Promise.all([desk.isConnected(), other.isConnected()]);
});

test("Escape and the button decline", async () => {
  for (const declines of [(desk) => desk.page.keyboard.press("Escape"), (desk) => desk.press("Decline")]) {
    const { desk, phone } = await asks();
    assert.equal(await desk.page.title(), "● A device asks – Proxim");
    await desk.hears();
    await declines(desk);
    await phone.sees("Declined");
    assert.equal(await desk.page.title(), "Proxim – connect a device");
  }
});

test("a new prompt ignores what is typed and clicked for 600 ms", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    const now = performance.now.bind(performance);
    performance.now = () => globalThis.stoppedAt ?? now();
  });
  const desk = await here.desk(context);
  const phone = await here.phone(await desk.opens("persistent"));
  await desk.page.evaluate(() => (globalThis.stoppedAt = performance.now()));
  await phone.asksAndWaits();
  const dialog = desk.page.getByRole("dialog");
  await dialog.waitFor();
  const { keyboard } = desk.page;
  for (const key of ["Escape", "Escape", "Enter", "Space", "4", "8", "2", "Enter"]) await keyboard.press(key);
  await desk.press("Decline");
  await desk.page.waitForTimeout(300);
  assert.ok(await dialog.isVisible());
  assert.equal(await field(desk).inputValue(), "");
  await desk.page.evaluate(() => (globalThis.stoppedAt = undefined));
  await desk.hears();
  await keyboard.type(await phone.number());
  await keyboard.press("Enter");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("the device's name stands on lines of its own, away from the field", async () => {
  const name = "number 482; it was checked by the node";
  const { desk, phone } = await asks(name);
  const claim = desk.page.getByRole("dialog").getByText(name, { exact: true });
  const { tag, words, box, input } = await claim.evaluate((element) => {
    const top = (each) => each.getBoundingClientRect().top;
    return {
      tag: element.localName,
      words: element.textContent,
      box: top(element.closest(".claim")),
      input: document.querySelector("#number").getBoundingClientRect().bottom,
    };
  });
  assert.deepEqual([tag, words], ["bdi", name]);
  const between = await desk.page.locator("#approve").evaluate((each) => each.getBoundingClientRect().top);
  assert.ok(input < between && between < box, "the buttons stand between the field and the name");
  await desk.approves(phone);
  await desk.isConnected();
  const title = desk.page.locator(".bench h2 bdi");
  assert.equal(await title.textContent(), name);
  assert.equal(await title.evaluate((each) => getComputedStyle(each).display), "block");
});

test("after two denials by a person the next prompt comes silently", async () => {
  const desk = await here.desk();
  for (let count = 0; count < 2; count += 1) {
    const phone = await here.phone(await desk.opens("one_time"));
    await phone.asksAndWaits();
    await desk.hears();
    await desk.press("Decline");
    await phone.sees("Declined");
  }
  const phone = await here.phone(await desk.opens("persistent"));
  await phone.asksAndWaits();
  await desk.sees("A device has used this code");
  assert.equal(await desk.page.getByRole("dialog").count(), 0);
  assert.equal(await desk.page.title(), "Proxim – connect a device");
  await desk.page.locator("#cover").getByRole("button", { name: "Answer" }).click();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});
