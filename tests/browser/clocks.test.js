// Times that are left, when the browser stood still or somebody set the clock.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { launchServer } from "./lib/browser.js";
import { Desk } from "./lib/people.js";
import { world } from "./lib/world.js";

const here = world();

/** Return all processes below one, and itself. */
function family(pid) {
  const found = execFileSync("ps", ["-e", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const parents = found.map((line) => line.trim().split(/\s+/).map(Number));
  const all = (each) => [each, ...parents.filter(([, parent]) => parent === each).flatMap(([child]) => all(child))];
  return all(pid);
}

const seconds = (words) => Number(/(\d+):(\d\d)/.exec(words).slice(1).reduce((sum, part) => sum * 60 + Number(part), 0));
const left = async ({ page }, place) => seconds(await page.locator(place).textContent());

test("a host whose browser stood still shows the time that is really left", async () => {
  const { server, browser } = await launchServer();
  try {
    const desk = await Desk.at(here.node, await browser.newContext({ reducedMotion: "reduce" }));
    const phone = await here.phone(await desk.opens("persistent"));
    const stopped = family(server.process().pid);
    for (const pid of stopped) process.kill(pid, "SIGSTOP");
    try {
      await phone.asksAndWaits();
      await new Promise((resolve) => setTimeout(resolve, 12_000));
    } finally {
      for (const pid of stopped.reverse()) process.kill(pid, "SIGCONT");
    }
    await desk.page.getByRole("dialog").waitFor();
    let shown = [];
    const isSame = ([mine, theirs]) => Math.abs(mine - theirs) <= 2;
    for (let tries = 0; tries < 20 && (tries === 0 || !isSame(shown)); tries += 1) {
      await desk.page.waitForTimeout(250);
      shown = [await left(desk, "#prompt-left"), await left(phone, "#waiting-left")];
    }
    assert.ok(isSame(shown), `${shown[0]} s at the desk, ${shown[1]} s at the phone`);
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
  } finally {
    await server.close();
  }
});

/** Return a context whose clock the test can set, by `globalThis.ahead` in milliseconds. */
async function withClock() {
  const context = await here.context();
  await context.addInitScript(() => {
    const { now } = Date;
    globalThis.ahead = 0;
    Date.now = () => now() + globalThis.ahead;
  });
  return context;
}

for (const [way, hours] of [["forward", 1], ["back", -1]]) {
  test(`a clock that is set ${way} by an hour changes no time left, and the pages ask again`, async () => {
    const desk = await here.desk(await withClock());
    const sent = [];
    const set = (person) => person.page.evaluate((by) => (globalThis.ahead += by), hours * 3_600_000);
    const first = await desk.opens("persistent");
    await desk.pressesBehind("Pause refreshing");
    await set(desk);
    await desk.page.waitForTimeout(1_200);
    if (hours < 0) assert.ok((await left(desk, "#code-left")) > 280);
    await desk.pressesBehind("Refresh again");
    await desk.page.waitForFunction((old) => document.querySelector("#link").value !== old || old === "", hours < 0 ? "" : first);
    assert.ok((await left(desk, "#code-left")) > 280);
    const context = await withClock();
    context.on("page", (page) =>
      page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(JSON.parse(String(payload)).type))),
    );
    const phone = await here.phone(await desk.link(), context);
    await phone.asksAndWaits();
    await desk.page.getByRole("dialog").waitFor();
    await Promise.all([set(desk), set(phone)]);
    await phone.page.waitForTimeout(1_200);
    assert.ok(sent.includes("resume"), sent.join());
    for (const [person, place] of [[desk, "#prompt-left"], [phone, "#waiting-left"]]) {
      const shown = await left(person, place);
      assert.ok(shown > 20 && shown <= 40, `${shown} s`);
    }
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
  });
}
