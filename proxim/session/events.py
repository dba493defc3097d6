"""What goes into a session and what comes out of it.

Events are in the past tense: they tell what has happened. Effects are imperative: they say what
is to be done about it. Both are plain values; the session reads the one and returns the other,
and its actor performs them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import UNSET, Raw, Struct, UnsetType

from proxim.protocol.errors import RequestError
from proxim.protocol.messages import DeviceInfo, NodeMessage, Reason, Status


class Role(StrEnum):
    """The two seats of a session."""

    HOST = "host"
    GUEST = "guest"

    @property
    def peer(self) -> Role:
        """The other seat."""
        return Role.GUEST if self is Role.HOST else Role.HOST


class Invitation(Struct, frozen=True):
    """A link as its maker hands it over: the session keeps nothing of it but the hash.

    ``link``, ``token`` and ``qr_svg`` are there when the node made the token.
    """

    token_hash: bytes
    link: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    qr_svg: str | UnsetType = UNSET


class Terms(Struct, frozen=True):
    """What a node promises about its sessions. Times in seconds."""

    approval_timeout: float = 40.0
    qr_ttl: float = 300.0
    one_time_grace: float = 0.0
    backlog_signals: int = 64
    backlog_bytes: int = 256 * 1024


# -- events ----------------------------------------------------------------------------------


class HostJoined(Struct, frozen=True):
    """The owner registered and takes the host seat (again).

    ``seen`` is the status that it was just told, if any; what has changed since, it has missed.
    """

    seen: Status | None = None


class HostLeft(Struct, frozen=True):
    """The host's connection is gone."""


class PairRequested(Struct, frozen=True):
    """A guest asked to pair. ``resume_token`` is fresh, and the guest's if a prompt goes up."""

    token: str
    device_info: DeviceInfo
    resume_token: str


class ResumeRequested(Struct, frozen=True):
    """Somebody says that the guest seat is theirs."""

    resume_token: str


class GuestLeft(Struct, frozen=True):
    """The guest's connection is gone."""


class HostDecided(Struct, frozen=True):
    """A person has answered the prompt."""

    approve: bool


class RenewalRequested(Struct, frozen=True):
    """The host wants another link."""

    invitation: Invitation


class SignalSent(Struct, frozen=True):
    """One side has something for the other."""

    sender: Role
    data: Raw


class IceRequested(Struct, frozen=True):
    """One side wants fresh ICE servers."""


class CloseRequested(Struct, frozen=True):
    """One side wants the session ended; None is the owner, speaking from another connection."""

    sender: Role | None


class TimePassed(Struct, frozen=True):
    """The session's own deadline may have come."""


class Swept(Struct, frozen=True):
    """The sweep came by."""


class ShutDown(Struct, frozen=True):
    """The node is going away."""


class Restored(Struct, frozen=True):
    """The session was brought back from a snapshot: nobody is there, and no signal was kept.

    ``handed`` says that its last node gave it up on purpose; otherwise it died.
    """

    handed: bool = False


Event = (
    HostJoined
    | HostLeft
    | PairRequested
    | ResumeRequested
    | GuestLeft
    | HostDecided
    | RenewalRequested
    | SignalSent
    | IceRequested
    | CloseRequested
    | TimePassed
    | Swept
    | ShutDown
    | Restored
)


# -- effects ---------------------------------------------------------------------------------


class Tell(Struct, frozen=True):
    """Send a message to the seat of ``role``, if it is taken.

    With ``ice_lifetime``, ICE servers that serve for so many seconds go along.
    """

    role: Role
    message: NodeMessage
    ice_lifetime: float | None = None


class Reply(Struct, frozen=True):
    """Send a message to the sender of the event, seated or not, with its ``ref``.

    ``ice_lifetime`` as in ``Tell``.
    """

    message: NodeMessage
    ice_lifetime: float | None = None


class Refuse(Struct, frozen=True):
    """Refuse what the sender of the event asked for."""

    error: RequestError


class Admit(Struct, frozen=True):
    """Whoever sent the event takes the seat of ``role``; an older connection there is replaced."""

    role: Role


class OpenLine(Struct, frozen=True):
    """Connect the two seats: signals cross without the actor from here on."""


class CloseLine(Struct, frozen=True):
    """Disconnect the two seats: signals come to the actor again."""


class Finish(Struct, frozen=True):
    """The session is over."""

    reason: Reason


Effect = Tell | Reply | Refuse | Admit | OpenLine | CloseLine | Finish
