// What the SDK uses of known devices. Only a side that has one loads it, or that may get one.

export { approve, judge, use } from "./record.js";
