// The types that the SDK is described with. There is nothing here to run.

/** @typedef {"one_time" | "persistent" | "temporary"} SessionType When a session ends by itself. */
/** @typedef {"pending" | "approved" | "rejected" | "expired"} Status A session's state. */
/** @typedef {{ name: string, id: string }} DeviceInfo Who a guest says that it is: a claim. */
/** @typedef {Record<string, any>} Message A message of the wire protocol. */

/**
 * The kind of an ICE candidate (RFC 8445, 5.1.1): an address of the device itself (`host`), one that
 * a STUN server has seen (`srflx`), one that only the other side has seen (`prflx`), one of a TURN
 * server (`relay`).
 * @typedef {"host" | "prflx" | "srflx" | "relay"} CandidateKind
 */

/**
 * How the two sides are connected, in the words of `getStats()`: the kinds of the two candidates in
 * use, and in `via` the one of them that says most about the way: `relay` before `srflx` before
 * `prflx` before `host`. None but `relay` says which networks lie between. `protocol` is that of the
 * local candidate, `udp` or `tcp`; `rtt` is the round-trip time in milliseconds, null while it is
 * not known.
 * @typedef {{ via: CandidateKind, local: CandidateKind, remote: CandidateKind,
 *   rtt: number | null, protocol: string }} Path
 */

/**
 * A seat that can be taken again, as `remembered` tells it.
 * @typedef {{ nodeUrl: string, sessionId: string, resumeToken: string, type: string,
 *   since: number }} Remembered
 */

export {};
