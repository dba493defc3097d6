// Seats that a browser takes again: codes that are scanned twice, copied keys, blocked storage, spoiled links.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./lib/world.js";

const here = world();

/** In a page: block storage, as a browser that keeps nothing does. */
function blockStorage() {
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(globalThis, name, {
      get() {
        throw new DOMException("forbidden", "SecurityError");
      },
    });
  }
}

test("a browser that scans its own code again comes back to its seat", async () => {
  const desk = await here.desk();
  const link = await desk.opens("persistent");
  const phone = await here.phone(link);
  await phone.asksAndWaits();
  const number = await phone.number();
  const again = await here.phone(link, phone.page.context());
  await again.press("Use it here");
  await again.sees(/^Waiting for/);
  assert.equal(await again.number(), number);
  await phone.sees("Continued somewhere else");
  await desk.approves(again);
  await Promise.all([desk.isConnected(), again.isConnected()]);
  await again.page.close();
  const third = await here.phone(link, phone.page.context());
  await Promise.all([desk.isConnected(), third.isConnected()]);
  await third.says("scanned once more");
  await desk.sees("scanned once more");
});

test("a code that has the id of another session leads to no seat, and the page says so", async () => {
  const desk = await here.desk();
  const link = await desk.opens("persistent");
  const phone = await here.phone(link);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await phone.isConnected();
  const [, key] = /\.([^.]+)$/.exec(link);
  const forged = link.replace(key, `${key[0] === "A" ? "B" : "A"}${key.slice(1)}`);
  const again = await here.phone(forged, phone.page.context());
  await again.sees("Something was changed on its way");
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("a copied key ends the session once both have been used, and both sides hear why", async () => {
  const { desk, phone } = await here.pair("persistent");
  const key = `proxim.guest.${here.node.url}`;
  const copy = await phone.page.evaluate((name) => localStorage.getItem(name), key);
  for (let count = 0; count < 2; count += 1) {
    await phone.page.reload();
    await Promise.all([desk.isConnected(), phone.isConnected()]);
  }
  const context = await here.context();
  await context.addInitScript(([name, seats]) => localStorage.setItem(name, seats), [key, copy]);
  const thief = await here.phone(`${here.node.url}/join`, context);
  const words = "was used twice. Perhaps somebody has copied it.";
  await Promise.all([thief.sees(words), phone.sees(words), desk.ended(words)]);
});

test("blocked storage is said before a person chooses, and before a guest asks", async () => {
  const blocked = await here.context();
  await blocked.addInitScript(blockStorage);
  const desk = await here.desk(blocked);
  const words = "This browser blocks the storage of this page.";
  await desk.sees(words);
  const other = await here.context();
  await other.addInitScript(blockStorage);
  const phone = await here.phone(await desk.opens("persistent"), other);
  await phone.sees(words);
  const open = await here.desk();
  assert.ok(!(await open.page.getByText(words).isVisible()));
});

test("a link with parameters that an app has added works", async () => {
  const desk = await here.desk();
  const link = await desk.opens("persistent");
  const phone = await here.phone(link.replace("/join#", "/join?fbclid=x#"));
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});
