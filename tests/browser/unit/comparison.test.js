// The comparison in the documentation counts the lines of its own examples.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const PAGE = readFileSync(new URL("../../../docs/howto/browser.md", import.meta.url), "utf8");

const lines = (code) => code.split("\n").filter((line) => line && !line.startsWith("//")).length;
const blocks = (language) =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, code]) => lines(code));

test("the comparison counts the lines of the examples", () => {
  const counted = [...PAGE.matchAll(/^\| [^|]+ \| (\d+)[ ,:]/gm)].map(([, count]) => Number(count));
  const [host, guest] = blocks("js");
  assert.deepEqual(counted, [host + guest, ...blocks("javascript")]);
});
