// Sealed sessions, from page to page: what the node sees, and what the pages say.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch } from "./lib/browser.js";
import { ProximNode } from "./lib/node.js";
import { Desk, Phone } from "./lib/people.js";
import { withoutSeal } from "./lib/plain.js";
import { Recorder } from "./lib/recorder.js";

const BY_SERVER = "Messages go through the server, sealed. Files need a direct connection.";
const NAME = "Grandmother's telephone";
const LINE = "the cake is in the oven";
/** A host that the browser finds at the node, and that is no secure context: as in a LAN, without TLS. */
const LAN = "http://desk.lan.example";

let node;
let recorder;
let browser;
const people = [];
const contexts = [];

before(async () => {
  ({ node, proxy: recorder } = await ProximNode.startBehind((port) => Recorder.to(port)));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  recorder?.close();
  await node?.stop();
});
afterEach(async () => {
  const all = people.splice(0);
  for (const context of contexts.splice(0)) await context.close();
  for (const person of all) await person.hasNoComplaint();
});

async function context(width, ...scripts) {
  const made = await browser.newContext({ reducedMotion: "reduce", viewport: { width, height: 1000 } });
  contexts.push(made);
  for (const script of scripts) await made.addInitScript(script);
  return made;
}

async function deskAt(url, ...scripts) {
  const desk = await Desk.at({ url }, await context(1280, ...scripts));
  people.push(desk);
  return desk;
}

async function phoneAt(link, ...scripts) {
  const phone = await Phone.opens(link, await context(390, ...scripts));
  people.push(phone);
  return phone;
}

/** In a page: keep the connections. */
function keepConnections() {
  const Connection = globalThis.RTCPeerConnection;
  globalThis.connections = [];
  globalThis.RTCPeerConnection = class extends Connection {
    constructor(...args) {
      super(...args);
      globalThis.connections.push(this);
    }
  };
}

function withoutWebRtc() {
  delete globalThis.RTCPeerConnection;
}

/** Return the secrets of a page's connection: the ICE credentials, and the fingerprint of its certificate. */
const secretsOf = ({ page }) =>
  page.evaluate(() => {
    const { sdp } = globalThis.connections.at(-1).localDescription;
    return ["ice-ufrag", "ice-pwd", "fingerprint"].map((name) => new RegExp(`^a=${name}:(.*?)\\r?$`, "m").exec(sdp)[1]);
  });

async function pair(desk, link, name) {
  const phone = await phoneAt(link, keepConnections);
  await phone.asksAndWaits(name);
  const number = await phone.number();
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
  return { phone, number };
}

for (const isSealed of [true, false]) {
  test(`a node ${isSealed ? "cannot read" : "reads"} a session that is ${isSealed ? "" : "not "}sealed`, async () => {
    recorder.text();
    const made = await context(1280, keepConnections);
    const desk = await Desk.at({ url: recorder.url }, isSealed ? made : await withoutSeal(made));
    people.push(desk);
    const link = await desk.opens("persistent");
    assert.equal(await desk.shows(), link);
    assert.ok(link.startsWith(`${recorder.url}/join#`));
    assert.equal(link.split("#")[1].split(".").length, isSealed ? 3 : 2);
    const { phone, number } = await pair(desk, link, NAME);
    for (const person of [desk, phone]) {
      await person.press("About this connection");
      await person.page.locator(".bench").getByText(isSealed ? "Sealed" : "Not sealed", { exact: true }).waitFor();
    }
    await desk.page.getByText(NAME).first().waitFor();
    const canaries = [NAME, "candidate:", "a=fingerprint", "v=0", ...(await secretsOf(desk)), ...(await secretsOf(phone))];
    const seen = recorder.text();
    assert.match(seen, /"pair_request"/);
    for (const canary of canaries) assert.equal(seen.includes(canary), !isSealed, canary);
    assert.equal(seen.includes(`"${number}"`), !isSealed);
    const secrets = link.split("#")[1].split(".").slice(1);
    assert.equal(secrets.some((secret) => seen.includes(secret)), !isSealed);
  });
}

test("chat through the server is sealed, also after a reload of either page", async () => {
  const desk = await deskAt(recorder.url, withoutWebRtc);
  const phone = await phoneAt(await desk.opens("persistent"));
  await phone.asksAndWaits(NAME);
  await desk.approves(phone);
  recorder.text();
  await Promise.all([desk.sees(BY_SERVER), phone.sees(BY_SERVER)]);
  for (const [round, reloaded] of [["first", null], ["second", phone], ["third", desk]]) {
    await reloaded?.page.reload();
    await Promise.all([desk.sees(BY_SERVER), phone.sees(BY_SERVER)]);
    await phone.says(`${round}, ${LINE}`);
    await desk.sees(`${round}, ${LINE}`);
    await desk.says(`${round}, ${LINE}!`);
    await phone.sees(`${round}, ${LINE}!`);
  }
  assert.ok(!recorder.text().includes(LINE));
});

test("a reload of both pages before the answer changes neither the request nor the number", async () => {
  const desk = await deskAt(recorder.url);
  const phone = await phoneAt(await desk.opens("persistent"));
  await phone.asksAndWaits(NAME);
  const number = await phone.number();
  await Promise.all([desk.page.reload(), phone.page.reload()]);
  assert.equal(await phone.number(), number);
  await desk.isAskedBy(NAME);
  await desk.approves(phone);
  await Promise.all([desk.isConnected(), phone.isConnected()]);
});

test("the link leaves the address bar, and the secrets leave the storage at the end", async () => {
  const desk = await deskAt(recorder.url);
  const link = await desk.opens("persistent");
  const { phone } = await pair(desk, link, NAME);
  const kept = ({ page }) => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.equal(phone.page.url(), `${recorder.url}/join`);
  for (const part of link.split("#")[1].split(".").slice(1)) {
    assert.ok(!(await kept(phone)).includes(part));
    assert.ok(!(await kept(desk)).includes(part));
  }
  assert.match(await kept(desk), /secret/);
  await desk.press("End connection");
  await phone.sees("The other device ended it.");
  for (const person of [desk, phone]) assert.doesNotMatch(await kept(person), /secret|private/);
});

test("the code of sealed sessions is loaded with a sealed link only", async () => {
  const paths = async (made, act) => {
    const seen = [];
    made.on("request", (request) => seen.push(new URL(request.url()).pathname));
    await act();
    return seen.filter((path) => /seal\/|vendor/.test(path)).sort();
  };
  const code = ["/sdk/seal/index.js", "/vendor/seal.js"];
  const plain = await withoutSeal(await context(1280));
  const opensCode = async (made) => {
    const desk = await Desk.at({ url: recorder.url }, made);
    people.push(desk);
    await desk.opens("one_time");
    return desk;
  };
  assert.deepEqual(await paths(plain, () => opensCode(plain)), []);
  const made = await context(1280);
  let desk;
  const all = [code[0], "/sdk/seal/qr.js", "/vendor/qr.js", code[1]];
  assert.deepEqual(await paths(made, async () => (desk = await opensCode(made))), all);
  const phone = await phoneAt(await desk.link());
  assert.deepEqual(await paths(phone.page, () => phone.asksAndWaits()), code);
});

test("a sealed session needs no crypto.subtle, which plain http in a LAN does not have", async () => {
  const lan = await ProximNode.start("--public-url", LAN, "--trusted-proxy", "127.0.0.1");
  const far = await launch(`--host-resolver-rules=MAP desk.lan.example:80 127.0.0.1:${lan.port}`);
  try {
    const desk = await Desk.at({ url: LAN }, await far.newContext({ viewport: { width: 1280, height: 1000 } }));
    const link = await desk.opens("one_time");
    assert.match(link, /^http:\/\/desk\.lan\.example\/join#[\w-]{22}\.[\w-]{43}\.[\w-]{43}$/);
    const phone = await Phone.opens(link, await far.newContext());
    assert.equal(await phone.page.evaluate(() => crypto.subtle === undefined), true);
    await phone.asksAndWaits(NAME);
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    await phone.press("About this connection");
    await phone.page.getByText("Sealed", { exact: true }).waitFor();
    for (const person of [desk, phone]) await person.hasNoComplaint();
  } finally {
    await far.close();
    await lan.stop();
  }
});

/** Have a node that lies: `change` returns what a page hears in place of a message. */
async function lying(made, change) {
  await made.routeWebSocket(/\/ws$/, (near) => {
    const far = near.connectToServer();
    far.onMessage((text) => {
      const message = change(JSON.parse(text));
      if (message) near.send(JSON.stringify(message));
    });
  });
  return made;
}

test("a guest with a sealed link sends nothing to a node that cannot carry it", async () => {
  const desk = await deskAt(recorder.url);
  const link = await desk.opens("one_time");
  recorder.text();
  const old = (message) => (message.type === "welcome" ? { ...message, features: ["confirm"], seal: undefined } : message);
  const phone = await Phone.opens(link, await lying(await context(390), old));
  people.push(phone);
  await phone.asks(NAME);
  await phone.sees("This server does not carry sealed connections");
  assert.doesNotMatch(recorder.text(), /pair_request/);
  const other = await phoneAt(link);
  await other.asksAndWaits();
});

test("an approval that the node forges is refused, and a rejection without the host's word is not confirmed", async () => {
  const lies = [
    [(message) => ({ ...message, status: "approved" }), "Something was changed on its way"],
    [(message) => ({ ...message, seal: undefined }), "Declined – not confirmed by the other side"],
    [(message) => message, "The other person declined, or typed another number."],
  ];
  for (const [lie, words] of lies) {
    const desk = await deskAt(recorder.url);
    const change = (message) => (message.type === "pair_result" ? lie(message) : message);
    const phone = await Phone.opens(await desk.opens("one_time"), await lying(await context(390), change));
    people.push(phone);
    await phone.asksAndWaits(NAME);
    await phone.number();
    await desk.hears();
    await desk.press("Decline");
    await phone.sees(words);
  }
});

test("the guest's page shows no number of the node", async () => {
  const desk = await deskAt(recorder.url);
  const change = (message) => (message.type === "pair_pending" ? { ...message, code: "482" } : message.type === "pair_ack" ? null : message);
  const phone = await Phone.opens(await desk.opens("one_time"), await lying(await context(390), change));
  people.push(phone);
  await phone.asksAndWaits(NAME);
  await desk.hears();
  assert.equal(await phone.page.getByText("482").count(), 0);
  assert.equal(await phone.page.locator("#waiting-number").textContent(), "");
});
