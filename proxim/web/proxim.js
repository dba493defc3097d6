// @ts-check
/**
 * Proxim in a browser: be a host or a guest of a node, and get a WebRTC data channel to the other
 * side once a person has said yes.
 *
 * One module without dependencies. The wire is told in docs/reference/protocol.md; the words and the
 * behaviour are those of the Python SDK.
 */

export { ProximError } from "./sdk/errors.js";
export { parseLink } from "./sdk/link.js";
export { deviceName } from "./sdk/device.js";
export { Session } from "./sdk/session.js";
export { Prompt, HostSession } from "./sdk/host-session.js";
export { Host } from "./sdk/host.js";
export { remembered } from "./sdk/seats.js";
export { Guest } from "./sdk/guest.js";
export { join, guestAt } from "./sdk/join.js";
