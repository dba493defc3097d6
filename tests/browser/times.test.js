// Codes that expire and prompts without an answer, on a node with short times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./lib/world.js";

const here = world("--approval-timeout", "6", "--qr-ttl", "8");

test("without an answer both sides learn that, and what to do next", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  await desk.sees("left to answer");
  await phone.sees("There was no answer in time. Make sure that the other person is there");
  await desk.ended("There was no answer in time.");
  assert.equal(await desk.page.getByRole("dialog").count(), 0);
});

test("a code is renewed before it expires, and the earlier one is invalid", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  const first = await desk.shows();
  await desk.page.waitForFunction((old) => document.querySelector("#link").value !== old, first);
  assert.ok(!(await desk.page.getByText("This code has expired").isVisible()));
  const late = await here.phone(first);
  await late.asks();
  await late.sees("This code is not valid");
  for (let waits = false; !waits; ) {
    // The code may be renewed while the phone loads its page.
    const phone = await here.phone(await desk.link());
    await phone.asks();
    waits = await Promise.race([
      phone.sees(/^Waiting for/).then(() => true),
      phone.sees("This code is not valid").then(() => false),
    ]);
  }
});

test("a paused code expires, both sides say so, and a new one is a click away", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  await desk.pressesBehind("Pause refreshing");
  const link = await desk.link();
  await desk.page.locator(".code-face.stale").waitFor();
  await desk.sees("This code has expired");
  await desk.sees("Refreshing is paused. This code does not work any more.");
  // The cover has the only one.
  assert.equal(await desk.page.getByRole("button", { name: "New code" }).count(), 1);
  assert.ok(await desk.page.locator("#copy").isDisabled());
  const phone = await here.phone(link);
  await phone.asks();
  await phone.sees("This code has expired");
  await phone.sees("Scan the code that the other device shows now.");
  await desk.page.locator("#cover").getByRole("button", { name: "New code" }).click();
  await desk.page.locator(".code-face:not(.stale)").waitFor();
  assert.notEqual(await desk.link(), link);
});
