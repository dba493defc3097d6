// A call with sound, picture and a shared screen: the files of docs/howto/call.md as they stand.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, scan } from "./lib/browser.js";
import { APP, filesOf, Origins } from "./lib/origins.js";

const files = filesOf("howto/call.md");
assert.deepEqual(Object.keys(files), ["/desk.html", "/pair.html", "/call.js"]);
const complaints = [];
let origins, browser;

before(async () => {
  origins = await Origins.open(files, "--allow-origin", APP);
  // The fake interface chooses the screen, which is a test picture, too.
  browser = await launch(...origins.flags, "--autoplay-policy=no-user-gesture-required");
});
after(async () => {
  await browser?.close();
  await origins?.close();
});

async function open(url) {
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return page;
}

const tells = (page, words) => page.getByRole("status").getByText(words).waitFor();

/** Wait until so many videos of the other device play, with the tracks that they should have. */
async function plays(page, ...kinds) {
  await page.waitForFunction((wanted) => {
    const videos = [...document.querySelectorAll("video.other")];
    const playing = videos.filter(({ currentTime, videoWidth }) => currentTime > 0 && videoWidth > 0);
    const found = playing.map(({ srcObject }) => srcObject.getTracks().map(({ kind }) => kind).sort().join("+"));
    return JSON.stringify(found.sort()) === JSON.stringify(wanted);
  }, kinds.sort());
}

/** Wait until sound of the other device has energy: the fake microphone beeps. */
async function hears(page) {
  await page.waitForFunction(async () => {
    const [video] = document.querySelectorAll("video.other");
    const context = (globalThis.audio ??= new AudioContext());
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(video.srcObject).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    for (let tries = 0; tries < 30; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      analyser.getFloatTimeDomainData(samples);
      if (samples.some((sample) => Math.abs(sample) > 0.01)) return true;
    }
    return false;
  });
}

test("two people see and hear each other, and share their screens", async () => {
  const desk = await open(`${APP}/desk.html`);
  await tells(desk, "Scan the code");
  await desk.locator("#code").evaluate((image) => image.decode());
  const phone = await open(await scan(desk));
  await phone.getByRole("button", { name: "Join" }).click();
  const told = await phone.getByRole("status").getByText(/^Type \d{3} /).textContent();
  await desk.getByLabel("Number that the phone shows").fill(told.slice(5, 8));
  await desk.getByRole("button", { name: "Approve" }).click();
  await Promise.all([tells(desk, "Connected."), tells(phone, "Connected.")]);
  await Promise.all([plays(desk, "audio+video"), plays(phone, "audio+video")]);
  await Promise.all([hears(desk), hears(phone)]);

  // Both at the same moment: each side offers, and one of the offers yields.
  await Promise.all([desk, phone].map((page) => page.getByRole("button", { name: "Share the screen" }).click()));
  const sharing = async (page) => page.evaluate(() => {
    const own = [...document.querySelectorAll("video.own")].at(-1).srcObject;
    return own.getTracks().map(({ kind }) => kind).sort().join("+");
  });
  for (const page of [desk, phone]) await page.getByRole("button", { name: "Stop sharing" }).waitFor();
  await Promise.all([plays(desk, "audio+video", await sharing(phone)), plays(phone, "audio+video", await sharing(desk))]);

  await desk.getByRole("button", { name: "Stop sharing" }).click();
  await plays(phone, "audio+video");
  await phone.getByRole("button", { name: "End the call" }).click();
  await Promise.all([tells(desk, "The call has ended: closed"), tells(phone, "The call has ended: closed")]);
  for (const page of [desk, phone]) assert.equal(await page.locator("video").count(), 0);
  assert.deepEqual(complaints, []);
});
