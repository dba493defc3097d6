// Writes the library of the sealed sessions into proxim/web/vendor/: what the browser SDK uses of `hpke`
// and of the primitives by which it works without crypto.subtle, as one module, and their licences.
//
//     node tests/browser/vendor.js           write them
//     node tests/browser/vendor.js --check   fail if one of them is not current

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const VENDOR = here("../../proxim/web/vendor/");

const ENTRY = `
export { CipherSuite } from "hpke";
export { AEAD_ChaCha20Poly1305, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "@panva/hpke-noble";
export { chacha20poly1305 } from "@noble/ciphers/chacha.js";
export { x25519 } from "@noble/curves/ed25519.js";
export { hkdf } from "@noble/hashes/hkdf.js";
export { sha256 } from "@noble/hashes/sha2.js";
`;

const LICENCES = {
  hpke: "LICENSE.md",
  "@panva/hpke-noble": "LICENSE.md",
  "@noble/ciphers": "LICENSE",
  "@noble/curves": "LICENSE",
  "@noble/hashes": "LICENSE",
};

const inPackage = (name, file) => readFileSync(here(`node_modules/${name}/${file}`), "utf8");
const named = Object.keys(LICENCES).map((name) => `${name} ${JSON.parse(inPackage(name, "package.json")).version}`);

const bundle = await build({
  stdin: { contents: ENTRY, resolveDir: here(".") },
  banner: { js: `// Made by \`make vendor\` from ${named.join(", ")}; licences in seal.LICENSES.txt.` },
  bundle: true,
  format: "esm",
  legalComments: "none",
  minify: true,
  target: "es2022",
  write: false,
});
// An import of another package would be an error in a browser, and a package without its licence here.
const licences = Object.entries(LICENCES).map(
  ([name, file], index) => `${named[index]}\n\n${inPackage(name, file).trim()}\n`,
);

const files = {
  "seal.js": bundle.outputFiles[0].text,
  "seal.LICENSES.txt": licences.join(`\n${"-".repeat(80)}\n\n`),
};
mkdirSync(VENDOR, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  let old = "";
  try {
    old = readFileSync(VENDOR + name, "utf8");
  } catch {
    // Not written yet.
  }
  if (old === text) continue;
  if (process.argv.includes("--check")) process.exitCode = 1;
  else writeFileSync(VENDOR + name, text);
  console.log(`${process.argv.includes("--check") ? "not current" : "written"}: ${name}`);
}
