// Takes a picture of every state of the pages, at phone and desktop width, light and dark.
//
//     node screenshots.js
//
// With LOOK=dark, for example, it takes those of one look only, and leaves the documentation alone.
// It writes them to build/screenshots, and those of the documentation to docs/images, too.

import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch } from "./lib/browser.js";
import { ProximNode } from "./lib/node.js";
import { Desk, Phone } from "./lib/people.js";

const place = (relative) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const FOLDER = place("build/screenshots");
const IMAGES = place("docs/images");
const SHOWN = [
  "light-host-2-code",
  "light-guest-1-ask",
  "light-host-3-question",
  "dark-guest-2-waiting",
  "dark-host-4-connected",
  "dark-guest-3-connected",
];
const DESKTOP = { viewport: { width: 1200, height: 820 }, deviceScaleFactor: 1 };
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2 };
const PHOTO = { name: "holiday.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(4_200_000, 7) };

/** Take the pictures of all states in one look. */
async function walk(node, browser, look, hostShape, guestShape) {
  const context = (shape) => browser.newContext({ ...shape, colorScheme: look.colorScheme });
  const shoot = async (person, name) => {
    await person.page.waitForTimeout(400);
    await person.page.screenshot({ path: `${FOLDER}/${look.name}-${name}.png` });
  };
  const deskContext = await context(hostShape);
  const desk = await Desk.at(node, deskContext);
  await desk.hasCode();
  await shoot(desk, "host-2-code");
  await desk.unfolds("Can’t scan?");
  await desk.unfolds("Keep connected longer…");
  await desk.page.screenshot({ path: `${FOLDER}/${look.name}-host-1-choose.png`, fullPage: true });
  await desk.opens("persistent");
  const phone = await Phone.opens(await desk.link(), await context(guestShape));
  await shoot(phone, "guest-1-ask");
  await phone.asksAndWaits("Ada’s phone");
  await shoot(phone, "guest-2-waiting");
  await desk.page.getByRole("dialog").waitFor();
  await shoot(desk, "host-3-question");
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await phone.says("Hi! Here are the pictures.");
  await phone.page.locator('input[type="file"]:not([capture])').setInputFiles([PHOTO, { ...PHOTO, name: "sunset.jpg" }]);
  await desk.offer(PHOTO.name).waitFor();
  await desk.page.waitForTimeout(700);
  await shoot(desk, "host-4-offer");
  await shoot(phone, "guest-3-offered");
  await desk.accepts(PHOTO.name);
  await desk.sees("Complete");
  await desk.page.getByRole("button", { name: "Decline sunset.jpg" }).click();
  await phone.sees("The other device declined it.");
  await desk.page.locator('input[type="file"]:not([capture])').setInputFiles({ ...PHOTO, name: "contract.pdf" });
  await phone.offer("contract.pdf").waitFor();
  await phone.page.waitForTimeout(700);
  await phone.offer("contract.pdf").scrollIntoViewIfNeeded();
  await shoot(phone, "guest-3-offer");
  await phone.accepts("contract.pdf");
  await desk.says("Got them, thank you.");
  await phone.sees("Got them, thank you.");
  await phone.says("They are at https://example.org/album, too.\nAnd two lines.");
  await desk.sees("And two lines.");
  await desk.press("About this connection");
  await desk.page.waitForTimeout(8_000);
  await shoot(desk, "host-4-connected");
  await shoot(phone, "guest-3-connected");

  await phone.page.setViewportSize({ width: 780, height: 360 });
  await shoot(phone, "guest-3-landscape");
  await phone.page.setViewportSize(guestShape.viewport);
  await desk.page.evaluate(() => scrollTo(0, 0));
  await desk.opens("one_time");
  const second = await Phone.opens(await desk.link(), await context(guestShape));
  await second.asksAndWaits("Unknown tablet");
  await desk.hears();
  await desk.press("Decline");
  await second.sees("Declined");
  await shoot(second, "guest-4-declined");
  const late = await Phone.opens(second.page.url(), await context(guestShape));
  await shoot(late, "guest-5-no-code");
  await late.press("Paste its link instead");
  await late.page.getByLabel("Link from the other device").fill("https://example.org");
  await late.press("Open the link");
  await shoot(late, "guest-5-paste");
  const scanning = await context(guestShape);
  await scanning.addInitScript(() => {
    globalThis.BarcodeDetector = class {
      detect = async () => [];
    };
  });
  const camera = await Phone.opens(`${node.url}/join`, scanning);
  await camera.sees("Scan a code first");
  await shoot(camera, "guest-5-scan-first");
  await camera.press("Scan a code");
  await camera.page.waitForFunction(() => document.querySelector("video").videoWidth > 0);
  await shoot(camera, "guest-5-scan");
  await desk.page.getByRole("button", { name: /^End the connection/ }).first().click();
  await desk.ended("You ended it.");
  await phone.sees("The other device ended it.");
  await shoot(desk, "host-5-ended");
  await shoot(phone, "guest-6-ended");
  await desk.press("Dismiss");
  await shoot(desk, "host-5-discard");
  await desk.press("Keep them");
  const other = new Desk(await deskContext.newPage());
  await other.page.goto(node.url);
  await other.sees("This page is open in another tab");
  await shoot(other, "host-6-second-tab");
  await other.press("Use it here");
  await desk.sees("This page is open somewhere else");
  await desk.page.evaluate(() => scrollTo(0, 0));
  await shoot(desk, "host-6-elsewhere");
  await other.page.close();
}

/** Take the pictures of two devices that chat through the server. */
async function goByServer(node, browser, look, hostShape, guestShape) {
  const desk = await Desk.at(node, await browser.newContext({ ...hostShape, ...look }));
  const link = await desk.opens("persistent");
  const context = await browser.newContext({ ...guestShape, ...look });
  await context.addInitScript(() => delete globalThis.RTCPeerConnection);
  const phone = await Phone.opens(link, context);
  await phone.asksAndWaits("Ada’s phone");
  await desk.approves(phone);
  await desk.sees("Messages go through the server");
  await phone.says("Can you read me?");
  await desk.says("Yes.");
  await phone.sees("Yes.");
  await desk.page.screenshot({ path: `${FOLDER}/${look.name}-host-8-server.png` });
  await phone.page.screenshot({ path: `${FOLDER}/${look.name}-guest-8-server.png` });
}

/** Take the pictures of an expired code, on both sides. */
async function expire(node, browser, look, hostShape, guestShape) {
  const desk = await Desk.at(node, await browser.newContext({ ...hostShape, ...look }));
  await desk.opens("one_time");
  await desk.pressesBehind("Pause refreshing");
  const link = await desk.link();
  await desk.page.locator(".code-face.stale").waitFor();
  await desk.page.evaluate(() => scrollTo(0, 0));
  await desk.page.screenshot({ path: `${FOLDER}/${look.name}-host-7-expired.png` });
  const phone = await Phone.opens(link, await browser.newContext({ ...guestShape, ...look }));
  await phone.asks();
  await phone.sees("This code has expired");
  await phone.page.screenshot({ path: `${FOLDER}/${look.name}-guest-7-expired.png` });
}

/** Take the pictures of a server that asks for a token, and of one that has gone. */
async function lose(browser, look, hostShape, guestShape) {
  const node = await ProximNode.start("--access-token", "open sesame");
  const context = await browser.newContext({ ...hostShape, ...look });
  const page = await context.newPage();
  await page.goto(node.url);
  await page.getByLabel("Access token").fill("wrong");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("This access token is wrong").waitFor();
  await page.screenshot({ path: `${FOLDER}/${look.name}-host-9-token.png` });
  await page.getByLabel("Access token").fill("open sesame");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.locator("#qr[src]").waitFor();
  const phone = await Phone.opens(await page.locator("#link").inputValue(), await browser.newContext({ ...guestShape, ...look }));
  await node.stop();
  await page.locator("#reach.off").waitFor();
  await page.locator("#cover:not([hidden])").waitFor();
  await page.screenshot({ path: `${FOLDER}/${look.name}-host-9-offline.png` });
  await phone.asks();
  await phone.sees("The server can’t be reached");
  await phone.page.screenshot({ path: `${FOLDER}/${look.name}-guest-9-offline.png` });
}

await mkdir(FOLDER, { recursive: true });
const browser = await launch();
try {
  const looks = [
    [{ name: "light", colorScheme: "light" }, DESKTOP, PHONE],
    [{ name: "dark", colorScheme: "dark" }, DESKTOP, PHONE],
    // The host may be the phone, too.
    [{ name: "swapped", colorScheme: "light" }, PHONE, DESKTOP],
  ];
  for (const look of looks.filter(([{ name }]) => [undefined, name].includes(process.env.LOOK))) {
    const node = await ProximNode.start();
    const quick = await ProximNode.start("--qr-ttl", "2");
    try {
      await walk(node, browser, ...look);
      await expire(quick, browser, ...look);
      await goByServer(node, browser, ...look);
      await lose(browser, ...look);
    } finally {
      await Promise.all([node.stop(), quick.stop()]);
    }
  }
} finally {
  await browser.close();
}
await mkdir(IMAGES, { recursive: true });
for (const name of process.env.LOOK ? [] : SHOWN) await copyFile(`${FOLDER}/${name}.png`, `${IMAGES}/${name}.png`);
