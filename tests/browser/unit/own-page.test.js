// A page of another origin than the node: where its links lead, and why a connection fails.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host, guestAt, remembered } from "../../../proxim/web/proxim.js";
import { FakeSocket, freshBrowser, ID, LINK, session, settle } from "./fakes.js";

beforeEach(freshBrowser);

const HERE = { origin: "https://app.example", href: "https://app.example/desk.html", hash: "" };
const SECRET = LINK.split("#")[1];

async function registered(features) {
  const host = new Host("https://node.example");
  await FakeSocket.last.opens(64 * 1024, features);
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [] });
  return host;
}

async function opened(host, options) {
  const opening = host.open(options);
  await settle();
  await FakeSocket.last.answers("create_session", { type: "session_created", session: session(), pair_within: 300 });
  return opening;
}

async function renews(session, options) {
  session.renew(options);
  await settle();
  return FakeSocket.last.sent.at(-1).join_url;
}

test("links lead to the page that the host names, the later ones, too", async () => {
  globalThis.location = HERE;
  const session = await opened(await registered(), { joinUrl: "pair.html?room=1" });
  const { join_url, qr } = FakeSocket.last.sent.at(-1);
  assert.deepEqual([join_url, qr], ["https://app.example/pair.html?room=1", "svg"]);
  assert.equal(await renews(session), "https://app.example/pair.html?room=1");
  assert.equal(await renews(session, { tokenHash: "h" }), undefined);
  assert.equal(await renews(session, { joinUrl: new URL("https://other.example/ü") }), "https://other.example/%C3%BC");
});

test("links lead where the node says if the host names no page", async () => {
  const session = await opened(await registered(), {});
  assert.ok(!("join_url" in FakeSocket.last.sent.at(-1)));
  assert.equal(await renews(session), undefined);
});

test("a page that no link can lead to is refused before anything is sent", async () => {
  const host = await registered();
  const count = FakeSocket.last.sent.length;
  for (const joinUrl of ["https://app.example/#x", "javascript:alert(1)", "https://"]) {
    await assert.rejects(host.open({ joinUrl }), { name: "ProximError", code: "invalid_link" });
  }
  assert.equal(FakeSocket.last.sent.length, count);
});

test("a node that cannot make such links is refused", async () => {
  const host = await registered(["confirm", "rotate"]);
  await assert.rejects(host.open({ joinUrl: "https://app.example/" }), { code: "not_supported" });
  const session = await opened(host, {});
  await assert.rejects(session.renew({ joinUrl: "https://app.example/" }), { code: "not_supported" });
});

test("a guest page names the node, and finds its seat again without a link", async () => {
  const options = { nodeUrl: "https://node.example" };
  globalThis.history = { replaceState: () => {} };
  const location = { href: `https://app.example/pair#${SECRET}`, hash: `#${SECRET}`, pathname: "/pair", search: "", reload() {} };
  const guest = guestAt(location, options);
  assert.deepEqual([guest.id, guest.nodeUrl], [ID, "https://node.example"]);
  guest.ask();
  assert.equal(FakeSocket.last.url, "wss://node.example/ws");
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("pair_request", { type: "pair_pending", session_id: ID, resume_token: "r", expires_in: 40 });
  assert.equal(remembered("https://node.example").length, 1);
  assert.equal(guestAt({ ...location, href: "https://app.example/pair", hash: "" }, options).id, ID);
});

for (const [what, client] of [
  ["a host", () => new Host("https://node.example").ready],
  ["a guest", () => new Guest(`https://app.example/pair#${SECRET}`, { nodeUrl: "https://node.example" }).ask()],
]) {
  test(`${what} that cannot connect hears that its origin may be refused`, async () => {
    globalThis.location = HERE;
    const failing = client();
    FakeSocket.last.breaks(1006);
    await assert.rejects(failing, ({ code, message }) => {
      assert.equal(code, "connection_lost");
      assert.match(message, /cannot be reached.*refuses pages of https:\/\/app\.example: start it with --allow-origin https:\/\/app\.example$/);
      return true;
    });
  });
}

test("nothing is said of the origin on the node's own pages, nor after a connection", async () => {
  const hears = ({ message }) => (assert.match(message, /cannot be reached/), !/origin/.test(message));
  globalThis.location = { ...HERE, origin: "https://node.example" };
  const own = new Host("https://node.example/base").ready;
  FakeSocket.last.breaks(1006);
  await assert.rejects(own, hears);
  globalThis.location = HERE;
  const later = new Host("https://node.example").ready;
  await FakeSocket.last.opens();
  FakeSocket.last.breaks(1006);
  await assert.rejects(later, hears);
});
