"""What stands in the fields of messages, with its bounds (docs/reference/protocol.md)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

MAX_TTL = 10 * 365 * 86_400.0
"""Longest lifetime of a temporary session, in seconds; ``expires_at`` has to be a valid date."""
MAX_NAME = 64
"""Longest name of a device, in characters."""
SEALED_DEVICE = "Sealed device"
"""The name that a guest gives the node in a sealed session; the seal has its own."""
BASE64URL = r"\A[A-Za-z0-9_-]+\Z"

Ref = Annotated[str, Meta(max_length=64)]
SessionId = Annotated[str, Meta(max_length=128)]
Secret = Annotated[str, Meta(max_length=512)]
Uuid = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._:-]{1,64}\Z")]
Key = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{22,128}\Z")]
TokenHash = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{43}=?\Z")]
Nonce = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]
"""32 secret bytes, of which the id of a session is made (``tokens.session_id_of``)."""
Ttl = Annotated[float, Meta(gt=0, le=MAX_TTL)]
Confirm = Literal["none", "code"]
Code = Annotated[str, Meta(pattern=r"\A[1-9][0-9]{2}\Z")]
"""The number of one request to pair, which the guest shows and the host's person types in."""

RequestSeal = Annotated[str, Meta(max_length=1024, pattern=BASE64URL)]
Ack = Annotated[str, Meta(max_length=256, pattern=BASE64URL)]
Answer = Annotated[str, Meta(max_length=2048, pattern=BASE64URL)]
"""The seals of a prompt. The node carries them, and can open none (docs/reference/sealing.md)."""


class SessionType(StrEnum):
    """The type of a session, which says when it ends by itself (protocol: Lifecycle)."""

    ONE_TIME = "one_time"
    PERSISTENT = "persistent"
    TEMPORARY = "temporary"


class Status(StrEnum):
    """The state of a session as clients see it."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Reason(StrEnum):
    """The reason for which a session ended."""

    CLOSED = "closed"
    DISCONNECTED = "disconnected"
    EXPIRED = "expired"
    REJECTED = "rejected"
    APPROVAL_TIMEOUT = "approval_timeout"
    INACTIVE = "inactive"
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal_error"
    TOKEN_REUSED = "token_reused"
    IDLE = "idle"

    @classmethod
    def _missing_(cls, value: object) -> Reason:
        return cls.CLOSED  # A later version of the protocol may have more reasons.


DeviceName = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]


class DeviceInfo(Struct, frozen=True):
    """The name and id that a guest claims to have. Nothing proves them."""

    name: DeviceName
    id: Annotated[str, Meta(min_length=1, max_length=128)]


class IceServer(Struct, frozen=True, omit_defaults=True):
    """One entry for ``new RTCPeerConnection({iceServers})``."""

    urls: str | list[str]
    username: str | None = None
    credential: str | None = None


class SessionInfo(Struct, frozen=True, kw_only=True):
    """The session object: ``reason`` once it has ended, ``confirm`` if an approval needs a code.

    ``seal`` is 1 if the session is sealed.
    """

    session_id: str
    uuid: str
    session_type: SessionType
    created_at: datetime
    expires_at: datetime | None
    status: Status
    device_info: DeviceInfo | None
    host_online: bool
    guest_online: bool
    reason: Reason | UnsetType = UNSET
    confirm: Literal["code"] | UnsetType = UNSET
    seal: int | UnsetType = UNSET
