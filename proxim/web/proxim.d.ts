// Made from proxim.js by `make sdk-types`.
/**
 * Everything that can go wrong. `code` is the one on the wire (protocol: Errors), or one of
 *
 * - `session_ended`: the session is over; `status` and `reason` are those of `session_ended`, or
 *   the reason is `lost`: the node knows nothing of it any more;
 * - `connection_lost`: the node cannot be reached, or closed the connection with `closeCode`;
 * - `invalid_link`: what was given as a link or as a node's address is none, or is one to which the
 *   browser lets no page like this connect;
 * - `unreachable`: the two sides do not reach each other, after several tries;
 * - `webrtc_failed`: the browser's WebRTC refused something; `cause` is what it said.
 */
export class ProximError extends Error {
    /**
     * @param {string} code
     * @param {string} message
     * @param {{ sessionId?: string, retryAfter?: number, status?: Status, reason?: string,
     *   closeCode?: number, cause?: unknown }} [more]
     */
    constructor(code: string, message: string, more?: {
        sessionId?: string;
        retryAfter?: number;
        status?: Status;
        reason?: string;
        closeCode?: number;
        cause?: unknown;
    });
    /** The code, for programs. */
    code: string;
    /** The session that it was about, if it was about one. */
    sessionId: string | undefined;
    /** Seconds after which it can be tried again, for `rate_limited` and `unavailable`. */
    retryAfter: number | undefined;
    /** How a session ended, for `session_ended`. */
    status: Status | undefined;
    /** Why a session ended, for `session_ended`. */
    reason: string | undefined;
    /** The WebSocket's close code, for `connection_lost`. */
    closeCode: number | undefined;
}
/**
 * Take a link apart (protocol: Links and QR codes).
 * @param {string | URL | Location} link
 * @returns {{ nodeUrl: string, sessionId: string, token: string }}
 * @throws {ProximError} `invalid_link`
 */
export function parseLink(link: string | URL | Location): {
    nodeUrl: string;
    sessionId: string;
    token: string;
};
/** What this device may be called, from what the browser says of itself: `iPhone`, `Linux PC`. */
export function deviceName(): string;
/**
 * One side of a session: what host and guest have in common.
 *
 * Each event has a property for its handler: `onsignal`, `onconnected` and so on. All are told
 * with the event, whose fields are named here.
 */
export class Session extends EventTarget {
    protected constructor();
    /** `signal` (`data`): what the other side has sent with `send`.
     * @type {((event: Event & { data: any }) => unknown) | null} */
    onsignal: ((event: Event & {
        data: any;
    }) => unknown) | null;
    /** `connected` (`channel`): the data channel is open, for the first time or again.
     * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
    onconnected: ((event: Event & {
        channel: RTCDataChannel;
    }) => unknown) | null;
    /** `disconnected`: the data channel is closed; `connected` is a new promise. Where only the channel
     * was closed, and not the connection under it, the host opens it anew, three times.
     * @type {((event: Event) => unknown) | null} */
    ondisconnected: ((event: Event) => unknown) | null;
    /** `unreachable` (`error`): the two sides do not reach each other, after several tries; `connected`
     * has rejected. It is tried again when one of them comes back to the node, or with `reconnect`.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onunreachable: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** `rtc` (`pc`): a new `RTCPeerConnection`, before anything is negotiated on it; add tracks here.
     * @type {((event: Event & { pc: RTCPeerConnection }) => unknown) | null} */
    onrtc: ((event: Event & {
        pc: RTCPeerConnection;
    }) => unknown) | null;
    /** `rtcstate` (`state`): the connection's state, in WebRTC's words.
     * @type {((event: Event & { state: RTCPeerConnectionState }) => unknown) | null} */
    onrtcstate: ((event: Event & {
        state: RTCPeerConnectionState;
    }) => unknown) | null;
    /** `ice` (`iceServers`): fresh ICE servers, before the earlier ones lapse; for a connection of your
     * own, to be used at its next ICE restart.
     * @type {((event: Event & { iceServers: RTCIceServer[] }) => unknown) | null} */
    onice: ((event: Event & {
        iceServers: RTCIceServer[];
    }) => unknown) | null;
    /** `presence` (`online`): the other side has come to the node, or left it.
     * @type {((event: Event & { online: boolean }) => unknown) | null} */
    onpresence: ((event: Event & {
        online: boolean;
    }) => unknown) | null;
    /** `channel` (`channel`): the other side has opened another data channel.
     * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
    onchannel: ((event: Event & {
        channel: RTCDataChannel;
    }) => unknown) | null;
    /** `approved`: a person has said yes.
     * @type {((event: Event) => unknown) | null} */
    onapproved: ((event: Event) => unknown) | null;
    /** `over` (`error`): the session has ended; the error's `reason` says why.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onover: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** `error` (`error`): a signal was not taken, or WebRTC stumbled. The session goes on.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onerror: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** The session's id. */
    id: string;
    /** @type {Status} The session's state. */
    status: Status;
    /** @type {SessionType | null} When it ends by itself; null while a guest has not heard. */
    type: SessionType | null;
    /** @type {DeviceInfo | null} Who the guest says that it is. */
    deviceInfo: DeviceInfo | null;
    /** @type {RTCIceServer[] | null} What the node gave for WebRTC; null before. */
    iceServers: RTCIceServer[] | null;
    /** @type {ProximError | null} Why it ended, if it did. */
    over: ProximError | null;
    /** Settles when a person has said yes. Rejects with why not. */
    get approved(): Promise<void>;
    /**
     * The open data channel. What comes over it waits until somebody listens. After a loss it is a new
     * promise, for the next one. Rejects with why the session ended, or why the two sides do not reach
     * each other.
     */
    get connected(): Promise<RTCDataChannel>;
    /** Settles with why the session ended, when it does; never rejects. */
    get ended(): Promise<ProximError>;
    /** Whether the other side is connected to the node. */
    get peerOnline(): boolean;
    /** @type {RTCPeerConnection | null} The WebRTC connection, once approved. */
    get pc(): RTCPeerConnection | null;
    /**
     * Send any JSON value to the other side through the node, in order, once approved. While the node
     * is away up to 256 wait for it.
     * @param {unknown} data
     * @throws {ProximError} `session_ended`, `bad_message` when it is no JSON or larger than the node
     *   takes, `limit_reached` when too many wait.
     */
    send(data: unknown): void;
    /** End the session. Closing one that has ended is no error. */
    close(): Promise<void>;
    /**
     * Begin the WebRTC connection anew; `connected` is then a promise that waits. For after
     * `unreachable`, when a person wants to try once more.
     * @throws {ProximError} `session_ended`
     */
    reconnect(): void;
    /**
     * Fresh ICE servers now; `ttl` is how long they serve, in seconds. Before those that are there
     * lapse this is done by itself, and the SDK's own connection is given them.
     * @returns {Promise<{ iceServers: RTCIceServer[], ttl: number }>}
     */
    refreshIce(): Promise<{
        iceServers: RTCIceServer[];
        ttl: number;
    }>;
    /**
     * How the two sides are connected, from `getStats()`; null while they are not.
     * @returns {Promise<Path | null>}
     */
    path(): Promise<Path | null>;
    #private;
}
/**
 * A registered desktop. It stays registered while the page is open, and takes its sessions again
 * after a reload: who it is stands in `localStorage`.
 *
 * @example
 * import { Host } from "/proxim.js";
 *
 * const session = await new Host().open({ type: "one_time" });
 * document.body.append(Object.assign(new Image(), { src: session.qr, width: 400 }));
 * session.onprompt = (prompt) => (confirm(prompt.deviceInfo.name) ? prompt.approve() : prompt.decline());
 * const channel = await session.connected;
 * channel.send("Hello, phone");
 */
export class Host extends EventTarget {
    /**
     * @param {string | URL} [url] The node; the page's own origin if left out.
     * @param {{ accessToken?: string, uuid?: string, key?: string, seats?: string[],
     *   rtc?: boolean }} [options] `uuid` and `key` say who this desktop is, instead of what is
     *   remembered. With `seats`, session ids, only these are taken again. `rtc: false` leaves WebRTC
     *   to you: all that comes is a `signal`.
     */
    constructor(url?: string | URL, options?: {
        accessToken?: string;
        uuid?: string;
        key?: string;
        seats?: string[];
        rtc?: boolean;
    });
    /** `session` (`session`): a session of this host, opened or found again.
     * @type {((event: Event & { session: HostSession }) => unknown) | null} */
    onsession: ((event: Event & {
        session: HostSession;
    }) => unknown) | null;
    /** `reachable` (`online`): the node is reached, or lost for the moment.
     * @type {((event: Event & { online: boolean }) => unknown) | null} */
    onreachable: ((event: Event & {
        online: boolean;
    }) => unknown) | null;
    /** `failed` (`error`): the host is done for; make a new one to try again.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onfailed: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** The node's address. */
    nodeUrl: string;
    /** @type {Map<string, HostSession>} The sessions that live, by their ids. */
    sessions: Map<string, HostSession>;
    /** Settles when the node knows this host. Rejects with why not. */
    get ready(): Promise<void>;
    /** The static identifier of this desktop. */
    get uuid(): string;
    /**
     * Open a session. `ttl` in seconds is for temporary ones, and needed there. With `tokenHash`, the
     * base64url SHA-256 of a pairing token of your own, the node never sees that token, and makes no
     * link.
     * @param {{ type?: SessionType, ttl?: number, tokenHash?: string }} [options]
     * @returns {Promise<HostSession>}
     */
    open({ type, ttl, tokenHash }?: {
        type?: SessionType;
        ttl?: number;
        tokenHash?: string;
    }): Promise<HostSession>;
    /**
     * All sessions of this owner as the node sees them, ended ones until it forgets them
     * (protocol: The session object).
     * @returns {Promise<any[]>}
     */
    list(): Promise<any[]>;
    /** Let go of the node. Sessions that survive a disconnect live on there. */
    leave(): void;
    #private;
}
/**
 * The seats at a node that this browser can take again: of this tab first, then the latest.
 * @param {string | URL} [url] The node; the page's own origin if left out.
 * @returns {(Remembered & { thisTab: boolean })[]}
 */
export function remembered(url?: string | URL): (Remembered & {
    thisTab: boolean;
})[];
/**
 * The guest's side of one session. Nothing goes to the node before `ask` or `resume` is called.
 *
 * The proof by which its seat is found again is remembered: for a one-time session as long as the tab
 * lives, for others until they end.
 */
export class Guest extends Session {
    /**
     * @param {string | URL | Location | Remembered} link What the host shows, or a seat of
     *   `remembered`.
     * @param {{ name?: string, deviceId?: string, rtc?: boolean }} [options] What this device is
     *   called, and its id; both are claims. `rtc: false` leaves WebRTC to you.
     * @throws {ProximError} `invalid_link`
     */
    constructor(link: string | URL | Location | Remembered, options?: {
        name?: string;
        deviceId?: string;
        rtc?: boolean;
    });
    /** `pending`: the host is being asked, until `expiresAt`.
     * @type {((event: Event) => unknown) | null} */
    onpending: ((event: Event) => unknown) | null;
    /** `reachable` (`online`): the node is reached, or lost for the moment.
     * @type {((event: Event & { online: boolean }) => unknown) | null} */
    onreachable: ((event: Event & {
        online: boolean;
    }) => unknown) | null;
    /** The node's address. */
    nodeUrl: string;
    /** Until when the host can answer, as `Date.now()` tells time. */
    expiresAt: number;
    /**
     * Ask to pair, by the link. Settles when the host is being asked; `approved` tells the answer.
     * @throws {ProximError} `unknown_session`, `token_used`, `link_lapsed`, `host_offline`,
     *   `session_ended`, `connection_lost`
     */
    ask(): Promise<void>;
    /**
     * Take the seat again.
     * @throws {ProximError} `session_ended` when it is over meanwhile, `connection_lost`
     */
    resume(): Promise<void>;
    /** Let go of the node and of the other side. The seat can be taken again with `remembered`. */
    leave(): void;
    #private;
}
/** A guest asks to pair. What it says of itself is a claim that nobody has checked. */
export class Prompt extends Event {
    protected constructor();
    /** The session that is asked for. */
    session: HostSession;
    /** @type {DeviceInfo} Who the guest says that it is. */
    deviceInfo: DeviceInfo;
    /** Until when an answer counts, as `Date.now()` tells time. */
    expiresAt: number;
    /** Let the guest in. Rejects with `already_decided` when it is too late. */
    approve(): Promise<void>;
    /** Turn the guest away; the session ends. */
    decline(): Promise<void>;
}
/**
 * A session of this host. `link`, `qr` and `lapsesAt` are there when this page has opened the
 * session or renewed its link.
 */
export class HostSession extends Session {
    protected constructor();
    /** `prompt` (a `Prompt`): a guest asks to pair.
     * @type {((prompt: Prompt) => unknown) | null} */
    onprompt: ((prompt: Prompt) => unknown) | null;
    /** `link`: there is a new link.
     * @type {((event: Event) => unknown) | null} */
    onlink: ((event: Event) => unknown) | null;
    /** @type {string | null} What a guest opens. */
    link: string | null;
    /** @type {string | null} The link as a QR code, for the `src` of an image. */
    qr: string | null;
    /** When the link lapses, as `Date.now()` tells time. */
    lapsesAt: number;
    /** @type {Prompt | null} The prompt that waits for an answer. */
    prompt: Prompt | null;
    /** When the session was opened, as `Date.now()` tells time. */
    createdAt: number;
    /** @type {number | null} When a temporary session ends, as `Date.now()` tells time. */
    expiresAt: number | null;
    /**
     * Get a new link; the earlier one is void at once.
     * @param {{ tokenHash?: string }} [options]
     * @throws {ProximError} `not_allowed` once somebody has asked.
     */
    renew({ tokenHash }?: {
        tokenHash?: string;
    }): Promise<void>;
    #private;
}
/**
 * Join a session, and get the open data channel: ask by the link, or take the seat again that this tab
 * has had. From a `Location` the link is taken out, so that it stands no more in the address bar.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string }} [options]
 * @returns {Promise<RTCDataChannel>}
 * @example
 * import { join } from "/proxim.js";
 *
 * const channel = await join(location);
 * channel.onmessage = ({ data }) => console.log(data); // prints: Hello, phone
 */
export function join(link: string | URL | Location, options?: {
    name?: string;
    deviceId?: string;
}): Promise<RTCDataChannel>;
/**
 * The guest that `join` makes, for who wants more than the channel. Nothing is asked yet.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string, rtc?: boolean }} [options]
 * @returns {Guest}
 * @throws {ProximError} `invalid_link`
 */
export function guestAt(link: string | URL | Location, options?: {
    name?: string;
    deviceId?: string;
    rtc?: boolean;
}): Guest;
/**
 * When a session ends by itself.
 */
export type SessionType = "one_time" | "persistent" | "temporary";
/**
 * A session's state.
 */
export type Status = "pending" | "approved" | "rejected" | "expired";
/**
 * Who a guest says that it is: a claim.
 */
export type DeviceInfo = {
    name: string;
    id: string;
};
/**
 * A message of the wire protocol.
 */
export type Message = Record<string, any>;
/**
 * The kind of an ICE candidate (RFC 8445, 5.1.1): an address of the device itself (`host`), one that
 * a STUN server has seen (`srflx`), one that only the other side has seen (`prflx`), one of a TURN
 * server (`relay`).
 */
export type CandidateKind = "host" | "prflx" | "srflx" | "relay";
/**
 * How the two sides are connected, in the words of `getStats()`: the kinds of the two candidates in
 * use, and in `via` the one of them that says most about the way: `relay` before `srflx` before
 * `prflx` before `host`. None but `relay` says which networks lie between. `protocol` is that of the
 * local candidate, `udp` or `tcp`; `rtt` is the round-trip time in milliseconds, null while it is
 * not known.
 */
export type Path = {
    via: CandidateKind;
    local: CandidateKind;
    remote: CandidateKind;
    rtt: number | null;
    protocol: string;
};
/**
 * A seat that can be taken again, as `remembered` tells it.
 */
export type Remembered = {
    nodeUrl: string;
    sessionId: string;
    resumeToken: string;
    type: string;
    since: number;
};
export {};
