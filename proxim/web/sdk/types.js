// The types of the SDK. This module has no code.

/** @typedef {"one_time" | "persistent" | "temporary"} SessionType When a session ends by itself. */
/** @typedef {"pending" | "approved" | "rejected" | "expired"} Status A session's state. */
/** @typedef {{ name: string, id: string }} DeviceInfo A guest's claim who it is. */
/**
 * A session, as the node describes it (protocol: The session object). `created_at` and `expires_at` are times
 * of the node (RFC 3339, UTC); only a temporary session has `expires_at`. `reason` says why a session ended.
 * With `confirm`, an approval needs the number that the guest shows. With `seal`, the session is sealed.
 * @typedef {{ session_id: string, uuid: string, session_type: SessionType, created_at: string,
 *   expires_at: string | null, status: Status, device_info: DeviceInfo | null, host_online: boolean,
 *   guest_online: boolean, reason?: string, confirm?: "code", seal?: 1 }} SessionInfo
 */

/** @typedef {Record<string, any>} Message A message of the wire protocol. */

/**
 * The kind of an ICE candidate (RFC 8445, 5.1.1): an address of the device itself (`host`), an address
 * that a STUN server saw (`srflx`) or that only the other side saw (`prflx`), or an address of a TURN
 * server (`relay`).
 * @typedef {"host" | "prflx" | "srflx" | "relay"} CandidateKind
 */

/**
 * How the two sides are connected, in the terms of `getStats()`: `local` and `remote` are the kinds of
 * the candidates in use. `via` is the one that says most about the path: `relay` before `srflx` before
 * `prflx` before `host`. Only `relay` tells which networks lie between. `protocol` is that of the local
 * candidate, `udp` or `tcp`. `rtt` is the round-trip time in milliseconds, null while unknown.
 * @typedef {{ via: CandidateKind, local: CandidateKind, remote: CandidateKind,
 *   rtt: number | null, protocol: string }} Path
 */

/**
 * A seat that a guest can take again, from `remembered`. `seal` has the secrets of a sealed session, and `boot` is
 * that of the node's `welcome`.
 * @typedef {{ nodeUrl: string, sessionId: string, resumeToken: string, type: string,
 *   since: number, seal?: object, boot?: string }} Remembered
 */

/** @typedef {{ seed: string, hostKey: string }} LinkSeal The secrets in the link of a sealed session. */

/**
 * A notice of a side of a sealed session:
 *
 * - `tampered`: a signal that the other side did not seal was dropped; said at most once a minute. At a host also: a
 *   request was changed, and the session is over;
 * - `late`: a signal came twice or too late, and was dropped;
 * - `before`: a signal is from before a reload, and was dropped;
 * - `missed`: `missed` signals of the other side did not arrive;
 * - `does_not_open`: a device asked without the secrets of the link, and was declined;
 * - `elsewhere`: another browser or program of this owner has the session's secrets. Answer there;
 * - `forgotten`: the host does not know this device any more, and its grant is removed.
 * @typedef {"tampered" | "late" | "before" | "missed" | "does_not_open" | "elsewhere" | "forgotten"} Notice
 */

/**
 * A known device as its host stores it; all of it is secret. The binary fields are base64url. `since`, `end` and
 * `lastSeen` are times of `Date.now()`. `nonce`, `seed` and `private` are those of its standing session, `seen` has the
 * keys of its last requests, `pairedIn` is the session that brought the grant.
 * `isForgotten` says that nothing is left to do but to close the standing session. `hasExpired`: the page was told that
 * its time is over. It is removed 30 days later, since the clock may be wrong.
 * @typedef {KnownDevice & { key: string, nonce: string, seed: string, private: string, ticket: string,
 *   previous: string | null, isUsed: boolean, seen: string[], pairedIn: string, isForgotten?: boolean,
 *   hasExpired?: boolean }} StoredDevice
 */

/**
 * A device that a host remembers. The person at the host gave the `name`. With `policy` `auto` its visits are approved
 * without a question. `since`, `end` and `lastSeen` (its last visit) are times of `Date.now()`.
 * @typedef {{ id: string, name: string, policy: "ask" | "auto", since: number, end: number,
 *   lastSeen: number | null, takesFiles: boolean }} KnownDevice
 */

/**
 * What `prompt.approve` remembers of a device: a name that the person gives it, for how many days (90, which is also the
 * most), whether to `ask` at each visit or to approve it without a question (`auto`), and whether the program takes its
 * files without a question.
 * @typedef {{ name: string, days?: number, policy?: "ask" | "auto", takesFiles?: boolean }} Remember
 */

/**
 * A host that knows this browser, from `grants`: `connect` comes to it without a code. `since` and `end` are times of
 * `Date.now()`. With `isAuto` the host approves visits without a question. `pairedIn` is the session that brought it.
 * @typedef {{ id: string, nodeUrl: string, sessionId: string, hostName: string, end: number, isAuto: boolean,
 *   since: number, pairedIn: string }} Grant
 */

/**
 * What a host has noticed about a known device: `copied`: two devices have used its grant, `expired`: the time of the grant
 * is over; in both cases the host has forgotten the device. `stranger`: another device has its link, and was declined.
 * @typedef {"copied" | "expired" | "stranger"} DeviceNotice
 */

/**
 * Keeps the known devices of a host. When `save` has resolved, they outlive the page.
 * @typedef {{ load: () => StoredDevice[] | Promise<StoredDevice[]>,
 *   save: (devices: StoredDevice[]) => void | Promise<void> }} DeviceStore
 */

export {};
