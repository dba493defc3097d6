// What the SDK uses of the sealed sessions. Only a sealed link loads it.

export { bytesOf, goneOf, hasEd25519, loadEd25519, TICKET_BYTES } from "./device.js";
export { decode64, drawRandom, encode64, readJson, utf8 } from "./encoding.js";
export { linkSecrets, newNonce, pairOf, reopenToken, sessionIdOf } from "./keys.js";
export { sealedLink } from "./link.js";
export { returnSeal, SealedGuest, takeReturn } from "./guest.js";
export { keysOf, newLink, SealedHost } from "./host.js";
export { nameFault } from "./names.js";
export { SealedPeer } from "./peer.js";
