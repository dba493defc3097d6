// Made from proxim.js by `make sdk-types`.
/**
 * Every error of the SDK. `code` is a code of the wire (protocol: Errors), or one of
 *
 * - `session_ended`: the session is over, with the `status` and `reason` of `session_ended`. The reason
 *   is `lost` if the node does not know the session any more, and `unconfirmed` if the node says that the host of
 *   a sealed session declined, and the host's own word is missing. A host that does not know this device any more says
 *   `forgotten`, `copied` (two devices have used the same grant: perhaps its storage was copied) or `expired`;
 * - `connection_lost`: the node cannot be reached, refuses pages of this origin (`--allow-origin`), or
 *   closed the connection with `closeCode`;
 * - `invalid_link`: a link or a node's address is not valid, or the browser does not let this page
 *   connect to it;
 * - `not_supported`: the node is too old for what this page relies on;
 * - `seal_unavailable`: the node does not carry sealed sessions. Nothing was sent to it;
 * - `tampered`: somebody between the two sides of a sealed session has removed, changed or forged its request or
 *   its approval. The session is over;
 * - `code_required`: the session is sealed or was opened with `confirm: "code"`, and `approve` was called without
 *   the number that the guest shows;
 * - `wrong_code`: the guest shows another number, and was declined; the session has ended;
 * - `unreachable`: the two sides can't connect to each other, after several attempts, or the other side
 *   has no WebRTC;
 * - `webrtc_failed`: the browser's WebRTC reported an error, which is the `cause`.
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
    /** The id of the session concerned, if any. */
    sessionId: string | undefined;
    /** Seconds after which to try again, for `rate_limited` and `unavailable`. */
    retryAfter: number | undefined;
    /** How a session ended, for `session_ended`. */
    status: Status | undefined;
    /** Why a session ended, for `session_ended`; `no_webrtc` if an `unreachable` side has none. */
    reason: string | undefined;
    /** The WebSocket's close code, for `connection_lost`. */
    closeCode: number | undefined;
}
/**
 * Parse a link (protocol: Links and QR codes). A link that leads to a page of its own (`joinUrl`) does
 * not say which node it is from: give `nodeUrl`. The link of a sealed session has `seal` instead of
 * a token.
 * @param {string | URL | Location} link
 * @param {string | URL} [nodeUrl]
 * @returns {{ nodeUrl: string, sessionId: string, token: string, seal?: LinkSeal }}
 * @throws {ProximError} `invalid_link`
 */
export function parseLink(link: string | URL | Location, nodeUrl?: string | URL): {
    nodeUrl: string;
    sessionId: string;
    token: string;
    seal?: LinkSeal;
};
/** Return a name for this device, by the browser's user agent: `iPhone`, `Linux PC`. */
export function deviceName(): string;
/** The events of `Session`, for its `addEventListener`. */
export interface SessionEventMap {
    signal: Event & { data: any; };
    connected: Event & { channel: RTCDataChannel; };
    disconnected: Event;
    unreachable: Event & { error: ProximError; };
    rtc: Event & { pc: RTCPeerConnection; };
    rtcstate: Event & { state: RTCPeerConnectionState; };
    ice: Event & { iceServers: RTCIceServer[]; };
    presence: Event & { online: boolean; replaced: boolean; };
    channel: Event & { channel: RTCDataChannel; };
    approved: Event;
    over: Event & { error: ProximError; };
    notice: Event & { notice: Notice; missed: number; };
    error: Event & { error: ProximError; };
}
/**
 * One side of a session: the base of `HostSession` and `Guest`.
 *
 * Each event has a property for its handler: `onsignal`, `onconnected` and so on. The handler gets the
 * event. Its fields are named in brackets.
 */
export class Session extends EventTarget {
    protected constructor();
    /** `signal` (`data`): the other side has sent `data` with `send`.
     * @type {((event: Event & { data: any }) => unknown) | null} */
    onsignal: ((event: Event & {
        data: any;
    }) => unknown) | null;
    /** `connected` (`channel`): the data channel is open, for the first time or again.
     * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
    onconnected: ((event: Event & {
        channel: RTCDataChannel;
    }) => unknown) | null;
    /** `disconnected`: the data channel is closed; `connected` is a new promise. If only the channel was
     * closed, and not the connection under it, the host opens a new one, three times.
     * @type {((event: Event) => unknown) | null} */
    ondisconnected: ((event: Event) => unknown) | null;
    /** `unreachable` (`error`): the two sides can't connect to each other, after several attempts, or the
     * other side has no WebRTC; `connected` has rejected. The next attempt begins when a side comes back
     * to the node, or with `reconnect`.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onunreachable: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** `rtc` (`pc`): there is a new `RTCPeerConnection`, not negotiated yet; add tracks here.
     * @type {((event: Event & { pc: RTCPeerConnection }) => unknown) | null} */
    onrtc: ((event: Event & {
        pc: RTCPeerConnection;
    }) => unknown) | null;
    /** `rtcstate` (`state`): the `connectionState` of the `RTCPeerConnection` has changed.
     * @type {((event: Event & { state: RTCPeerConnectionState }) => unknown) | null} */
    onrtcstate: ((event: Event & {
        state: RTCPeerConnectionState;
    }) => unknown) | null;
    /** `ice` (`iceServers`): there are fresh ICE servers, before the earlier ones expire. Use them for
     * the next ICE restart of a connection of your own.
     * @type {((event: Event & { iceServers: RTCIceServer[] }) => unknown) | null} */
    onice: ((event: Event & {
        iceServers: RTCIceServer[];
    }) => unknown) | null;
    /** `presence` (`online`, `replaced`): the other side has connected to the node, or disconnected.
     * `replaced` if the guest has connected again while its earlier connection still stood.
     * @type {((event: Event & { online: boolean, replaced: boolean }) => unknown) | null} */
    onpresence: ((event: Event & {
        online: boolean;
        replaced: boolean;
    }) => unknown) | null;
    /** `channel` (`channel`): the other side has opened another data channel.
     * @type {((event: Event & { channel: RTCDataChannel }) => unknown) | null} */
    onchannel: ((event: Event & {
        channel: RTCDataChannel;
    }) => unknown) | null;
    /** `approved`: a person has approved the guest.
     * @type {((event: Event) => unknown) | null} */
    onapproved: ((event: Event) => unknown) | null;
    /** `over` (`error`): the session has ended; the error's `reason` says why.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onover: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** `notice` (`notice`, `missed`): a side of a sealed session has noticed something (`Notice`).
     * @type {((event: Event & { notice: Notice, missed: number }) => unknown) | null} */
    onnotice: ((event: Event & {
        notice: Notice;
        missed: number;
    }) => unknown) | null;
    /** `error` (`error`): the node refused a signal, or WebRTC reported an error. The session goes on.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onerror: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** The session's id; that of a host's session changes when the session is opened again. */
    id: string;
    /** Whether it is sealed: the node can neither read nor forge the names, the decision and the signals. */
    sealed: boolean;
    /** @type {Status} The session's state. */
    status: Status;
    /** @type {SessionType | null} When it ends by itself; null until a guest knows it. */
    type: SessionType | null;
    /** @type {DeviceInfo | null} The guest's claim who it is. */
    deviceInfo: DeviceInfo | null;
    /** @type {RTCIceServer[] | null} The node's servers for WebRTC; null before. */
    iceServers: RTCIceServer[] | null;
    /** @type {ProximError | null} Why it ended, if it did. */
    over: ProximError | null;
    /** Resolves once a person has approved the guest. Rejects with the reason if that does not happen. */
    get approved(): Promise<void>;
    /**
     * The open data channel. Its messages wait until the page listens. After a loss this is a new
     * promise, for the next channel. Rejects with the error if the session ends, or if the two sides
     * can't connect to each other.
     */
    get connected(): Promise<RTCDataChannel>;
    /** Resolves with the error that says why the session ended; never rejects. */
    get ended(): Promise<ProximError>;
    /** Whether the other side is connected to the node. */
    get peerOnline(): boolean;
    /** @type {RTCPeerConnection | null} The WebRTC connection, once approved. */
    get pc(): RTCPeerConnection | null;
    /**
     * Send any JSON value to the other side through the node, in order, once approved. Up to 256 values
     * wait while the node is offline, and in a sealed session also while the other side is offline.
     * @param {unknown} data
     * @throws {ProximError} `session_ended`, `bad_message` when `data` is not JSON or too large for the
     *   node, `limit_reached` when too many values wait, `not_approved` before the approval.
     */
    send(data: unknown): void;
    /** End the session. It may have ended already. Before the approval, a guest cancels its request by this. */
    close(): Promise<void>;
    /**
     * Start a new WebRTC connection, for example when a person tries again after `unreachable`.
     * `connected` is then pending.
     * @throws {ProximError} `session_ended`
     */
    reconnect(): void;
    /**
     * Get fresh ICE servers; they are valid for `ttl` seconds. The SDK does this by itself before they
     * expire, and its own connection uses them.
     * @returns {Promise<{ iceServers: RTCIceServer[], ttl: number }>}
     */
    refreshIce(): Promise<{
        iceServers: RTCIceServer[];
        ttl: number;
    }>;
    /**
     * Return how the two sides are connected, from `getStats()`; null while they are not.
     * @returns {Promise<Path | null>}
     */
    path(): Promise<Path | null>;
    #private;
    addEventListener<K extends keyof SessionEventMap>(type: K, listener: ((this: Session, event: SessionEventMap[K]) => unknown) | { handleEvent(event: SessionEventMap[K]): unknown } | null, options?: boolean | AddEventListenerOptions): void;
    removeEventListener<K extends keyof SessionEventMap>(type: K, listener: ((this: Session, event: SessionEventMap[K]) => unknown) | { handleEvent(event: SessionEventMap[K]): unknown } | null, options?: boolean | EventListenerOptions): void;
}
/** A guest asks to pair. Its name and id are unverified claims. */
export class Prompt extends Event {
    protected constructor();
    /** The session that the guest asks for. */
    session: HostSession;
    /** @type {DeviceInfo} The guest's claim who it is. */
    deviceInfo: DeviceInfo;
    /**
     * Whether a person has declined such requests twice in the last ten minutes: those of this link, of this device's
     * key, or of unknown devices, if this one is unknown. Show the prompt without a sound or a dialog then.
     */
    isSilent: boolean;
    /** @type {KnownDevice | null} The known device that asks. Its approval needs no number. */
    get device(): KnownDevice | null;
    /** Whether `approve` can remember the device: its page and the node allow that, and this host has no `seats`. */
    get canRemember(): boolean;
    /** When the prompt expires, in the time of `Date.now()`. */
    get expiresAt(): number;
    /**
     * Approve the guest.
     * @param {string} [code] The three digits that the guest shows, for a session that is sealed or has
     *   `confirm: "code"`. There is one attempt: with another number the guest is declined.
     * @param {{ remember?: Remember }} [options] With `remember` the guest's device can come back without a number, also
     *   after months: each time there is a `visit`. The session has to be sealed.
     * @throws {ProximError} `code_required`; the prompt stays. `wrong_code`; the session has ended.
     *   `already_decided` if it is too late. `not_supported` if the device cannot be remembered, `limit_reached` if the
     *   node or this browser remembers no more; the prompt stays.
     */
    approve(code?: string, { remember }?: {
        remember?: Remember;
    }): Promise<void>;
    /**
     * Approve the guest of a sealed session without the number. Then any device that has seen the link gets in: only
     * for hosts that let in whoever asks.
     * @throws {ProximError} `already_decided` if it is too late.
     */
    approveUnchecked(): Promise<void>;
    /** Decline the guest; the session ends. */
    decline(): Promise<void>;
    #private;
}
/** The events of `HostSession`, for its `addEventListener`. */
export interface HostSessionEventMap extends SessionEventMap {
    prompt: Prompt;
    contested: Event;
    link: Event;
}
/**
 * A session of this host. It has a `link`, `qr` and `lapsesAt` if this page opened it or renewed its
 * link.
 *
 * A node that is restarted forgets its sessions. This page then opens a persistent or temporary one again, unless it has
 * a `tokenHash`. A sealed session goes on with its guest. One that is not sealed is pending again, with another `id` and
 * a new link, until the same `expiresAt`. `presence` says that the guest is gone, and then `link` that there is a new link.
 * `approved` and `connected` are new promises.
 */
export class HostSession extends Session {
    protected constructor();
    /** `prompt` (a `Prompt`): a guest asks to pair.
     * @type {((prompt: Prompt) => unknown) | null} */
    onprompt: ((prompt: Prompt) => unknown) | null;
    /** `contested`: another device has shown this link, too, after the guest. It was refused. Perhaps a
     * person scanned twice, perhaps somebody else has seen the code.
     * @type {((event: Event) => unknown) | null} */
    oncontested: ((event: Event) => unknown) | null;
    /** `link`: there is a new link, by `renew`, or because a restart of the node has made the session `pending` again.
     * @type {((event: Event) => unknown) | null} */
    onlink: ((event: Event) => unknown) | null;
    /** @type {string | null} The link that a guest opens. */
    link: string | null;
    /** @type {string | null} The link as a QR code, for the `src` of an image. */
    qr: string | null;
    /** @type {Prompt | null} The prompt that waits for a decision. */
    prompt: Prompt | null;
    /** Whether another device has shown the link, too. */
    contested: boolean;
    /** @type {"none" | "code"} Whether `approve` needs the number that the guest shows. */
    confirm: "none" | "code";
    /** The known device that visits; null in other sessions. */
    device: KnownDevice | null;
    /** When the link expires, in the time of `Date.now()`. */
    get lapsesAt(): number;
    /** When the session was opened, in the time of `Date.now()`. */
    get createdAt(): number;
    /** @type {number | null} When a temporary session ends, in the time of `Date.now()`. */
    get expiresAt(): number | null;
    /**
     * Get a new link; the earlier one is invalid at once. It leads to `joinUrl`, by default to where the
     * earlier links of this page led.
     * @param {{ tokenHash?: string, joinUrl?: string | URL }} [options]
     * @throws {ProximError} `not_allowed` once a guest has asked, `not_supported` if the node does not know
     *   `joinUrl`.
     */
    renew({ tokenHash, joinUrl }?: {
        tokenHash?: string;
        joinUrl?: string | URL;
    }): Promise<void>;
    #private;
    addEventListener<K extends keyof HostSessionEventMap>(type: K, listener: ((this: HostSession, event: HostSessionEventMap[K]) => unknown) | { handleEvent(event: HostSessionEventMap[K]): unknown } | null, options?: boolean | AddEventListenerOptions): void;
    removeEventListener<K extends keyof HostSessionEventMap>(type: K, listener: ((this: HostSession, event: HostSessionEventMap[K]) => unknown) | { handleEvent(event: HostSessionEventMap[K]): unknown } | null, options?: boolean | EventListenerOptions): void;
}
/** The events of `Host`, for its `addEventListener`. */
export interface HostEventMap {
    session: Event & { session: HostSession; };
    visit: Event & { session: HostSession; device: KnownDevice; };
    devicenotice: Event & { device: KnownDevice; notice: DeviceNotice; };
    reachable: Event & { online: boolean; };
    failed: Event & { error: ProximError; };
}
/**
 * A registered host. It stays registered while the page is open. After a reload it takes its sessions
 * again, by the identity in `localStorage`.
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
     * @param {string | URL} [url] The node; by default the page's own origin.
     * @param {{ accessToken?: string, uuid?: string, key?: string, name?: string, seats?: string[],
     *   devices?: DeviceStore, rtc?: boolean }} [options] `uuid` and `key` identify this host, instead of the
     *   remembered identity. The guests of sealed sessions are told the `name`. With `seats`, the host takes only
     *   the sessions with these ids again, and expects no known devices. Those are stored in `devices`, by default in
     *   `localStorage`. With `rtc: false` the SDK makes no WebRTC connection: every signal is a `signal` event.
     */
    constructor(url?: string | URL, options?: {
        accessToken?: string;
        uuid?: string;
        key?: string;
        name?: string;
        seats?: string[];
        devices?: DeviceStore;
        rtc?: boolean;
    });
    /** `session` (`session`): a session of this host was opened, or restored.
     * @type {((event: Event & { session: HostSession }) => unknown) | null} */
    onsession: ((event: Event & {
        session: HostSession;
    }) => unknown) | null;
    /** `visit` (`session`, `device`): a known device has come. With the policy `ask` its `prompt` follows, and `approve` needs
     * no number; with `auto` the session is `approved` at once: show that, with a way to close it.
     * @type {((event: Event & { session: HostSession, device: KnownDevice }) => unknown) | null} */
    onvisit: ((event: Event & {
        session: HostSession;
        device: KnownDevice;
    }) => unknown) | null;
    /** `devicenotice` (`device`, `notice`): something is wrong with a known device (`DeviceNotice`). Tell the person.
     * @type {((event: Event & { device: KnownDevice, notice: DeviceNotice }) => unknown) | null} */
    ondevicenotice: ((event: Event & {
        device: KnownDevice;
        notice: DeviceNotice;
    }) => unknown) | null;
    /** `reachable` (`online`): the node is reached, or is lost for now.
     * @type {((event: Event & { online: boolean }) => unknown) | null} */
    onreachable: ((event: Event & {
        online: boolean;
    }) => unknown) | null;
    /** `failed` (`error`): the host is closed for good; make a new one to try again.
     * @type {((event: Event & { error: ProximError }) => unknown) | null} */
    onfailed: ((event: Event & {
        error: ProximError;
    }) => unknown) | null;
    /** The node's URL. */
    nodeUrl: string;
    /** What the guests of sealed sessions are told that are opened from now on, and known devices at their next visits. */
    name: string;
    /** @type {Map<string, HostSession>} The sessions that have not ended, by their ids. */
    sessions: Map<string, HostSession>;
    /** Resolves once this host is registered. Rejects with the error if that fails. */
    get ready(): Promise<void>;
    /** The permanent id of this host. */
    get uuid(): string;
    /** What the node does beyond version 1 of the protocol, such as `seal`; empty before `ready`. */
    get features(): string[];
    /**
     * Open a session. A temporary session needs `ttl`, in seconds. `tokenHash` is the base64url SHA-256
     * of a pairing token of your own: the node then never sees the token, and makes no link. With
     * `confirm: "code"` the guest shows a number of three digits, and `prompt.approve` needs it. With
     * `joinUrl` the link and the QR code lead to this page of your own, instead of the node's. The guest
     * sees `hostName`, a name of this device; an older node does not pass it on.
     *
     * With `sealed`, the node can neither read nor forge the names, the decision and the signals. This page
     * makes the link and the QR code, which the node never has, and `prompt.approve` always needs the number.
     * The guest then learns the name of this device once it is approved.
     * @param {{ type?: SessionType, ttl?: number, tokenHash?: string, confirm?: "none" | "code",
     *   joinUrl?: string | URL, hostName?: string, sealed?: boolean }} [options]
     * @returns {Promise<HostSession>}
     * @throws {ProximError} `not_supported` if the node does not know `confirm` or `joinUrl`,
     *   `seal_unavailable` if it does not carry sealed sessions.
     */
    open({ type, ttl, tokenHash, confirm, joinUrl, hostName, sealed }?: {
        type?: SessionType;
        ttl?: number;
        tokenHash?: string;
        confirm?: "none" | "code";
        joinUrl?: string | URL;
        hostName?: string;
        sealed?: boolean;
    }): Promise<HostSession>;
    /** Return all sessions of this owner, including those that ended recently. @returns {Promise<SessionInfo[]>} */
    list(): Promise<SessionInfo[]>;
    /** Return the devices that this host remembers, the latest first. @returns {Promise<KnownDevice[]>} */
    devices(): Promise<KnownDevice[]>;
    /** Forget a known device, and end its visit: it is a stranger then. @param {string} id */
    forget(id: string): Promise<void>;
    /** Forget all known devices. */
    forgetAll(): Promise<void>;
    /** Give a known device another name. @param {string} id @param {string} name @throws {ProximError} `bad_message` */
    rename(id: string, name: string): Promise<void>;
    /** Change whether the program takes the files of a device without a question. @param {string} id @param {boolean} takesFiles */
    takeFiles(id: string, takesFiles: boolean): Promise<void>;
    /**
     * Ask the node again how the sessions stand, and how much time is left. Call this when the page stood
     * still for a while, or when the device's clock was set: messages may have waited in the meantime. An
     * open prompt is emitted again.
     */
    refresh(): Promise<void>;
    /** Disconnect from the node. Sessions that survive a disconnect go on there. */
    leave(): void;
    #private;
    addEventListener<K extends keyof HostEventMap>(type: K, listener: ((this: Host, event: HostEventMap[K]) => unknown) | { handleEvent(event: HostEventMap[K]): unknown } | null, options?: boolean | AddEventListenerOptions): void;
    removeEventListener<K extends keyof HostEventMap>(type: K, listener: ((this: Host, event: HostEventMap[K]) => unknown) | { handleEvent(event: HostEventMap[K]): unknown } | null, options?: boolean | EventListenerOptions): void;
}
/** The events of `Guest`, for its `addEventListener`. */
export interface GuestEventMap extends SessionEventMap {
    pending: Event;
    reachable: Event & { online: boolean; };
}
/**
 * The guest's side of one session. It sends nothing before `ask` or `resume` is called.
 *
 * The browser remembers the token that takes its seat again: of a one-time session while the tab is open,
 * of other sessions until they end.
 */
export class Guest extends Session {
    /**
     * @param {string | URL | Location | Remembered | Grant} link The host's link, a seat of `remembered`, or a
     *   grant of `grants`.
     * @param {{ name?: string, deviceId?: string, nodeUrl?: string | URL, rtc?: boolean, canBeRemembered?: boolean }} [options]
     *   The name and the id that this device claims. `nodeUrl` is the node of a link that leads to a page of
     *   its own, and does not name the node. With `rtc: false` the SDK makes no WebRTC connection. With
     *   `canBeRemembered: false` the host of a sealed session cannot remember this browser.
     * @throws {ProximError} `invalid_link`
     */
    constructor(link: string | URL | Location | Remembered | Grant, options?: {
        name?: string;
        deviceId?: string;
        nodeUrl?: string | URL;
        rtc?: boolean;
        canBeRemembered?: boolean;
    });
    /** `pending`: the host has the prompt, until `expiresAt`. In a sealed session it comes again with the `code`.
     * @type {((event: Event) => unknown) | null} */
    onpending: ((event: Event) => unknown) | null;
    /** `reachable` (`online`): the node is reached, or is lost for now.
     * @type {((event: Event & { online: boolean }) => unknown) | null} */
    onreachable: ((event: Event & {
        online: boolean;
    }) => unknown) | null;
    /** The node's URL. */
    nodeUrl: string;
    /** @type {string | null} The number to show while the prompt is open, if the host has to type it. */
    code: string | null;
    /** @type {string | null} What the host calls its device: a claim. A sealed session has it once approved. */
    hostName: string | null;
    /**
     * Ask to pair, by the link. Resolves once the host has the prompt; `approved` gives the decision. If the link is
     * sealed and the connection is lost before the reply, the same request is sent again, up to five times.
     * @throws {ProximError} `unknown_session`, `token_used`, `link_lapsed`, `host_offline`,
     *   `session_ended`, `connection_lost`
     */
    ask(): Promise<void>;
    /**
     * Take the seat again.
     * @throws {ProximError} `session_ended` if the session ended in the meantime, `connection_lost`
     */
    resume(): Promise<void>;
    /** When the prompt expires, in the time of `Date.now()`. */
    get expiresAt(): number;
    /**
     * Ask the node again how much time is left for the answer. Call this when the page stood still for a
     * while, or when the device's clock was set: messages may have waited in the meantime.
     */
    refresh(): Promise<void>;
    /** Disconnect from the node and from the host. The seat can be taken again with `remembered`. */
    leave(): void;
    #private;
    addEventListener<K extends keyof GuestEventMap>(type: K, listener: ((this: Guest, event: GuestEventMap[K]) => unknown) | { handleEvent(event: GuestEventMap[K]): unknown } | null, options?: boolean | AddEventListenerOptions): void;
    removeEventListener<K extends keyof GuestEventMap>(type: K, listener: ((this: Guest, event: GuestEventMap[K]) => unknown) | { handleEvent(event: GuestEventMap[K]): unknown } | null, options?: boolean | EventListenerOptions): void;
}
/**
 * Return the seats at a node that this browser can take again: first those of this tab, then the latest.
 * @param {string | URL} [url] The node; by default the page's own origin.
 * @returns {(Remembered & { thisTab: boolean })[]}
 */
export function remembered(url?: string | URL): (Remembered & {
    thisTab: boolean;
})[];
/**
 * Return the seat that this browser can take again by a link, since it has used the link before; null if it has none.
 * @param {string | URL | Location} link
 * @param {string | URL} [nodeUrl] The node of a link that leads to a page of its own.
 * @returns {Remembered | null}
 * @throws {ProximError} `invalid_link`, `tampered` if the seat is that of another session: the node has given the
 *   sealed session of this link the id of an earlier one.
 */
export function seatFor(link: string | URL | Location, nodeUrl?: string | URL): Remembered | null;
/**
 * Join a session, and return the open data channel. The guest asks by the link, or takes this browser's
 * earlier seat again. With a `Location` the link is removed from the address bar.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string, nodeUrl?: string | URL }} [options] Those of `Guest`.
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
    nodeUrl?: string | URL;
}): Promise<RTCDataChannel>;
/**
 * Return the guest that `join` uses, for pages that need more than the channel. It has not asked yet.
 * @param {string | URL | Location} link
 * @param {{ name?: string, deviceId?: string, nodeUrl?: string | URL, rtc?: boolean }} [options] Those of
 *   `Guest`.
 * @returns {Guest}
 * @throws {ProximError} `invalid_link`, `tampered` if the node has given the sealed session of the link the id of an
 *   earlier one of this browser.
 */
export function guestAt(link: string | URL | Location, options?: {
    name?: string;
    deviceId?: string;
    nodeUrl?: string | URL;
    rtc?: boolean;
}): Guest;
/**
 * Return the hosts at a node that know this browser, the latest first.
 * @param {string | URL} [url] The node; by default the page's own origin.
 * @returns {Promise<Grant[]>}
 */
export function grants(url?: string | URL): Promise<Grant[]>;
/**
 * Visit a host that knows this browser, and return the open data channel. No code is needed; with `isAuto` the host
 * does not even ask its person. `unknown_session` and `host_offline` mean that the host cannot be reached now.
 * @param {Grant} grant One of `grants`.
 * @param {{ name?: string }} [options] Those of `Guest`.
 * @returns {Promise<RTCDataChannel>}
 */
export function connect(grant: Grant, options?: {
    name?: string;
}): Promise<RTCDataChannel>;
/** Forget a host: this browser cannot come to it without a code any more. @param {Grant} grant */
export function forgetGrant({ id }: Grant): Promise<void>;
/**
 * When a session ends by itself.
 */
export type SessionType = "one_time" | "persistent" | "temporary";
/**
 * A session's state.
 */
export type Status = "pending" | "approved" | "rejected" | "expired";
/**
 * A guest's claim who it is.
 */
export type DeviceInfo = {
    name: string;
    id: string;
};
/**
 * A session, as the node describes it (protocol: The session object). `created_at` and `expires_at` are times
 * of the node (RFC 3339, UTC); only a temporary session has `expires_at`. `reason` says why a session ended.
 * With `confirm`, an approval needs the number that the guest shows. With `seal`, the session is sealed.
 */
export type SessionInfo = {
    session_id: string;
    uuid: string;
    session_type: SessionType;
    created_at: string;
    expires_at: string | null;
    status: Status;
    device_info: DeviceInfo | null;
    host_online: boolean;
    guest_online: boolean;
    reason?: string;
    confirm?: "code";
    seal?: 1;
};
/**
 * A message of the wire protocol.
 */
export type Message = Record<string, any>;
/**
 * The kind of an ICE candidate (RFC 8445, 5.1.1): an address of the device itself (`host`), an address
 * that a STUN server saw (`srflx`) or that only the other side saw (`prflx`), or an address of a TURN
 * server (`relay`).
 */
export type CandidateKind = "host" | "prflx" | "srflx" | "relay";
/**
 * How the two sides are connected, in the terms of `getStats()`: `local` and `remote` are the kinds of
 * the candidates in use. `via` is the one that says most about the path: `relay` before `srflx` before
 * `prflx` before `host`. Only `relay` tells which networks lie between. `protocol` is that of the local
 * candidate, `udp` or `tcp`. `rtt` is the round-trip time in milliseconds, null while unknown.
 */
export type Path = {
    via: CandidateKind;
    local: CandidateKind;
    remote: CandidateKind;
    rtt: number | null;
    protocol: string;
};
/**
 * A seat that a guest can take again, from `remembered`. `seal` has the secrets of a sealed session, and `boot` is
 * that of the node's `welcome`.
 */
export type Remembered = {
    nodeUrl: string;
    sessionId: string;
    resumeToken: string;
    type: string;
    since: number;
    seal?: object;
    boot?: string;
};
/**
 * The secrets in the link of a sealed session.
 */
export type LinkSeal = {
    seed: string;
    hostKey: string;
};
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
 */
export type Notice = "tampered" | "late" | "before" | "missed" | "does_not_open" | "elsewhere" | "forgotten";
/**
 * A known device as its host stores it; all of it is secret. The binary fields are base64url. `since`, `end` and
 * `lastSeen` are times of `Date.now()`. `nonce`, `seed` and `private` are those of its standing session, `seen` has the
 * keys of its last requests, `pairedIn` is the session that brought the grant.
 * `isForgotten` says that nothing is left to do but to close the standing session. `hasExpired`: the page was told that
 * its time is over. It is removed 30 days later, since the clock may be wrong.
 */
export type StoredDevice = KnownDevice & {
    key: string;
    nonce: string;
    seed: string;
    private: string;
    ticket: string;
    previous: string | null;
    isUsed: boolean;
    seen: string[];
    pairedIn: string;
    isForgotten?: boolean;
    hasExpired?: boolean;
};
/**
 * A device that a host remembers. The person at the host gave the `name`. With `policy` `auto` its visits are approved
 * without a question. `since`, `end` and `lastSeen` (its last visit) are times of `Date.now()`.
 */
export type KnownDevice = {
    id: string;
    name: string;
    policy: "ask" | "auto";
    since: number;
    end: number;
    lastSeen: number | null;
    takesFiles: boolean;
};
/**
 * What `prompt.approve` remembers of a device: a name that the person gives it, for how many days (90, which is also the
 * most), whether to `ask` at each visit or to approve it without a question (`auto`), and whether the program takes its
 * files without a question.
 */
export type Remember = {
    name: string;
    days?: number;
    policy?: "ask" | "auto";
    takesFiles?: boolean;
};
/**
 * A host that knows this browser, from `grants`: `connect` comes to it without a code. `since` and `end` are times of
 * `Date.now()`. With `isAuto` the host approves visits without a question. `pairedIn` is the session that brought it.
 */
export type Grant = {
    id: string;
    nodeUrl: string;
    sessionId: string;
    hostName: string;
    end: number;
    isAuto: boolean;
    since: number;
    pairedIn: string;
};
/**
 * What a host has noticed about a known device: `copied`: two devices have used its grant, `expired`: the time of the grant
 * is over; in both cases the host has forgotten the device. `stranger`: another device has its link, and was declined.
 */
export type DeviceNotice = "copied" | "expired" | "stranger";
/**
 * Keeps the known devices of a host. When `save` has resolved, they outlive the page.
 */
export type DeviceStore = {
    load: () => StoredDevice[] | Promise<StoredDevice[]>;
    save: (devices: StoredDevice[]) => void | Promise<void>;
};
export {};
