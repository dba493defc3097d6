// The page on a phone: the number, the conversation, and what helps after an error.

import assert from "node:assert/strict";
import { test } from "node:test";
import { problems, text } from "../../proxim/web/pages/text.js";
import { withoutSeal } from "./lib/plain.js";
import { world } from "./lib/world.js";

const here = world();
const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };

/** Return a desktop and a phone with a touch screen that are connected. */
async function pairs() {
  const desk = await here.desk();
  const phone = await here.phone(await desk.opens("persistent"), await here.context(PHONE));
  await phone.asksAndWaits();
  await phone.sees("Type this number on the other device, and press “Approve” there.");
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  return { desk, phone };
}

/** Check that the conversation fills the screen, and that the page itself does not scroll. */
async function fills({ page }) {
  await page.evaluate(() => new Promise(requestAnimationFrame));
  const { bottom, tall, wide, talk } = await page.evaluate(() => ({
    bottom: document.querySelector(".say").getBoundingClientRect().bottom,
    tall: document.documentElement.scrollHeight - innerHeight,
    wide: document.documentElement.scrollWidth - innerWidth,
    talk: document.querySelector(".talk").clientHeight,
  }));
  const height = await page.evaluate(() => innerHeight);
  assert.ok(tall <= 0 && wide <= 0, `${wide} by ${tall} px too large`);
  assert.ok(bottom > height - 60 && bottom <= height, `the field ends at ${bottom} of ${height}`);
  assert.ok(talk > 60, `${talk} px for the conversation`);
}

test("the conversation fills the screen, upright and across", async () => {
  const { desk, phone } = await pairs();
  await fills(phone);
  await phone.page.setViewportSize({ width: 780, height: 360 });
  await fills(phone);
  for (let count = 0; count < 30; count += 1) await desk.says(`line ${count}`);
  await phone.sees("line 29");
  await fills(phone);
  const isAtEnd = ({ scrollTop, clientHeight, scrollHeight }) => scrollHeight - scrollTop - clientHeight < 5;
  const talk = phone.page.locator(".talk");
  await phone.page.waitForFunction((each) => each.scrollHeight - each.scrollTop - each.clientHeight < 5, await talk.elementHandle());
  assert.ok(await talk.evaluate(isAtEnd));
});

test("on the narrowest screen the field for a message has a row of its own", async () => {
  const { phone } = await pairs();
  await phone.page.setViewportSize({ width: 320, height: 568 });
  await fills(phone);
  const { width } = await phone.page.getByLabel("Message").boundingBox();
  assert.ok(width > 240, `${width} px for a message`);
});

test("a guest that can come back learns how", async () => {
  const { desk, phone } = await pairs();
  await phone.press("About this connection");
  await phone.sees("Both devices can leave and come back. To come back, open this page again.");
  await phone.page.reload();
  await phone.isConnected();
  await phone.press("About this connection");
  await desk.press("End connection");
  await phone.sees("The other device ended it.");
  assert.equal(await phone.page.getByText("Both devices can leave and come back.").count(), 0);
});

test("a guest cancels its request while it waits, and learns how to ask again", async () => {
  const desk = await here.desk();
  const phone = await here.phone(await desk.opens("persistent"), await here.context(PHONE));
  await phone.asksAndWaits("Zoe's phone");
  await phone.number();
  await phone.press("Cancel");
  await phone.page.getByRole("heading", { name: "Request cancelled" }).waitFor();
  await phone.sees(/Nothing was shared, except the name .* scan a new code on the other device/);
  assert.equal(await phone.page.locator("#seats").isVisible(), false);
  // A reload neither asks again nor waits for the answer.
  await phone.page.reload();
  await phone.sees("Scan a code first");
});

for (const type of ["one_time", "temporary", "persistent"]) {
  test(`the host of a ${type} connection is told at once that the device has cancelled its request`, async () => {
    const desk = await here.desk();
    const phone = await here.phone(await desk.opens(type), await here.context(PHONE));
    await phone.asksAndWaits("Zoe's phone");
    await desk.isAskedBy("Zoe's phone");
    await phone.press("Cancel");
    // If the prompt had timed out, the words would be others.
    await desk.sees("The device cancelled its request, or disconnected. This is a new code.");
    await desk.ended("The device cancelled its request, or disconnected.");
  });
}

test("a conversation that has ended is as high as what is in it", async () => {
  const { desk, phone } = await pairs();
  const heightOf = async () => (await desk.page.locator(".bench").boundingBox()).height;
  assert.ok((await heightOf()) > 600);
  await phone.press("End connection");
  await desk.sees("The connection has ended.");
  assert.ok((await heightOf()) < 250, `${await heightOf()} px`);
});

test("a message has several lines, and a link that opens without access to the page", async () => {
  const { desk, phone } = await pairs();
  const field = phone.page.getByLabel("Message");
  await field.fill("See https://example.org/album.");
  // On a screen keyboard Enter begins a line.
  await field.press("Enter");
  await field.pressSequentially("<b>Bye</b> https://bank.example@evil.example/");
  await phone.press("Send");
  const link = desk.page.locator(".talk a");
  await link.waitFor();
  assert.equal(await link.count(), 1);
  assert.equal(await link.getAttribute("href"), "https://example.org/album");
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
  assert.match(await desk.page.locator(".talk p").last().textContent(), /album\.\n<b>Bye<\/b> https:\/\/bank/);
  // With a keyboard Enter sends, and Shift and Enter begin a line.
  const own = desk.page.getByLabel("Message");
  await own.fill("one");
  await own.press("Shift+Enter");
  await own.pressSequentially("two");
  await own.press("Enter");
  await phone.page.locator(".talk p", { hasText: "one" }).waitFor();
  assert.match(await phone.page.locator(".talk p").last().textContent(), /one\ntwo$/);
});

test("a phone has buttons for files and for the camera, and the path stands behind a button", async () => {
  const { desk, phone } = await pairs();
  assert.ok(await phone.page.locator(".picker.clip").isVisible());
  assert.ok(await phone.page.locator(".picker.camera").isVisible());
  assert.ok(!(await desk.page.locator(".picker.camera").isVisible()));
  assert.equal(await phone.page.getByText(/Round trip/).isVisible(), false);
  await phone.press("About this connection");
  await phone.sees(/Round trip/);
  await phone.page.locator('input[capture="environment"]').setInputFiles({ name: "photo.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(9) });
  await desk.accepts("photo.jpg");
  await phone.file("photo.jpg").getByText("Sent ✓").waitFor();
});

test("the screen stays on while a file crosses", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    globalThis.locks = [];
    const request = async () => {
      globalThis.locks.push("on");
      return { release: async () => globalThis.locks.push("off") };
    };
    Object.defineProperty(Navigator.prototype, "wakeLock", { get: () => ({ request }) });
  });
  const desk = await here.desk();
  const phone = await here.phone(await desk.opens("one_time"), context);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await phone.page.locator('input[type="file"]:not([capture])').setInputFiles({ name: "a.bin", mimeType: "", buffer: Buffer.alloc(1000) });
  await desk.offer("a.bin").waitFor();
  assert.deepEqual(await phone.page.evaluate(() => globalThis.locks), []);
  await desk.accepts("a.bin");
  await phone.file("a.bin").getByText("Sent ✓").waitFor();
  assert.deepEqual(await phone.page.evaluate(() => globalThis.locks), ["on", "off"]);
});

test("an error has a drawing, and where the browser can scan a button that does so", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    globalThis.BarcodeDetector = class {
      async detect() {
        return globalThis.codes ?? [];
      }
    };
  });
  const desk = await here.desk();
  const phone = await here.phone(`${here.node.url}/join`, context);
  await phone.sees("Scan a code first");
  await phone.page.locator("#over-picture svg").waitFor();
  await phone.press("Scan a code");
  await phone.sees("Hold the camera at the code");
  await phone.page.evaluate(() => (globalThis.codes = [{ rawValue: "https://evil.example/join#aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbb" }]));
  await phone.sees("That code is not for this server.");
  const link = await desk.opens("one_time");
  await phone.page.evaluate((rawValue) => (globalThis.codes = [{ rawValue }]), link);
  await phone.asksAndWaits();
  await desk.approves(phone);
  await phone.isConnected();
});

const AGAIN = ["Try again"];
const SCAN = ["Scan a code", "Paste its link instead"];
const ANOTHER_STEP = { not_registered: ["Reload the page"], other: ["Reload the page"], nonsense: ["Reload the page"] };
const SCANS = [
  "token_used", "link_lapsed", "unknown_session", "not_approved", "already_decided", "not_allowed", "code_required",
  "wrong_code", "session_ended", "invalid_link", "tampered",
];

test("every error of a guest has a drawing, and buttons that do the next thing", async () => {
  const desk = await here.desk(await withoutSeal(await here.context()));
  const link = await desk.opens("persistent");
  const context = await here.context();
  await context.addInitScript(() => (globalThis.BarcodeDetector = class {}));
  let answer = () => {};
  await context.routeWebSocket(/\/ws$/, (near) => {
    const far = near.connectToServer();
    near.onMessage((message) => {
      const { type, ref, session_id } = JSON.parse(message);
      const send = (fields) => near.send(JSON.stringify({ session_id, ...fields }));
      if (type === "pair_request") answer(send, ref, near);
      else far.send(message);
    });
  });
  const pending = (send, ref) => send({ type: "pair_pending", ref, resume_token: "r".repeat(22), expires_in: 60 });
  const codes = [...Object.keys(problems.guest), ...Object.keys(problems.both), "nonsense"].filter((code) => code !== "replaced");
  const ends = Object.keys(text.reasons).filter((reason) => reason !== "cancelled");
  const cases = [
    ...codes.map((code) => [code, ANOTHER_STEP[code] ?? (SCANS.includes(code) ? SCAN : AGAIN), (send, ref) => send({ type: "error", ref, code, message: "" })]),
    ...ends.map((reason) => [reason, SCAN, (send, ref) => {
      pending(send, ref);
      send({ type: "session_ended", status: "expired", reason });
    }]),
    ["replaced", ["Use it here"], (send, ref, near) => {
      pending(send, ref);
      near.close({ code: 4000 });
    }],
  ];
  const phone = await here.phone(link, context);
  const buttons = phone.page.locator("#over-action").getByRole("button");
  for (const [what, names, reply] of cases) {
    answer = reply;
    await phone.page.goto("about:blank");
    await phone.page.goto(link);
    await phone.asks();
    await buttons.first().waitFor();
    assert.deepEqual(await buttons.allTextContents(), names, what);
    assert.ok(await phone.page.locator("#over-picture svg").isVisible(), what);
    if (names === SCAN) continue;
    await buttons.first().click();
    // A reload and another try begin with the same link, which was not used.
    if (what !== "replaced") await phone.page.locator("#asking").waitFor();
  }
});

test("a page that cannot scan has no button for it, but takes a link", async () => {
  const desk = await here.desk();
  const phone = await here.phone(`${here.node.url}/join`);
  await phone.sees("Scan a code first");
  assert.deepEqual(await phone.page.getByRole("button").allTextContents(), ["Paste its link instead"]);
  await phone.press("Paste its link instead");
  const link = await desk.opens("one_time");
  for (const wrong of ["", "hello", link.slice(0, -5), link.replace(/:\d+/, ":1")]) {
    await phone.page.getByLabel("Link from the other device").fill(wrong);
    await phone.press("Open the link");
    await phone.sees("This is not a whole link of this server.");
    await phone.page.getByLabel("Link from the other device").fill("");
  }
  await phone.page.getByLabel("Link from the other device").fill(` ${link} `);
  await phone.press("Open the link");
  await phone.asksAndWaits();
  await desk.approves(phone);
  await phone.isConnected();
});

test("a second tab asks before it takes a connection over", async () => {
  const { desk, phone } = await pairs();
  const second = await here.phone(`${here.node.url}/join`, phone.page.context());
  await second.sees("Another tab uses this connection");
  await phone.says("still here");
  await desk.sees("still here");
  await second.press("Use it here");
  await phone.sees("Continued somewhere else");
  await Promise.all([desk.isConnected(), second.isConnected()]);
  await phone.press("Use it here");
  await second.sees("Continued somewhere else");
});

test("the guest sends nothing before it asks, and WebRTC does not start before the approval", async () => {
  const desk = await here.desk();
  await desk.opens("one_time");
  const context = await here.context();
  await context.addInitScript(() => {
    globalThis.made = [];
    for (const name of ["WebSocket", "RTCPeerConnection"]) {
      const Real = globalThis[name];
      globalThis[name] = class extends Real {
        constructor(...args) {
          super(...args);
          globalThis.made.push(name);
        }
      };
    }
  });
  const phone = await here.phone(await desk.link(), context);
  const made = () => phone.page.evaluate(() => globalThis.made);
  await phone.sees("This page has sent nothing yet.");
  assert.deepEqual(await made(), []);
  await phone.asksAndWaits();
  assert.deepEqual(await made(), ["WebSocket"]);
  await desk.approves(phone);
  await phone.isConnected();
  assert.deepEqual(await made(), ["WebSocket", "RTCPeerConnection"]);
});

test("path and round-trip time are shown while connected", async () => {
  const { desk, phone } = await here.pair("one_time");
  for (const person of [desk, phone]) {
    await person.press("About this connection");
    await person.sees(/^Direct$/);
    assert.match(await person.page.locator(".about p").first().textContent(), /^Direct What you send goes straight to the other device.$/);
    await person.sees(/Round trip (under )?\d+ ms/);
    const line = person.page.locator(".spark polyline");
    await person.page.waitForFunction(
      (each) => each.getAttribute("points").split(" ").length > 2,
      await line.elementHandle(),
    );
  }
});

test("the pages work on plain http", async () => {
  const context = await here.context();
  await context.addInitScript(() => {
    for (const name of ["subtle", "randomUUID"]) {
      Object.defineProperty(Crypto.prototype, name, { value: undefined });
    }
    Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined });
    Object.defineProperty(globalThis, "isSecureContext", { value: false });
  });
  const desk = await here.desk(context);
  await desk.opens("one_time");
  await desk.pressesBehind("Copy link");
  await desk.sees("Copied");
  const phone = await here.phone(await desk.link());
  await phone.asksAndWaits();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});
