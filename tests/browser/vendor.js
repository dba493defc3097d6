// Writes the libraries of the sealed sessions into proxim/web/vendor/, each as one module, with their licences:
// seal.js is what the browser SDK uses of `hpke` and of the primitives by which it works without crypto.subtle,
// ed25519.js signs where a browser cannot, qr.js draws QR codes.
//
//     node tests/browser/vendor.js           write them
//     node tests/browser/vendor.js --check   fail if one of them is not current

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const VENDOR = here("../../proxim/web/vendor/");

/** What each module exports, and the packages that it contains with their licences. */
const BUNDLES = {
  seal: {
    entry: `
export { CipherSuite } from "hpke";
export { AEAD_ChaCha20Poly1305, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "@panva/hpke-noble";
export { chacha20poly1305 } from "@noble/ciphers/chacha.js";
export { x25519 } from "@noble/curves/ed25519.js";
export { hkdf } from "@noble/hashes/hkdf.js";
export { sha256 } from "@noble/hashes/sha2.js";
`,
    licences: {
      hpke: "LICENSE.md",
      "@panva/hpke-noble": "LICENSE.md",
      "@noble/ciphers": "LICENSE",
      "@noble/curves": "LICENSE",
      "@noble/hashes": "LICENSE",
    },
  },
  // In a file of its own: most browsers have Ed25519, and do not load it.
  ed25519: {
    entry: 'export { ed25519 } from "@noble/curves/ed25519.js";',
    licences: { "@noble/curves": "LICENSE", "@noble/hashes": "LICENSE" },
  },
  qr: { entry: 'export { encodeQR } from "qr";', licences: { qr: "LICENSE-MIT" } },
};

const inPackage = (name, file) => readFileSync(here(`node_modules/${name}/${file}`), "utf8");

/** Return the files of a bundle by their names. */
async function filesOf(bundle, { entry, licences }) {
  const named = Object.keys(licences).map((name) => `${name} ${JSON.parse(inPackage(name, "package.json")).version}`);
  const banner = `// Made by \`make vendor\` from ${named.join(", ")}; licences in ${bundle}.LICENSES.txt.`;
  const built = await build({
    stdin: { contents: entry, resolveDir: here(".") },
    banner: { js: banner },
    bundle: true,
    format: "esm",
    legalComments: "none",
    metafile: true,
    minify: true,
    target: "es2022",
    write: false,
  });
  const [{ inputs }] = Object.values(built.metafile.outputs);
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const [, name] = bytesInOutput === 0 ? [] : /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    if (name && !(name in licences)) throw new Error(`the licence of ${name} is missing in ${bundle}`);
  }
  const texts = Object.entries(licences).map(([name, file], at) => `${named[at]}\n\n${inPackage(name, file).trim()}\n`);
  return {
    [`${bundle}.js`]: built.outputFiles[0].text,
    [`${bundle}.LICENSES.txt`]: texts.join(`\n${"-".repeat(80)}\n\n`),
  };
}

const bundles = await Promise.all(Object.entries(BUNDLES).map(([name, bundle]) => filesOf(name, bundle)));
const files = Object.assign({}, ...bundles);
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
