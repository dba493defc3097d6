// Debian's Chromium, driven by Playwright.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Two pages of one machine cannot resolve each other's mDNS names. A spare renderer costs as much as a
  // used one.
  "--disable-features=WebRtcHideLocalIpsWithMdns,SpareRendererForSitePerProcess",
  // A camera that shows a test picture, with permission.
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

const OPTIONS = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS };

/** @param {string[]} flags More of them. */
export const launch = (...flags) => chromium.launch({ ...OPTIONS, args: [...FLAGS, ...flags] });

/** Launch a browser whose process the test can stop. */
export async function launchServer() {
  const server = await chromium.launchServer(OPTIONS);
  return { server, browser: await chromium.connect(server.wsEndpoint()) };
}

/**
 * What a phone's camera does: read the QR code off the screen.
 * @param {import("playwright-core").Page} page
 */
export async function scan(page) {
  const folder = await mkdtemp(join(tmpdir(), "proxim-scan-"));
  try {
    const file = join(folder, "screen.png");
    await writeFile(file, await page.screenshot());
    const { stdout } = await promisify(execFile)("zbarimg", ["--quiet", "--raw", file]);
    return stdout.trim();
  } finally {
    await rm(folder, { recursive: true });
  }
}
