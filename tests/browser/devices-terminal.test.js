// Known devices between the browser SDK and a command in a terminal, either of which may be the host.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { SdkGuest, SdkHost } from "./lib/sdk.js";
import { Site } from "./lib/site.js";
import { Terminal } from "./lib/terminal.js";
import { world } from "./lib/world.js";

const here = world();
const terminals = [];
let site, home;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "proxim-devices-"));
  site = await Site.open();
});
after(async () => {
  site.close();
  await rm(home, { recursive: true });
});
afterEach(() => {
  for (const each of terminals.splice(0)) each.stop();
});

function runs(...args) {
  const terminal = new Terminal(home, args);
  terminals.push(terminal);
  return terminal;
}

test("a page comes back to a host in a terminal", async () => {
  site.node = here.node;
  const host = runs("host", "--node", here.node.url, "--remember", "My phone");
  const phone = await SdkGuest.open(await here.context(), site);
  const code = await phone.asks((await host.event("session")).link);
  await host.event("prompt");
  host.types(code);
  assert.equal((await host.event("remembered")).device.name, "My phone");
  await phone.connects();
  host.types("/close");
  assert.equal(await host.exits(), 0);

  const waiting = runs("host", "--node", here.node.url, "--known-only");
  for (const words of ["once more", "and again"]) {
    await waiting.event("waiting");
    assert.equal(await phone.visits(), null);
    assert.equal((await waiting.event("visit")).device.name, "My phone");
    waiting.types("y");
    await phone.connects();
    await phone.does((words) => globalThis.guest.send(words), words);
    await waiting.event("chat", { text: words });
    waiting.types("/close");
    assert.equal(await phone.ends(), "closed");
  }
});

test("a command in a terminal comes back to a page", async () => {
  site.node = here.node;
  const desk = await SdkHost.open(await here.context(), site, { name: "Desk" });
  const link = here.node.url + (await desk.opens()).replace(/^.*(?=\/join#)/, "");
  const guest = runs("join", link, "--name", "Laptop", "--grants", join(home, "grants.json"));
  await desk.remembers((await guest.event("pending")).code, { name: "My laptop" });
  assert.equal((await guest.event("remembered")).host, "Desk");
  guest.types("/close");
  assert.equal(await guest.exits(), 0);

  for (const words of ["once more", "and again"]) {
    const visit = runs("join", "--to", "Desk", "--grants", join(home, "grants.json"));
    await desk.welcomes();
    await visit.event("result", { status: "approved" });
    await desk.does((words) => globalThis.visits.at(-1).session.send(words), words);
    await visit.event("chat", { text: words });
    visit.types("/close");
    assert.equal(await visit.exits(), 0);
    await desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 0));
  }
});
