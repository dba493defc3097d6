// The SDK at a node of the first version, and what a person sees there (protocol: Older versions).

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { problem } from "../../../proxim/web/pages/problem.js";
import { Guest, Host } from "../../../proxim/web/proxim.js";
import { FakeSocket, freshBrowser, ICE, ID, LINK, pass, session, settle } from "./fakes.js";

beforeEach(freshBrowser);

/** Open the last socket at a node whose welcome has the fields of the first version alone. */
async function opensAtAnOlderNode() {
  await FakeSocket.last.opens(64 * 1024, null);
}

async function hostAtAnOlderNode() {
  const host = new Host("http://node", { rtc: false });
  await opensAtAnOlderNode();
  await FakeSocket.last.answers("register", { type: "registered", uuid: host.uuid, sessions: [] });
  return host;
}

test("a host pairs at an older node, without a number", async () => {
  const host = await hostAtAnOlderNode();
  const opening = host.open({ type: "persistent", hostName: "Desk" });
  await settle();
  await FakeSocket.last.answers("create_session", { type: "session_created", session: session(), pair_within: 300, link: LINK, token: "t" });
  const mine = await opening;
  assert.deepEqual([mine.confirm, mine.sealed, mine.link], ["none", false, LINK]);
  const device_info = { name: "P", id: "1" };
  await FakeSocket.last.hears({ type: "pair_prompt", session_id: ID, device_info, expires_in: 40 });
  mine.prompt.approve();
  await settle();
  await FakeSocket.last.answers("pair_decision", { type: "pair_result", session_id: ID, status: "approved", device_info, ice_servers: ICE });
  assert.equal(mine.status, "approved");
});

test("a host opens nothing that an older node cannot keep, and a person reads that the server is too old", async () => {
  const host = await hostAtAnOlderNode();
  const wanted = [
    [{ confirm: "code" }, "This server is too old for this page"],
    [{ joinUrl: "https://app.example/" }, "This server is too old for this page"],
    [{ sealed: true }, "This server does not carry sealed connections"],
  ];
  for (const [option, words] of wanted) {
    const error = await host.open(option).catch((each) => each);
    assert.equal(problem("host", error).title, words);
  }
  assert.deepEqual(FakeSocket.last.types(), ["register"]);
});

test("a guest pairs at an older node, shows no number and no name, and comes back by its first resume token", async () => {
  const guest = new Guest(LINK, { rtc: false });
  const asking = guest.ask();
  await opensAtAnOlderNode();
  await FakeSocket.last.answers("pair_request", { type: "pair_pending", session_id: ID, resume_token: "first", expires_in: 40 });
  await asking;
  assert.deepEqual([guest.code, guest.hostName], [null, null]);
  const device_info = { name: "P", id: "1" };
  await FakeSocket.last.hears({ type: "pair_result", session_id: ID, status: "approved", device_info, ice_servers: ICE });
  for (let count = 0; count < 2; count += 1) {
    await FakeSocket.last.breaks();
    await pass(2_000);
    await opensAtAnOlderNode();
    assert.equal(FakeSocket.last.sent[0].resume_token, "first");
    const resumed = { type: "resumed", session: session({ status: "approved", device_info }), host_online: true, ice_servers: ICE };
    await FakeSocket.last.answers("resume", resumed);
  }
  assert.equal(guest.status, "approved");
});
