// What the SDK uses of known devices. Only a side that has one loads it, or that may get one.

export { StandingSessions } from "./standing.js";
export { GuestDevice, grantsAt, removeGrant } from "./grants.js";
