// What the rest of the SDK uses of the sealed sessions. It is imported only when a link is sealed.

export { parseSealedLink, sealedLinkText } from "./link.js";
export { returnSeal, SealedGuest, takeReturn } from "./guest.js";
export { newLink, SealedHost } from "./host.js";
export { SealedPeer } from "./peer.js";
export { reopenToken } from "./keys.js";
