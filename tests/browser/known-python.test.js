// Known devices: a browser and a Python program know each other, at either side (docs/howto/devices.md).

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { PythonProgram } from "./lib/python.js";
import { SdkGuest, SdkHost } from "./lib/sdk.js";
import { Site } from "./lib/site.js";
import { world } from "./lib/world.js";

const here = world();
const programs = [];
let site, folder;

before(async () => {
  site = await Site.open();
  folder = await mkdtemp(join(tmpdir(), "proxim-devices-"));
});
after(async () => {
  site.close();
  await rm(folder, { recursive: true });
});
afterEach(() => programs.splice(0).forEach((program) => program.kill()));

function program(name, ...args) {
  const made = new PythonProgram(`docs/examples/${name}.py`, ...args);
  programs.push(made);
  return made;
}

test("a browser pairs with a Python host once, and comes again after both and the node were restarted", async () => {
  site.node = here.node;
  let desk = program("device_host", here.node.url, folder);
  const phone = await SdkGuest.open(await here.context(), site);
  // The link names the node itself, which the page reaches through the site.
  const link = await desk.prints("Open ");
  desk.does(await phone.asks(link.replace(here.node.url, site.url)));
  await phone.does(() => globalThis.guest.approved);
  await phone.does(() => globalThis.guest.close());
  await desk.prints("Waiting for My phone");
  for (let count = 0; count < 2; count += 1) {
    desk.kill();
    await desk.gone;
    await here.node.crash();
    desk = program("device_host", here.node.url, folder);
    await desk.prints("Waiting for My phone");
    await phone.load();
    assert.equal(await phone.visits(), null);
    await desk.prints("My phone is here again.");
    desk.does("y");
    await phone.does(() => globalThis.guest.approved);
    await phone.does((count) => globalThis.guest.send(`visit ${count}`), count);
    await desk.prints(`guest: 'visit ${count}'`);
    await phone.does(() => globalThis.guest.close());
  }
});

test("a Python guest pairs with a page once, and comes again after both and the node were restarted", async () => {
  site.node = here.node;
  const file = join(folder, "grants.json");
  const desk = await SdkHost.open(await here.context(), site);
  const link = await desk.opens();
  const first = program("device_guest", file, link.replace(site.url, here.node.url));
  await desk.remembers((await first.prints("The host asks for this number: ")).trim(), { name: "My program", days: 30 });
  await first.prints("Linux PC knows this device");
  assert.equal(await first.gone, 0);
  for (let count = 0; count < 2; count += 1) {
    await here.node.crash();
    await desk.reloads();
    const again = program("device_guest", file);
    await desk.welcomes();
    await desk.hears("hello");
    assert.equal(await again.gone, 0);
  }
  const [{ id }] = await desk.devices();
  await desk.does((id) => globalThis.host.forget(id), id);
  assert.equal(await program("device_guest", file).gone, 1);
});
