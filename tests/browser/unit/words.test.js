// The texts of the pages: all in one module, with a text for every error.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ProximError } from "../../../proxim/web/proxim.js";
import { nextStep, problem, problemText } from "../../../proxim/web/pages/problem.js";
import { problems, text } from "../../../proxim/web/pages/text.js";

const PAGES = new URL("../../../proxim/web/pages/", import.meta.url);
const read = (name) => readFileSync(new URL(name, PAGES), "utf8");
const PROTOCOL = read("../../../docs/reference/protocol.md");
const CHANNEL = read("../../../docs/reference/channel.md");
const ROLES = ["host", "guest"];

/** Return the codes in the protocol's table. */
function wireCodes() {
  const [, table] = /generated: errors -->(.*?)<!-- end/s.exec(PROTOCOL);
  return [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
}

/** Return the codes that the SDK adds, from the comment of its error class. */
function sdkCodes() {
  const [, comment] = /Every error of the SDK\.(.*?)\*\//s.exec(read("../sdk/errors.js"));
  return [...comment.matchAll(/^ \* - `(\w+)`/gm)].map(([, code]) => code);
}

test("every error code has a text of its own, and what to do next", () => {
  const codes = [...wireCodes(), ...sdkCodes()];
  assert.ok(wireCodes().length >= 14 && sdkCodes().length === 10, codes.join());
  for (const role of ROLES) {
    for (const code of codes) {
      const { title, next } = problem(role, new ProximError(code, "as the wire says it"));
      assert.notEqual(title, problems.both.other[0], `${role}: ${code}`);
      assert.match(next, /\w+\.$/, `${role}: ${code}`);
      assert.doesNotMatch(problemText(role, { code, reason: "closed" }), /as the wire says it|undefined/);
    }
  }
});

/** What the words of each step say. */
const STEPS = {
  again: /\btry again\b/i,
  reload: /^Reload the page/,
  scan: /\b(scan|new code)\b/i,
  here: /has taken over/,
};

test("the button of a guest does what the text of the error says", () => {
  const codes = [...Object.keys(problems.guest), ...Object.keys(problems.both), "another"];
  const errors = codes.map((code) => new ProximError(code, ""));
  errors.push(new ProximError("connection_lost", "", { closeCode: 4000 }), new ProximError("unreachable", "", { reason: "no_webrtc" }));
  const seen = new Set();
  for (const error of errors.filter(({ code }) => code !== "replaced")) {
    const step = nextStep(error);
    assert.match(problem("guest", error).next, STEPS[step], error.code);
    seen.add(step);
  }
  assert.deepEqual([...seen].sort(), Object.keys(STEPS).sort());
});

test("an unknown error has the general text", () => {
  for (const error of [new TypeError("x is not a function"), { code: "constructor" }, null, undefined]) {
    assert.deepEqual(Object.values(problem("guest", error)), problems.both.other);
  }
});

test("a replaced page and a rate limit have their own texts", () => {
  const replaced = new ProximError("connection_lost", "", { closeCode: 4000 });
  assert.match(problem("host", replaced).title, /open somewhere else/);
  const slowly = new ProximError("rate_limited", "", { retryAfter: 90.5 });
  assert.equal(problem("guest", slowly).next, "Wait 2 min, then try again.");
  assert.equal(problem("host", new ProximError("rate_limited", "", { retryAfter: 2.5 })).next, "Wait 3 s, then try again.");
});

test("an unknown session says why it may be unknown, and what to scan", () => {
  const { title, next } = problem("guest", new ProximError("unknown_session", ""));
  assert.match(title, /not valid any more/);
  for (const word of ["renewed", "ended", "incomplete", "the other device shows now"]) assert.ok(next.includes(word), word);
});

test("a device without WebRTC is told apart from one that cannot be reached", () => {
  const [missing, unreached] = ["no_webrtc", undefined].map((reason) =>
    problemText("host", new ProximError("unreachable", "", { reason })),
  );
  assert.match(missing, /WebRTC is missing or switched off there/);
  assert.doesNotMatch(missing, /relay|network/);
  assert.match(unreached, /relay/);
});

test("the approval timeout is said once", () => {
  const words = `${text.overTitles.approval_timeout} ${text.reasons.approval_timeout} ${text.guestNext.approval_timeout}`;
  assert.equal(words.match(/no answer in time/gi).length, 1);
});

test("every reason for an end has a text, and what a guest can do", () => {
  const [, cell] = /`reason`\? \| (.*?) \|/.exec(PROTOCOL);
  const reasons = [...cell.matchAll(/`(\w+)`/g)].map(([, reason]) => reason);
  assert.ok(reasons.length >= 8);
  for (const reason of [...reasons, "lost", "unconfirmed"]) {
    assert.match(text.reasons[reason], /\.$/, reason);
    assert.match(text.guestNext[reason] ?? text.guestNext.other, /\.$/, reason);
  }
});

/** Return the reasons in a table of the channel protocol, which follows a heading. */
const channelReasons = (heading) =>
  [...CHANNEL.slice(CHANNEL.indexOf(heading)).matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason);

test("where the other device knows the guest, each next step is the button without a code", () => {
  assert.ok(text.knownNext.other && Object.keys(text.knownNext).every((reason) => reason in text.guestNext));
  for (const words of Object.values(text.knownNext)) {
    assert.match(words, /“Connect to … again”/);
    assert.doesNotMatch(words, /scan/i);
  }
});

test("every reason of the other side for an end has a text, and what a guest can do", () => {
  const reasons = channelReasons("## The end");
  assert.deepEqual(reasons, ["left", "done", "flooded", "failed"]);
  for (const reason of reasons) {
    assert.match(text.reasons[reason], /\.$/, reason);
    assert.match(text.guestNext[reason] ?? text.guestNext.other, /\.$/, reason);
  }
});

test("every reason why a file is stopped has a text of its own, on both sides", () => {
  const reasons = channelReasons("## Files").slice(0, 8);
  assert.deepEqual(Object.keys(text.cancelledHere), reasons);
  assert.deepEqual(Object.keys(text.cancelledThere), reasons);
  const words = [text.cancelledHere, text.cancelledThere].flatMap((table) => Object.values(table).map((say) => say(true)));
  assert.equal(new Set(words).size, words.length);
  for (const each of words) assert.match(each, /^[A-Z].*\.$/);
});

test("the pages' HTML has no texts but the name and the noscript text", () => {
  for (const page of ["host.html", "join.html"]) {
    const words = read(page)
      .replace(/<!doctype.*?>/, "")
      .replace(/<[^>]*>/g, "\n")
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
    // No script can fill in <noscript>.
    const needed = "This page needs JavaScript: it speaks with the other device from your browser.";
    assert.deepEqual(words, ["Proxim", needed], page);
    assert.doesNotMatch(read(page), /(alt|title|placeholder|aria-label)="[^"]/);
  }
});

test("every data-text has its text", () => {
  for (const page of ["host.html", "join.html"]) {
    for (const [, name] of read(page).matchAll(/data-text="(\w+)"/g)) assert.equal(typeof text[name], "string", name);
  }
});

test("only text.js has texts for people", () => {
  const spoken = [
    /\b(text|alt|title|placeholder|"aria-label"|body): ["`]/,
    /\b(toast|say|heading)\((\w+, )?["`]/,
    /\.(textContent|title|placeholder|innerText) = ["`]\w/,
    /toast\([^)]*\.message/,
    /createTextNode\(["`]/,
  ];
  for (const name of readdirSync(PAGES).filter((each) => each.endsWith(".js") && each !== "text.js")) {
    for (const pattern of spoken) assert.doesNotMatch(read(name), pattern, name);
  }
});
