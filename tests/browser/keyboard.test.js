// The focus, for people with a keyboard or a screen reader, and the contrast of placeholders.

import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./lib/world.js";

const here = world();

/** Wait until the element with this text has the focus. */
const hasFocusOn = ({ page }, words) =>
  page.waitForFunction((expected) => document.activeElement.textContent.startsWith(expected), words);

test("the focus follows what the host page shows", async () => {
  const desk = await here.desk();
  await desk.opens("persistent");
  await hasFocusOn(desk, "Connect a device");
  await desk.closesCode();
  await hasFocusOn(desk, "Connect a device");
  const phone = await here.phone(await desk.opens("one_time"));
  await phone.asksAndWaits();
  await desk.hears();
  await desk.press("Decline");
  await desk.ended("The request was declined.");
  await desk.press("Clear");
  await hasFocusOn(desk, "Connect a device");
});

test("after the approval both sides have the focus in the workbench, and its title is announced", async () => {
  const { desk, phone } = await here.pair("persistent");
  await hasFocusOn(desk, "Connected to");
  await hasFocusOn(phone, "Connected to");
  // A ring around a heading would look like that of a field.
  await desk.page.keyboard.press("Shift");
  assert.equal(await desk.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  for (const { page } of [desk, phone]) {
    assert.equal(await page.locator(".bench h2").getAttribute("aria-live"), "polite");
  }
  await phone.press("End connection");
  await phone.sees("The connection has ended");
  await desk.press("Dismiss");
  await hasFocusOn(desk, "Connect another device");
});

test("a page that opens leaves the focus where it was", async () => {
  const desk = await here.desk();
  assert.equal(await desk.page.evaluate(() => document.activeElement === document.body), true);
});

for (const colorScheme of ["light", "dark"]) {
  test(`placeholders have enough contrast: ${colorScheme}`, async () => {
    const desk = await here.desk(await here.context({ colorScheme }));
    const contrast = await desk.page.evaluate(() => {
      const input = document.createElement("input");
      document.body.append(input);
      const light = (color) => {
        const [r, g, b] = color.match(/[\d.]+/g).map(Number).map((each) => each / 255);
        const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) + 0.05;
      };
      const both = [getComputedStyle(input, "::placeholder").color, getComputedStyle(input).backgroundColor].map(light);
      return Math.max(...both) / Math.min(...both);
    });
    // WCAG 2.2, 1.4.3
    assert.ok(contrast >= 4.5, String(contrast));
  });
}
