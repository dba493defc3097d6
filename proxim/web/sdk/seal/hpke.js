// One HPKE message with a pre-shared key (sealing: HPKE; RFC 9180, mode_psk).

import { DoesNotOpen, drawRandom, KEY_BYTES, purpose } from "./encoding.js";
import {
  AEAD_ChaCha20Poly1305,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
} from "./primitives.js";

/** @import { Draw } from "./encoding.js" */

const EXPORTED = purpose("S");

/** Return the suite, whose ephemeral keys are derived from bytes of `draw`. @param {Draw} draw */
export function suiteWith(draw) {
  const kem = KEM_DHKEM_X25519_HKDF_SHA256();
  const generate = (/** @type {boolean} */ extractable) => kem.DeriveKeyPair(draw(KEY_BYTES), extractable);
  return new CipherSuite(() => ({ ...kem, GenerateKeyPair: generate }), KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305);
}

/** @param {Uint8Array} psk @param {Uint8Array} pskId @param {string} sessionId */
function options(psk, pskId, sessionId) {
  // With an empty key the library would silently use the mode without one.
  if (psk.length !== KEY_BYTES) throw new RangeError("a pre-shared key has 32 bytes");
  return { psk, pskId, info: purpose("hpke", sessionId) };
}

/**
 * Seal the text that `textFor` returns, for the host of a session; `secret` is the exported secret `S`.
 * @param {{ hostKey: Uint8Array, psk: Uint8Array, pskId: Uint8Array, sessionId: string }} to
 * @param {(enc: Uint8Array) => Promise<Uint8Array>} textFor
 * @param {Draw} draw
 * @throws {RangeError} If the host's key is not a key.
 */
export async function hpkeSeal({ hostKey, psk, pskId, sessionId }, textFor, draw) {
  const wanted = options(psk, pskId, sessionId);
  const suite = suiteWith(draw);
  const key = await suite.DeserializePublicKey(hostKey);
  const { encapsulatedSecret, ctx } = await suite.SetupSender(key, wanted).catch((cause) => {
    throw new RangeError("the key in the link is not a key", { cause });
  });
  const text = await textFor(encapsulatedSecret);
  return { enc: encapsulatedSecret, ciphertext: await ctx.Seal(text), secret: await ctx.Export(EXPORTED, KEY_BYTES) };
}

/**
 * Return the text and the secret `S`.
 * @param {{ privateKey: Uint8Array, psk: Uint8Array, pskId: Uint8Array, sessionId: string }} by
 * @param {Uint8Array} enc
 * @param {Uint8Array} ciphertext
 * @throws {DoesNotOpen}
 */
export async function hpkeOpen({ privateKey, psk, pskId, sessionId }, enc, ciphertext) {
  const wanted = options(psk, pskId, sessionId);
  try {
    const suite = suiteWith(drawRandom);
    const key = await suite.DeserializePrivateKey(privateKey, true);
    const ctx = await suite.SetupRecipient(key, enc, wanted);
    return { text: await ctx.Open(ciphertext), secret: await ctx.Export(EXPORTED, KEY_BYTES) };
  } catch {
    throw new DoesNotOpen();
  }
}
