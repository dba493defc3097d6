// Sealed sessions of the SDK, over a node that may lie.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Guest, Host, parseLink, remembered } from "../../../proxim/web/proxim.js";
import "../../../proxim/web/sdk/seal/index.js";
import "../../../proxim/web/sdk/seal/qr.js";
import { freshBrowser, ID, pass, session } from "./fakes.js";
import { asked, opened, paired, recorded, Relay, stored } from "./relay.js";

beforeEach(freshBrowser);

const wrong = (code) => String(((Number(code) - 99) % 900) + 100);

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
  assert.equal(phone.hostName, null);
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
  for (const secret of ["Phone", "Desk", "hello", '"hi"']) assert.ok(!said.includes(secret), secret);
  // As a word: three digits also occur by chance within ciphertext.
  assert.doesNotMatch(said, new RegExp(`(?<![\\w-])${phone.code}(?![\\w-])`));
});

test("a wrong number declines once and for all, and the guest hears it from the host", async () => {
  const { relay, desk, phone, prompt } = await asked();
  await assert.rejects(prompt.approve(), { code: "code_required" });
  await assert.rejects(prompt.approve("048"), { code: "code_required" });
  assert.equal(relay.said("pair_decision").length, 0);
  const declined = assert.rejects(prompt.approve(wrong(phone.code)), { code: "wrong_code" });
  await assert.rejects(prompt.approve(phone.code), { code: "already_decided" });
  await relay.runs();
  await declined;
  assert.deepEqual([phone.over.reason, desk.over.reason], ["rejected", "rejected"]);
});

test("a host that lets in whoever asks needs no number", async () => {
  const { relay, phone, prompt } = await asked();
  const approving = prompt.approveUnchecked();
  await relay.runs();
  await approving;
  await phone.approved;
});

test("no property of a host's session or prompt has the number", async () => {
  const { phone, prompt, desk } = await asked();
  for (const each of [prompt, desk, prompt.deviceInfo]) {
    const values = Object.entries(each).filter(([name]) => !name.startsWith("_")).map(([, value]) => value);
    assert.ok(!values.includes(phone.code));
  }
});

test("an approval that the node forged approves nobody", async () => {
  const forged = (message, to) => (to === "guest" && message.type === "pair_result" ? { ...message, status: "approved" } : message);
  for (const forge of [forged, (message, to) => ({ ...forged(message, to), ...(to === "guest" && { seal: undefined }) })]) {
    freshBrowser();
    const { relay, phone, prompt } = await asked({}, { change: forge });
    prompt.decline().catch(() => {});
    await relay.runs();
    await assert.rejects(phone.approved, { code: "tampered" });
    assert.equal(phone.over.code, "tampered");
    assert.deepEqual(remembered(), []);
  }
});

test("a request whose seal was stripped is tampered, and closes the session", async () => {
  const { relay, desk } = await opened();
  const heard = recorded(desk);
  let prompts = 0;
  desk.onprompt = () => (prompts += 1);
  relay.change = (message) => (message.type === "pair_prompt" ? { ...message, seal: undefined } : message);
  new Guest(desk.link, { rtc: false }).ask();
  await relay.runs();
  assert.deepEqual([heard.notices, desk.over.code, prompts], [["tampered"], "tampered", 0]);
  assert.deepEqual(relay.said("pair_decision").map(({ approve }) => approve), [false]);
  assert.equal(relay.said("close_session").length, 1);
});

for (const by of ["registered", "session_created"]) {
  test(`a plain session that the node told by ${by} is not taken for a new sealed one of its id`, async () => {
    const plain = session();
    const link = `http://node/join#${ID}.${"A".repeat(43)}`;
    const relay = new Relay();
    relay.change = (message) => {
      if (message.type === "session_created") return { ...message, session: plain, link, qr_svg: "<svg/>" };
      if (message.type !== "registered") return message;
      if (by === "registered") return { ...message, sessions: [plain] };
      return [message, { type: by, session: plain, link, qr_svg: "<svg/>", pair_within: 300 }];
    };
    const host = new Host("http://node", { rtc: false });
    const seen = [];
    host.onsession = ({ session: each }) => seen.push(each);
    const opening = host.open({ type: "persistent", sealed: true });
    opening.catch(() => {});
    await relay.runs();
    if (by === "registered") await assert.rejects(opening, { code: "connection_lost" });
    else assert.ok((await opening).sealed);
    assert.deepEqual(seen.map((each) => [each.sealed, each.link === link]), [[by !== "registered", false]]);
  });
}

test("signals that the peer did not seal are dropped, and said once a minute", async () => {
  const { relay, deskHeard } = await paired();
  const forged = { type: "signal", session_id: ID, data: { rtc: { from: "x" } } };
  for (let count = 0; count < 3; count += 1) await relay.tells("host", forged);
  assert.deepEqual(deskHeard.notices, ["tampered"]);
  await pass(61_000);
  await relay.tells("host", forged);
  assert.deepEqual([deskHeard.notices, deskHeard.signals], [["tampered", "tampered"], []]);
});

test("a signal that comes again is late, and missing ones are counted", async () => {
  const { relay, phone, desk, deskHeard } = await paired();
  phone.send(1);
  await relay.runs();
  await relay.tells("host", { type: "signal", session_id: ID, data: relay.said("signal").at(-1).data });
  relay.change = (message, to) => (message.type === "signal" && to === "host" ? null : message);
  let missed = 0;
  desk.addEventListener("notice", (event) => (missed += event.missed));
  phone.send(2);
  phone.send(3);
  await relay.runs();
  relay.change = (message) => message;
  phone.send(4);
  await relay.runs();
  assert.deepEqual([deskHeard.signals, deskHeard.notices, missed], [[1, 4], ["late", "missed"], 2]);
});

test("a node that cannot carry seals gets no token, and no session", async () => {
  const relay = new Relay();
  relay.features = ["confirm"];
  const host = new Host("http://node", { rtc: false });
  const opening = host.open({ sealed: true });
  const guest = new Guest(`http://node/join#${ID}.${"A".repeat(43)}.${"Q".repeat(43)}`, { rtc: false });
  const asking = guest.ask();
  opening.catch(() => {});
  asking.catch(() => {});
  await relay.runs();
  await assert.rejects(opening, { code: "seal_unavailable" });
  await assert.rejects(asking, { code: "seal_unavailable" });
  assert.deepEqual(relay.heard.map(({ type }) => type), ["register"]);
  assert.equal(stored(), "");
});

test("a sealed link that the node has made is not shown", async () => {
  const relay = new Relay();
  const forged = { link: `http://node/join#${ID}.${"A".repeat(43)}.${"Q".repeat(43)}`, qr_svg: "<svg/>" };
  relay.info = { ...relay.info, seal: undefined };
  relay.change = (message) => (message.type === "session_created" ? { ...message, ...forged } : message);
  const opening = new Host("http://node", { rtc: false }).open();
  await relay.runs();
  const { sealed, link, qr } = await opening;
  assert.deepEqual([sealed, link, qr], [false, null, null]);
});

test("a host that gives a token hash of its own cannot seal", async () => {
  const relay = new Relay();
  const opening = new Host("http://node").open({ sealed: true, tokenHash: "x".repeat(43) });
  await assert.rejects(opening, { code: "bad_message" });
  assert.deepEqual(relay.heard, []);
});

test("what cannot be sealed or relayed is refused at once", async () => {
  const { phone: early } = await asked();
  assert.throws(() => early.send(1), { code: "not_approved" });
  freshBrowser();
  const { relay, phone, phoneHeard } = await paired();
  const deep = JSON.parse("[".repeat(32) + "]".repeat(32));
  for (const data of ["\ud800", deep, undefined, 1n, "x".repeat(48 * 1024)]) {
    assert.throws(() => phone.send(data), { code: "bad_message" });
  }
  phone.send("x".repeat(47 * 1024));
  await relay.loses("host");
  for (let count = 0; count < 256; count += 1) phone.send(count);
  assert.throws(() => phone.send(256), { code: "limit_reached" });
  assert.deepEqual(phoneHeard.errors, []);
});

test("a link with three parts of another form sends nothing", () => {
  const parts = [ID, "A".repeat(43), "Q".repeat(43)];
  assert.deepEqual(parseLink(`http://node/join#${parts.join(".")}`).seal, { seed: parts[1], hostKey: parts[2] });
  for (const wrongParts of [[ID, "A".repeat(42), parts[2]], [ID, `${"A".repeat(42)}B`, parts[2]], [...parts, "x"], [ID, "A".repeat(43), ""]]) {
    assert.throws(() => new Guest(`http://node/join#${wrongParts.join(".")}`), { code: "invalid_link" });
  }
});

test("each side ends a session in time, even if the node never does", async () => {
  const { desk, phone } = await paired({ type: "temporary", ttl: 60 });
  await pass(59_000);
  assert.deepEqual([desk.over, phone.over], [null, null]);
  await pass(1_000);
  assert.deepEqual([desk.over?.reason, phone.over?.reason], ["expired", "expired"]);
});

test("the guest is told the type that the host has asked for, whatever the node says", async () => {
  const { relay, desk, phone, prompt } = await asked({ type: "one_time" });
  desk.type = "persistent"; // As after a session object that the node has changed.
  const approving = prompt.approve(phone.code);
  await relay.runs();
  await approving;
  assert.equal(phone.type, "one_time");
});
