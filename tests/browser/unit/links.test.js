// Links in messages lead where they say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf } from "../../../proxim/web/pages/links.js";

test("a link leads to the host that it shows", () => {
  assert.equal(addressOf("https://example.org/a?b=c#d"), "https://example.org/a?b=c#d");
  assert.equal(addressOf("http://Example.org"), "http://example.org/");
  for (const deceitful of ["https://bank.example@evil.example/", "https://a:b@evil.example", "https://", "javascript:alert(1)", "https://%65vil.example/"]) {
    assert.equal(addressOf(deceitful), null, deceitful);
  }
});
