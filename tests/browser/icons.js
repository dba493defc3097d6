// Draws proxim/web/pages/icon.svg as PNG, for systems that put it on their home screen.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch } from "./lib/browser.js";

const SIZES = [192, 512];
const place = (name) => fileURLToPath(new URL(`../../proxim/web/pages/${name}`, import.meta.url));

const icon = await readFile(place("icon.svg"), "utf8");
// The system rounds the corners itself, each in its own way.
const square = icon.replace(' rx="8"', "");
const browser = await launch();
try {
  for (const size of SIZES) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(`<style>body { margin: 0 } svg { display: block; width: 100vw }</style>${square}`);
    await page.screenshot({ path: place(`icon-${size}.png`) });
  }
} finally {
  await browser.close();
}
