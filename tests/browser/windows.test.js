// The examples with a window, and a phone.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PythonWindow } from "./lib/window.js";
import { world } from "./lib/world.js";

const here = world();

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "proxim-windows-"));
});
after(() => rm(folder, { recursive: true }));

for (const example of ["qt_host.py", "tk_host.py"]) {
  test(`${example}: a phone chats and sends a photo, and the next one finds a new code`, async (t) => {
    const home = await mkdtemp(join(folder, "home-"));
    const photo = randomBytes(4_200_000);
    await writeFile(join(folder, "holiday.jpg"), photo);
    const window = await PythonWindow.opens(example, home);
    t.after(() => window.kill());

    const phone = await here.phone(await window.sees(/^http/));
    await phone.asksAndWaits("My phone");
    await window.sees(/My phone.* asks to connect/);
    window.does(`type ${await phone.number()}`, "press OK");
    await phone.isConnected();
    await window.sees(/Connected to “My phone”/);

    await phone.says("Hello from the phone");
    await window.sees(/Phone: Hello from the phone/);
    window.does("type Hello from the window", "press Send");
    await phone.sees("Hello from the window");

    await phone.sends(join(folder, "holiday.jpg"));
    await window.sees(/Take .*holiday.jpg.*, 4.2 MB\?/);
    window.does(example === "qt_host.py" ? "press Yes" : "press OK");
    await window.sees(/Received .*holiday.jpg/);
    await phone.file("holiday.jpg").getByText("Sent ✓").waitFor();
    assert.deepEqual(await readFile(join(home, "Downloads", "holiday.jpg")), photo);

    window.does("press Disconnect");
    await window.sees(/the session has ended: closed/);
    const next = await here.phone(await window.sees(/^http/));
    await next.asksAndWaits("Another phone");
    await window.sees(/Another phone.* asks to connect/);
    window.does(`type ${await next.number()}`, "press OK");
    await next.isConnected();
    assert.equal(await window.closes(), 0);
  });
}

test("tk_photo.py: a photo of a phone is in the downloads after a number and a yes", async (t) => {
  const home = await mkdtemp(join(folder, "home-"));
  const photo = randomBytes(4_200_000);
  await writeFile(join(folder, "beach.jpg"), photo);
  const window = await PythonWindow.opens("tk_photo.py", home);
  t.after(() => window.kill());
  const phone = await here.phone(await window.sees(/^http/));
  await phone.asksAndWaits("My phone");
  await window.sees(/My phone.* asks to connect/);
  window.does(`type ${await phone.number()}`, "press OK");
  await phone.isConnected();
  await phone.sends(join(folder, "beach.jpg"));
  await window.sees(/Take .*beach.jpg.*, 4.2 MB\?/);
  window.does("press Yes");
  await window.sees(/Received .*beach.jpg/);
  assert.deepEqual(await readFile(join(home, "Downloads", "beach.jpg")), photo);
  assert.equal(await window.closes(), 0);
});
