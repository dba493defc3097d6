// What the SDK uses of the sealed sessions. Only a sealed link loads it.

export { decode64, encode64, readJson, utf8 } from "./encoding.js";
export { newNonce, reopenToken, sessionIdOf } from "./keys.js";
export { sealedLink } from "./link.js";
export { returnSeal, SealedGuest, takeReturn } from "./guest.js";
export { newLink, SealedHost } from "./host.js";
export { nameFault } from "./names.js";
export { SealedPeer } from "./peer.js";
