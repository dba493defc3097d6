// Links in messages lead where they say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, withLinks } from "../../../proxim/web/pages/links.js";

test("a link leads to the host that it shows", () => {
  assert.equal(addressOf("https://example.org/a?b=c#d"), "https://example.org/a?b=c#d");
  assert.equal(addressOf("http://Example.org"), "http://example.org/");
  for (const deceitful of ["https://bank.example@evil.example/", "https://a:b@evil.example", "https://", "javascript:alert(1)", "https://%65vil.example/"]) {
    assert.equal(addressOf(deceitful), null, deceitful);
  }
});

test("a message that looks like links costs no more than its length", () => {
  globalThis.document = { createElement: () => ({ setAttribute() {}, append() {} }) };
  const words = `https://a${".".repeat(9_980)}x`;
  const start = performance.now();
  for (let count = 0; count < 20; count += 1) withLinks(words);
  assert.ok(performance.now() - start < 500);
  assert.deepEqual(withLinks("(see https://a.example/b.!)").filter((part) => typeof part === "string"), ["(see ", ".!)"]);
  delete globalThis.document;
});
