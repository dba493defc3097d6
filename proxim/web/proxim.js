// The browser SDK of Proxim: be a host or a guest of a node, and get a WebRTC data channel to the other
// side once a person has approved the guest.
//
// A node serves this file and the modules of sdk/ as one module without dependencies. The wire protocol
// is described in docs/reference/protocol.md; names and behaviour follow the Python SDK.

export { ProximError } from "./sdk/errors.js";
export { parseLink } from "./sdk/link.js";
export { deviceName } from "./sdk/device.js";
export { Session } from "./sdk/session.js";
export { Prompt } from "./sdk/prompt.js";
export { HostSession } from "./sdk/host-session.js";
export { Host } from "./sdk/host.js";
export { remembered, seatFor } from "./sdk/seats.js";
export { Guest } from "./sdk/guest.js";
export { join, guestAt, grants, connect, forgetGrant } from "./sdk/join.js";
