// A phone's page and a command in a terminal: `host`, `receive` and `send`.

import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { Terminal } from "./lib/terminal.js";
import { world } from "./lib/world.js";

const here = world();
const terminals = [];

let home;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "proxim-terminal-"));
});
after(() => rm(home, { recursive: true }));
afterEach(() => {
  for (const each of terminals.splice(0)) each.stop();
});

/** Write a file of random bytes. */
async function file(name, size) {
  const bytes = randomFillSync(Buffer.alloc(size));
  const path = join(home, name);
  await writeFile(path, bytes);
  return { name, path, bytes };
}

/** Start a command that opens a session, and return it and its link. */
async function opens(command, ...args) {
  return started([command, "--node", here.node.url, ...args]);
}

async function started(args, environment) {
  const terminal = new Terminal(home, args, environment);
  terminals.push(terminal);
  const { link } = await terminal.event("session");
  return { terminal, link };
}

/** Return a phone that the terminal has approved. */
async function pairs(terminal, link) {
  const phone = await here.phone(link);
  await phone.asksAndWaits("My phone");
  await terminal.approves(phone);
  return phone;
}

/** Save a file that a page has received, and return its bytes. */
async function saves(person, name) {
  await person.file(name).getByText("Complete").waitFor();
  const [download] = await Promise.all([
    person.page.waitForEvent("download"),
    person.page.getByRole("link", { name: `Save ${name}` }).click(),
  ]);
  const path = join(home, `saved-${name}`);
  await download.saveAs(path);
  return readFile(path);
}

async function theyTalk(terminal, phone, by) {
  terminal.types("hello, phone");
  await phone.sees("hello, phone");
  await phone.says("hello, terminal");
  assert.equal((await terminal.event("chat", { text: "hello, terminal" })).by, by);
}

test("a photo goes from the phone to the terminal's folder, and one comes back", async () => {
  const folder = join(home, "received");
  const { terminal, link } = await opens("host", "--save-to", folder);
  const phone = await pairs(terminal, link);
  await Promise.all([phone.isConnected(), terminal.event("channel", { open: true })]);
  await theyTalk(terminal, phone, "channel");
  const photo = await file("holiday.jpg", 4_200_000);
  await phone.sends(photo.path);
  const offer = await terminal.event("file", { state: "offer" });
  assert.deepEqual([offer.name, offer.size, offer.type], ["holiday.jpg", 4_200_000, "image/jpeg"]);
  assert.deepEqual(await readdir(folder).catch(() => []), []);
  terminal.types("y");
  const { path } = await terminal.event("file", { state: "stored" });
  assert.equal(path, join(folder, "holiday.jpg"));
  assert.ok(photo.bytes.equals(await readFile(path)));
  await phone.file("holiday.jpg").getByText("Sent ✓").waitFor();
  const answer = await file("answer.png", 1_000_000);
  terminal.types(`/send ${answer.path}`);
  await phone.accepts("answer.png");
  await terminal.event("file", { state: "sent" });
  assert.ok(answer.bytes.equals(await saves(phone, "answer.png")));
  await phone.sends(photo.path);
  await terminal.event("file", { state: "offer" });
  terminal.types("n");
  await phone.file("holiday.jpg").getByText("The other device declined it.").waitFor();
  terminal.types("/close");
  await phone.sees("The other device ended it.");
  assert.equal(await terminal.exits(), 0);
});

test("a terminal that receives one photo ends by itself", async () => {
  const folder = join(home, "once");
  const { terminal, link } = await opens("receive", "--once", "--yes", "--save-to", folder);
  const phone = await pairs(terminal, link);
  const photo = await file("once.jpg", 100_000);
  await phone.sends(photo.path);
  await phone.sees("The other device had finished, and ended it.");
  assert.equal(await terminal.exits(), 0);
  assert.ok(photo.bytes.equals(await readFile(join(folder, "once.jpg"))));
});

test("a terminal sends files to the phone, and ends by itself", async () => {
  const files = [await file("first.jpg", 200_000), await file("second.jpg", 0)];
  const { terminal, link } = await opens("send", ...files.map(({ path }) => path));
  const phone = await pairs(terminal, link);
  for (const { name } of files) await phone.accepts(name);
  await phone.sees("The other device had finished, and ended it.");
  assert.equal(await terminal.exits(), 0);
  for (const { name, bytes } of files) assert.ok(bytes.equals(await saves(phone, name)));
});

test("a terminal hears that the phone declines", async () => {
  const photo = await file("unwanted.jpg", 1000);
  const { terminal, link } = await opens("send", photo.path);
  const phone = await pairs(terminal, link);
  await phone.page.getByRole("button", { name: `Decline ${photo.name}` }).click();
  await terminal.event("file", { state: "declined" });
  assert.equal(await terminal.exits(), 1);
});

test("a phone that reloads its page connects again", async () => {
  const { terminal, link } = await opens("host", "--type", "persistent", "--take-files");
  const phone = await pairs(terminal, link);
  await terminal.event("channel", { open: true });
  await phone.isConnected();
  await phone.page.reload();
  await terminal.event("channel", { open: true });
  await phone.isConnected();
  await theyTalk(terminal, phone, "channel");
  const photo = await file("after.jpg", 100_000);
  await phone.sends(photo.path);
  const { path } = await terminal.event("file", { state: "stored" });
  assert.ok(photo.bytes.equals(await readFile(path)));
  await phone.press("End connection");
  assert.equal((await terminal.event("ended")).end, "left");
});

test("a terminal without WebRTC chats through the server, and both say so", async () => {
  const path = join(home, "path");
  await mkdir(path);
  await writeFile(join(path, "sitecustomize.py"), "import sys\nsys.modules['aiortc'] = None\n");
  const { terminal, link } = await started(["host", "--node", here.node.url], { PYTHONPATH: path });
  const phone = await pairs(terminal, link);
  assert.equal((await terminal.event("channel")).open, false);
  await phone.sees("Messages go through the server, sealed.");
  await theyTalk(terminal, phone, "signal");
});
