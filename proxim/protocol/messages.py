"""Every message of the protocol (docs/reference/protocol.md).

There are two tagged unions: a client sends a ``ClientMessage``, the node a ``NodeMessage``. The
``type`` of a message is its class name in snake case. Unknown fields are ignored; new fields always
get a default.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from proxim.protocol.fields import (
    Ack,
    Answer,
    Code,
    Confirm,
    DeviceName,
    Key,
    Nonce,
    Ref,
    RequestSeal,
    Secret,
    SessionId,
    TokenHash,
    Ttl,
    Uuid,
)
from proxim.protocol.fields import DeviceInfo as DeviceInfo
from proxim.protocol.fields import IceServer as IceServer
from proxim.protocol.fields import Reason as Reason
from proxim.protocol.fields import SessionInfo as SessionInfo
from proxim.protocol.fields import SessionType as SessionType
from proxim.protocol.fields import Status as Status
from proxim.protocol.link import JoinUrl

PROTOCOL_VERSION = 1
SUBPROTOCOL = "proxim.v1"
FEATURES = ("confirm", "rotate", "join_url", "seal", "link_ttl", "nonce", "pair_cancel")
"""What this node does beyond version 1 of the protocol; an older node would not say so."""
SEAL_VERSION: Literal[1] = 1
"""The version of sealed sessions (docs/reference/sealing.md)."""


def _type_of(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class _Request(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=_type_of):
    """A client's message; the reply or the error carries the same ``ref``."""

    ref: Ref | None = None


class _Reply(Struct, frozen=True, kw_only=True, tag=_type_of):
    """A node's message, with the ``ref`` of the request that it answers."""

    ref: str | UnsetType = UNSET


# -- host to node ----------------------------------------------------------------------------


class Register(_Request, frozen=True):
    """Take the host seat of all live sessions of (uuid, key); without a key the node makes one.

    With ``seats``, a list of session ids, take only the seats of these; an empty list takes none.
    ``access_token`` is needed if the node requires one. Reply: ``registered``.
    """

    uuid: Uuid
    key: Key | None = None
    access_token: Secret | None = None
    seats: list[SessionId] | None = None


class CreateSession(_Request, frozen=True):
    """Open a session and take its host seat.

    ``ttl`` (seconds) is required for ``temporary``, and refused for other types. ``token_hash`` is
    the base64url SHA-256 of a pairing token's text, if the host made the token. Without it the
    node makes the token and the link to the page ``join_url``, and with ``qr`` draws the link. With
    ``confirm`` "code" an approval needs the code that the guest shows. With ``seal`` 1 the session
    is sealed; that needs ``token_hash``. The guest is told ``host_name``, the host's claim how its
    device is called. The link works for ``link_ttl`` seconds, at most as long as the node allows.
    The session id is made of ``nonce``, which is secret: whoever knows it can open a session of
    this id when there is none. Both need ``token_hash``. Reply: ``session_created``.
    """

    session_type: SessionType
    ttl: Ttl | None = None
    token_hash: TokenHash | None = None
    qr: Literal["svg"] | None = None
    confirm: Confirm = "none"
    join_url: JoinUrl | None = None
    seal: Literal[1] | None = None
    host_name: DeviceName | None = None
    link_ttl: Ttl | None = None
    nonce: Nonce | None = None


class RenewLink(_Request, frozen=True):
    """Get a new link for a pending session without an open prompt; the old one becomes invalid.

    With the ``token_hash`` that it has, the link stays and works for longer. The node remembers
    neither ``join_url`` nor ``link_ttl``. Reply: ``link_renewed``.
    """

    session_id: SessionId
    token_hash: TokenHash | None = None
    qr: Literal["svg"] | None = None
    join_url: JoinUrl | None = None
    link_ttl: Ttl | None = None


class PairDecision(_Request, frozen=True):
    """Approve or reject the guest of the prompt. Reply: ``pair_result``.

    If the prompt has ``confirm``, an approval needs the ``code`` that the guest shows. In a sealed
    session an approval needs a ``seal``, which the guest gets in ``pair_result``.
    """

    session_id: SessionId
    approve: bool
    code: Code | None = None
    seal: Answer | None = None


class PairAck(_Request, frozen=True):
    """Acknowledge the request of a prompt in a sealed session, once for each prompt.

    The guest receives the same message without ``ref``. No reply.
    """

    session_id: SessionId
    seal: Ack


class ListSessions(_Request, frozen=True):
    """List the sessions of this uuid and key, ended ones until the sweep. Reply: ``sessions``."""


class CloseSession(_Request, frozen=True):
    """End a session: the host at any time, the guest once approved. Reply: ``session_ended``."""

    session_id: SessionId


# -- guest to node ---------------------------------------------------------------------------


class PairRequest(_Request, frozen=True):
    """Ask to pair; this uses up the right token. Reply: ``pair_pending``, later ``pair_result``.

    A sealed session needs ``seal``, which the host gets in ``pair_prompt``.
    """

    session_id: SessionId
    token: Secret
    device_info: DeviceInfo
    seal: RequestSeal | None = None


class PairCancel(_Request, frozen=True):
    """Take back the request to pair, while the prompt is open. Reply: ``session_ended``."""

    session_id: SessionId


class Resume(_Request, frozen=True):
    """Take the guest seat again. Reply: ``resumed``, with a new resume token."""

    session_id: SessionId
    resume_token: Secret


# -- both to node ----------------------------------------------------------------------------


class Signal(_Request, frozen=True):
    """Send any JSON value to the peer, unchanged and in order, while the session is approved.

    The peer receives the same message without ``ref``. No reply.
    """

    session_id: SessionId
    data: Raw


class RefreshIce(_Request, frozen=True):
    """Get new ICE servers for an approved session. Reply: ``ice_servers``."""

    session_id: SessionId


class Ping(_Request, frozen=True):
    """Ping the node, for clients that cannot send WebSocket pings. Reply: ``pong``."""


ClientMessage = (
    Register
    | CreateSession
    | RenewLink
    | PairDecision
    | PairAck
    | ListSessions
    | CloseSession
    | PairRequest
    | PairCancel
    | Resume
    | Signal
    | RefreshIce
    | Ping
)


# -- node to host or guest -------------------------------------------------------------------


class Welcome(_Reply, frozen=True):
    """The first message on every connection. ``features`` lists what is beyond version 1.

    ``seal`` is the version of sealed sessions, if the node carries them. ``join_url`` is the page
    that the node's links lead to; believe it only of a node on the same computer. Another ``boot``
    than before means that the node has forgotten all sessions of then.
    """

    protocol: int
    server: str
    approval_timeout: float
    max_message_bytes: int
    features: list[str] | UnsetType = UNSET
    seal: int | UnsetType = UNSET
    join_url: str | UnsetType = UNSET
    boot: str | UnsetType = UNSET


class Registered(_Reply, frozen=True):
    """The reply to ``register``; with ``key`` if the node made it."""

    uuid: str
    sessions: list[SessionInfo]
    key: str | UnsetType = UNSET


class SessionCreated(_Reply, frozen=True):
    """The new session. ``pair_within`` is in seconds; no link or token if the host made one."""

    session: SessionInfo
    pair_within: float
    link: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    qr_svg: str | UnsetType = UNSET


class LinkRenewed(_Reply, frozen=True):
    """The new link, with the fields of ``session_created``."""

    session_id: str
    pair_within: float
    link: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    qr_svg: str | UnsetType = UNSET


class Sessions(_Reply, frozen=True):
    """The reply to ``list_sessions``."""

    sessions: list[SessionInfo]


class PairPending(_Reply, frozen=True):
    """The host was prompted; ``expires_in`` is the time left, in seconds.

    ``session_type`` says for how long the resume token is useful. The guest shows ``code``, if it
    is there, to the person who approves. ``host_name`` is that of ``create_session``, a claim.
    """

    session_id: str
    resume_token: str
    expires_in: float
    session_type: SessionType | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    host_name: str | UnsetType = UNSET


class PairPrompt(_Reply, frozen=True):
    """To the host: a guest asks to pair; ``expires_in`` is the time left, in seconds.

    With ``confirm`` an approval needs the code that the guest shows. ``seal`` is the guest's.
    """

    session_id: str
    device_info: DeviceInfo
    expires_in: float
    confirm: Literal["code"] | UnsetType = UNSET
    seal: str | UnsetType = UNSET


class Contested(_Reply, frozen=True):
    """To the host, once for each link: another request came with its token, which was used.

    In a sealed session it had another seal, too.
    """

    session_id: str


class PairResult(_Reply, frozen=True):
    """To both sides: the outcome of the prompt. ``ice_servers`` only if approved.

    ``ice_ttl`` is how long they are valid, in seconds. ``seal`` is that of the host's decision.
    """

    session_id: str
    status: Status
    device_info: DeviceInfo
    ice_servers: list[IceServer] | UnsetType = UNSET
    ice_ttl: float | UnsetType = UNSET
    seal: str | UnsetType = UNSET


class Resumed(_Reply, frozen=True):
    """The guest has its seat again; ``expires_in`` (seconds) while the prompt is open.

    ``ice_servers`` only if approved; ``ice_ttl`` is how long they are valid, in seconds.
    ``resume_token`` is new, and takes the place of the one that was shown. ``code`` is that of
    ``pair_pending``, while the prompt is open. ``ack`` is the ``seal`` of the host's ``pair_ack``,
    and ``seal`` that of ``pair_result``, once approved. ``host_name`` is that of
    ``create_session``.
    """

    session: SessionInfo
    host_online: bool
    ice_servers: list[IceServer] | UnsetType = UNSET
    expires_in: float | UnsetType = UNSET
    ice_ttl: float | UnsetType = UNSET
    resume_token: str | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    ack: str | UnsetType = UNSET
    seal: str | UnsetType = UNSET
    host_name: str | UnsetType = UNSET


class PeerOnline(_Reply, frozen=True):
    """The peer in an approved session is connected again.

    ``replaced`` is true if the guest's earlier connection still stood: this one took its seat.
    """

    session_id: str
    replaced: bool | UnsetType = UNSET


class PeerOffline(_Reply, frozen=True):
    """The peer in an approved session has disconnected."""

    session_id: str


class IceServers(_Reply, frozen=True):
    """New ICE servers; ``ttl`` is how long they are valid, in seconds."""

    session_id: str
    ice_servers: list[IceServer]
    ttl: float


class SessionEnded(_Reply, frozen=True):
    """The session has ended; the last message about it, to both sides."""

    session_id: str
    status: Status
    reason: Reason


class Pong(_Reply, frozen=True):
    """The reply to ``ping``."""


class Error(_Reply, frozen=True):
    """The node refused a request; ``retry_after`` is in seconds."""

    code: str
    message: str
    session_id: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


NodeMessage = (
    Welcome
    | Registered
    | SessionCreated
    | LinkRenewed
    | Sessions
    | PairPending
    | PairPrompt
    | PairAck
    | Contested
    | PairResult
    | Resumed
    | Signal
    | PeerOnline
    | PeerOffline
    | IceServers
    | SessionEnded
    | Pong
    | Error
)
