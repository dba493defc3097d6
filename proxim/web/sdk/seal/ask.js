// The guest's first message, sealed for the host (sealing: The request).

import { decode64, DoesNotOpen, encode64, joined, KEY_BYTES, padded, unpadded } from "./encoding.js";
import { readVisitor, signedFields } from "./device.js";
import { hpkeOpen, hpkeSeal } from "./hpke.js";
import { linkSecrets, pairOf } from "./keys.js";
import { nameFault } from "./names.js";

/** @import { Signer, Visitor } from "./device.js" */
/** @import { Draw } from "./encoding.js" */
/** @import { SealedLink } from "./link.js" */

/** The first byte of a request by a link, and of one by a guest that was approved before. */
export const REQUEST = { first: 1, back: 2 };

const ASK_BYTES = 640;
const TAG_BYTES = 16;
const MAX_NAME = 64;

/**
 * Return `pair_request.seal` and the secret of the session.
 * @param {SealedLink} link
 * @param {string} name
 * @param {Uint8Array} key
 * @param {Draw} draw
 * @param {Signer | null} [device] The device that signs the request, with its ticket, if it has one.
 * @throws {RangeError} If the name is not allowed, or the key in the link is not a key.
 */
export async function sealAsk(link, name, key, draw, device = null) {
  const ask = { v: 1, name: checkedName(name), k: encode64(key) };
  const secrets = linkSecrets(link.seed);
  const context = { sessionId: link.sessionId, pskId: secrets.pskId, hostKey: link.hostKey, guestKey: key };
  const textFor = async (/** @type {Uint8Array} */ enc) =>
    padded({ ...ask, ...(device && (await signedFields(device, { ...context, enc }))) }, ASK_BYTES);
  const { enc, ciphertext, secret } = await hpkeSeal({ ...link, ...secrets }, textFor, draw);
  return { seal: encode64(joined(new Uint8Array([REQUEST.first]), enc, ciphertext)), secret };
}

/**
 * Open the bytes of a `pair_request.seal`.
 * @param {Uint8Array} content
 * @param {string} sessionId
 * @param {{ seed: Uint8Array, private: Uint8Array }} keys
 * @returns {Promise<{ name: string, key: Uint8Array, secret: Uint8Array, visitor: Visitor | null }>}
 * @throws {DoesNotOpen}
 */
export async function openAsk(content, sessionId, keys) {
  const encEnd = 1 + KEY_BYTES;
  if (content[0] !== REQUEST.first || content.length !== encEnd + ASK_BYTES + TAG_BYTES) throw new DoesNotOpen();
  const by = { ...linkSecrets(keys.seed), privateKey: keys.private, sessionId };
  const enc = content.slice(1, encEnd);
  const { text, secret } = await hpkeOpen(by, enc, content.slice(encEnd));
  const ask = unpadded(text, ASK_BYTES);
  if (ask.v !== 1) throw new DoesNotOpen();
  const key = decode64(ask.k, KEY_BYTES);
  const context = { sessionId, pskId: by.pskId, hostKey: pairOf(keys.private).public, enc, guestKey: key };
  return { name: openedName(ask.name), key, secret, visitor: await readVisitor(ask, context) };
}

/** Return a name as it is sent. @param {string} name @throws {RangeError} If it is not allowed. */
export function checkedName(name) {
  const normal = name.normalize("NFC");
  const fault = [...normal].length > MAX_NAME ? `more than ${MAX_NAME} characters` : nameFault(normal);
  if (fault) throw new RangeError(`the name has ${fault}`);
  return normal;
}

/** Return a name that the other side sent. @param {unknown} name @throws {DoesNotOpen} If it is not allowed. */
export function openedName(name) {
  if (typeof name !== "string" || [...name].length > MAX_NAME || nameFault(name)) throw new DoesNotOpen();
  return name.normalize("NFC");
}
