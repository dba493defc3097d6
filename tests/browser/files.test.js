// Files over the data channel: complete, cancelled and interrupted.

import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { world } from "./lib/world.js";

const here = world();
const MEGA = 1024 * 1024;

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxim-files-"));
});
after(() => rm(folder, { recursive: true }));

/** Write a file of random bytes, and return its path and checksum. */
async function file(name, size) {
  const bytes = randomFillSync(Buffer.alloc(size));
  const path = join(folder, name);
  await writeFile(path, bytes);
  return { name, path, sum: createHash("sha256").update(bytes).digest("hex") };
}

/** Write a file that takes a while to send. */
async function bigFile(name) {
  const path = join(folder, name);
  await writeFile(path, "");
  await truncate(path, 200 * MEGA);
  return { name, path };
}

async function checksum(path) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}

async function saves(person, { name }) {
  await person.file(name).getByText("Complete, not saved yet").waitFor({ timeout: 120_000 });
  const [download] = await Promise.all([
    person.page.waitForEvent("download"),
    person.page.getByRole("link", { name: `Save ${name}` }).click(),
  ]);
  await person.file(name).getByText(/Complete$/).waitFor();
  assert.equal(download.suggestedFilename(), name);
  const path = join(folder, `saved-${name}`);
  await download.saveAs(path);
  return checksum(path);
}

test("50 MB arrive unchanged both ways at the same time", async () => {
  const { desk, phone } = await here.pair("one_time");
  const down = await file("from-the-desk.bin", 50 * MEGA);
  const up = await file("from-the-phone.bin", 50 * MEGA);
  await Promise.all([desk.sends(down.path), phone.sends(up.path)]);
  await Promise.all([desk.accepts(up.name), phone.accepts(down.name)]);
  await phone.says("the chat does not wait for files");
  await desk.sees("the chat does not wait for files");
  assert.equal(await saves(phone, down), down.sum);
  assert.equal(await saves(desk, up), up.sum);
  await desk.file(down.name).getByText("Sent ✓").waitFor();
});

test("an empty file and a file with HTML in its name arrive", async () => {
  const { desk, phone } = await here.pair("one_time");
  for (const [name, size] of [["empty.txt", 0], ["<b>&lt;script>.html", 5]]) {
    const each = await file(name, size);
    await phone.sends(each.path);
    await desk.accepts(name);
    await desk.file(name).getByText("Complete").waitFor();
  }
  assert.equal(await desk.page.locator("b").count(), 0);
});

test("a file waits for a yes, and no byte of it comes before", async () => {
  const { desk, phone } = await here.pair("one_time");
  const photo = await file("holiday.jpg", 4_200_000);
  const { name } = photo;
  await phone.sends(photo.path);
  const offer = desk.offer(name);
  await offer.waitFor();
  assert.match(await offer.textContent(), /^Linux PC wants to send holiday\.jpg, 4\.2 MB/);
  await phone.file(name).getByText("Waiting for the other device to accept it…").waitFor();
  assert.equal(await desk.file(name).count(), 0);
  await desk.accepts(name);
  assert.equal(await saves(desk, photo), photo.sum);
  await phone.file(name).getByText("Sent ✓").waitFor();
  assert.equal(await desk.page.locator(".offers").isVisible(), false);
});

test("a no is told to the sender, and nothing was sent", async () => {
  const { desk, phone } = await here.pair("one_time");
  const photo = await file("unwanted.jpg", 1000);
  await desk.sends(photo.path);
  await phone.offer(photo.name).getByText("Linux PC wants to send").waitFor();
  await phone.page.getByRole("button", { name: `Decline ${photo.name}` }).click();
  await phone.file(photo.name).getByText("You declined it.").waitFor();
  await desk.file(photo.name).getByText("The other device declined it.").waitFor();
  assert.equal(await phone.page.getByRole("link", { name: /^Save/ }).count(), 0);
});

test("a sender can take an offer back", async () => {
  const { desk, phone } = await here.pair("one_time");
  const photo = await file("mistake.jpg", 1000);
  await phone.sends(photo.path);
  await desk.offer(photo.name).waitFor();
  await phone.page.getByRole("button", { name: `Cancel ${photo.name}` }).click();
  await desk.file(photo.name).getByText("The other device cancelled it.").waitFor();
  assert.equal(await desk.page.locator(".offers").isVisible(), false);
});

test("several files can be accepted or declined at once, with the keyboard alone", async () => {
  const { desk, phone } = await here.pair("one_time");
  const files = await Promise.all(["a.txt", "b.txt", "c.txt"].map((name) => file(name, 1_000_000)));
  await phone.sends(...files.map(({ path }) => path));
  const { page } = desk;
  await page.getByRole("button", { name: "Accept all 3 (3.0 MB)" }).waitFor();
  await page.locator(".accept:not([aria-disabled])").first().focus();
  await page.keyboard.press("Enter");
  // The focus goes to the next question.
  await page.waitForFunction(() => document.activeElement.getAttribute("aria-label") === "Accept b.txt");
  await page.getByRole("button", { name: "Accept all 2 (2.0 MB)" }).press("Enter");
  await page.waitForFunction(() => document.activeElement.textContent.startsWith("Connected to"));
  for (const each of files) assert.equal(await saves(desk, each), each.sum);
  await phone.sends(...files.map(({ path }) => path));
  await page.getByRole("button", { name: "Decline all" }).click();
  for (const { name } of files) await phone.file(name).getByText("The other device declined it.").waitFor();
});

test("an offer that has just come or moved cannot be accepted for a moment", async () => {
  const { desk, phone } = await here.pair("one_time");
  const first = await file("first.txt", 10);
  const second = await file("second.txt", 10);
  await desk.page.evaluate(() => {
    globalThis.taken = [];
    new MutationObserver(() => {
      for (const button of document.querySelectorAll(".accept")) {
        globalThis.taken.push(button.getAttribute("aria-disabled"));
        button.click();
      }
    }).observe(document.querySelector(".offer-list"), { childList: true });
  });
  await phone.sends(first.path, second.path);
  await desk.offer(second.name).waitFor();
  assert.equal(await desk.page.locator(".offers li").count(), 2);
  // The first one goes, and the second one takes its place under the pointer.
  await desk.page.locator(".accept:not([aria-disabled])").first().waitFor();
  await phone.page.getByRole("button", { name: `Cancel ${first.name}` }).click();
  await desk.file(first.name).getByText("The other device cancelled it.").waitFor();
  await desk.offer(second.name).waitFor();
  assert.ok((await desk.page.evaluate(() => globalThis.taken)).every((each) => each === "true"));
  await desk.accepts(second.name);
  assert.equal(await saves(desk, second), second.sum);
});

for (const canceller of ["desk", "phone"]) {
  test(`when the ${canceller} cancels, both sides say so, and the next file arrives`, async () => {
    const people = await here.pair("one_time");
    const big = await bigFile(`big-${canceller}.bin`);
    await people.desk.sends(big.path);
    await people.phone.accepts(big.name);
    await people[canceller].page.getByRole("button", { name: `Cancel ${big.name}` }).click();
    for (const [name, person] of Object.entries(people)) {
      const words = name === canceller ? "You cancelled it." : "The other device cancelled it.";
      await person.file(big.name).getByText(words).waitFor();
    }
    const small = await file(`small-${canceller}.bin`, 1000);
    await people.desk.sends(small.path);
    await people.phone.accepts(small.name);
    assert.equal(await saves(people.phone, small), small.sum);
  });
}

test("a reload asks first only while a file is not saved", async () => {
  const { desk, phone } = await here.pair("persistent");
  const asked = [];
  desk.page.on("dialog", async (dialog) => {
    asked.push(dialog.type());
    await dialog.dismiss();
  });
  // A browser asks only if a person has used the page, so the test clicks first. The page reloads itself,
  // because Playwright would wait for a reload that does not happen.
  const reloads = async () => {
    await desk.page.locator(".talk").click();
    await desk.page.evaluate(() => void setTimeout(() => location.reload()));
  };
  const small = await file("precious.txt", 1000);
  await phone.sends(small.path);
  await desk.offer(small.name).waitFor();
  // Nothing is lost with a file that nobody has accepted.
  await Promise.all([desk.page.waitForEvent("load"), reloads()]);
  assert.deepEqual(asked, []);
  await phone.file(small.name).getByText("Interrupted").waitFor();
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  await phone.sends(small.path);
  await desk.accepts(small.name);
  await desk.file(small.name).getByText("Complete").waitFor();
  await Promise.all([desk.page.waitForEvent("dialog"), reloads()]);
  assert.deepEqual(asked, ["beforeunload"]);
  assert.equal(await saves(desk, small), small.sum);
  await Promise.all([desk.page.waitForEvent("load"), reloads()]);
  assert.deepEqual(asked, ["beforeunload"]);
});

test("a reload during a transfer is an interruption", async () => {
  const { desk, phone } = await here.pair("persistent");
  const big = await bigFile("broken-off.bin");
  await phone.sends(big.path);
  await desk.accepts(big.name);
  await desk.file(big.name).getByText("Receiving").waitFor();
  await desk.page.reload();
  await phone.file(big.name).getByText("Interrupted").waitFor();
});

test("the end of a session interrupts files on both sides, offered or not", async () => {
  const { desk, phone } = await here.pair("persistent");
  const big = await bigFile("too-late.bin");
  const small = await file("not-answered.txt", 10);
  await phone.sends(big.path);
  await desk.accepts(big.name);
  await phone.sends(small.path);
  await desk.offer(small.name).waitFor();
  await desk.press("End connection");
  await desk.sees("A file is not complete yet. It stops on both devices.");
  await desk.press("Keep connected");
  assert.ok(await phone.page.getByRole("button", { name: "End connection" }).isVisible());
  await desk.press("End connection");
  await desk.press("End it now");
  for (const [person, why] of [[desk, "Stopped: you ended the connection."], [phone, "Stopped: the other device ended the connection."]]) {
    for (const { name } of [big, small]) await person.file(name).getByText(why).waitFor();
    assert.equal(await person.page.locator(".offers").isVisible(), false);
    assert.equal(await person.page.getByRole("button", { name: "Cancel" }).count(), 0);
  }
});

test("the question before the end closes once the file is complete, or the connection is over", async () => {
  for (const isOver of [false, true]) {
    const { desk, phone } = await here.pair("persistent");
    const small = await file(`in-question-${isOver}.txt`, 10);
    // The file is not complete before the page has looked whether there is room for it.
    await desk.page.evaluate(() => {
      const { arrayBuffer } = Blob.prototype;
      const released = new Promise((resolve) => (globalThis.release = resolve));
      Blob.prototype.arrayBuffer = async function () {
        await released;
        return arrayBuffer.call(this);
      };
    });
    await phone.sends(small.path);
    await desk.accepts(small.name);
    await desk.file(small.name).getByText("Receiving").waitFor();
    await desk.press("End connection");
    await desk.sees("A file is not complete yet.");
    if (isOver) {
      await phone.press("End connection");
      await phone.press("End it now");
      await desk.ended("The other device ended it.");
    } else {
      await desk.page.evaluate(() => globalThis.release());
      await desk.file(small.name).getByText("Complete").waitFor();
    }
    await desk.page.getByRole("dialog").waitFor({ state: "hidden" });
    assert.equal(await desk.page.getByRole("dialog").count(), 0);
    if (!isOver) await desk.isConnected();
  }
});

test("a conversation with a file that is not saved asks before it goes", async () => {
  const { desk, phone } = await here.pair("one_time");
  const small = await file("precious-too.txt", 1000);
  await phone.sends(small.path);
  await desk.accepts(small.name);
  await desk.file(small.name).getByText("Complete").waitFor();
  await desk.press("End connection");
  await desk.press("Dismiss");
  await desk.sees("Discard the received files?");
  await desk.press("Keep them");
  assert.equal(await saves(desk, small), small.sum);
  await desk.press("Dismiss");
  await desk.page.locator(".bench").waitFor({ state: "detached" });
});

test("a file dropped beside the field does not replace the page", async () => {
  const { desk } = await here.pair("one_time");
  const isTaken = (type, file) =>
    desk.page.evaluate(
      ([type, file]) => {
        const dataTransfer = new DataTransfer();
        if (file) dataTransfer.items.add(new File(["x"], "x.html"));
        else dataTransfer.setData("text/plain", "words");
        const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
        document.querySelector("header").dispatchEvent(event);
        return event.defaultPrevented;
      },
      [type, file],
    );
  assert.deepEqual([await isTaken("dragover", true), await isTaken("drop", true)], [true, true]);
  assert.equal(await isTaken("drop", false), false);
});

test("a screen reader announces how a transfer ended, but not its progress", async () => {
  const { desk, phone } = await here.pair("one_time");
  const big = await bigFile("announced.bin");
  await phone.sends(big.path);
  await desk.accepts(big.name);
  await desk.file(big.name).getByText("Receiving").waitFor();
  assert.equal(await desk.file(big.name).getByRole("status").count(), 0);
  await phone.page.getByRole("button", { name: `Cancel ${big.name}` }).click();
  await desk.file(big.name).getByRole("status").getByText("The other device cancelled it.").waitFor();
});
