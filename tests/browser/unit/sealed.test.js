// Sealed sessions of the SDK, over a node that may lie.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host, parseLink, remembered } from "../../../proxim/web/proxim.js";
import "../../../proxim/web/sdk/seal/index.js";
import "../../../proxim/web/sdk/seal/qr.js";
import { FakeSocket, freshBrowser, ID, LINK, pass, settle } from "./fakes.js";
import { asked, opened, paired, recorded, Relay } from "./relay.js";

beforeEach(freshBrowser);

const stored = () => ["localStorage", "sessionStorage"].map((kind) => JSON.stringify(contents(globalThis[kind]))).join();
const contents = (kind) => ["proxim.seal.http://node", "proxim.guest.http://node"].map((name) => kind.getItem(name));

test("a sealed link has three parts, which the node is not told", async () => {
  const { relay, desk, host } = await opened();
  assert.ok(desk.sealed);
  assert.match(desk.link, new RegExp(`^http://node/join#${ID}\\.[\\w-]{43}\\.[\\w-]{43}$`));
  assert.match(decodeURIComponent(desk.qr), /^data:image\/svg\+xml,<svg/);
  const create = relay.heard.find(({ type }) => type === "create_session");
  assert.deepEqual(Object.keys(create).sort(), ["ref", "seal", "session_type", "token_hash", "type"]);
  assert.equal(create.seal, 1);
  const { seed, hostKey } = parseLink(desk.link).seal;
  const said = JSON.stringify(relay.heard);
  for (const secret of [seed, hostKey]) assert.ok(!said.includes(secret));
  assert.deepEqual(host.features.includes("seal"), true);
});

test("the link leads where the host says", async () => {
  const { desk } = await opened({ joinUrl: "https://app.example/pair.html" });
  assert.ok(desk.link.startsWith(`https://app.example/pair.html#${ID}.`));
});

test("the two pair by the number that the handshake gives", async () => {
  const { relay, desk, phone, prompt } = await asked();
  assert.equal(prompt.deviceInfo.name, "Phone");
  assert.equal(desk.confirm, "code");
  assert.match(phone.code, /^[1-9][0-9]{2}$/);
  const approving = prompt.approve(phone.code);
  await relay.runs();
  await approving;
  await Promise.all([desk.approved, phone.approved]);
  assert.deepEqual([phone.hostName, phone.deviceInfo.name, desk.deviceInfo.name], ["Desk", "Phone", "Phone"]);
  const [deskHeard, phoneHeard] = [recorded(desk), recorded(phone)];
  desk.send({ hello: 1 });
  phone.send("hi");
  await relay.runs();
  assert.deepEqual([deskHeard.signals, phoneHeard.signals], [["hi"], [{ hello: 1 }]]);
  const said = JSON.stringify(relay.heard);
  for (const secret of ["Phone", "Desk", "hello", '"hi"', phone.code]) assert.ok(!said.includes(secret), secret);
});
