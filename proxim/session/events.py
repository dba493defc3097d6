"""The events that a session handles, and the effects that it returns.

An event says what has happened, or what a client has asked for. An effect says what is to be done
about it. Both are plain values: the session decides, and its actor performs the effects.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import UNSET, Raw, Struct, UnsetType, field

from proxim.protocol.errors import RequestError
from proxim.protocol.messages import DeviceInfo, NodeMessage, Reason, Status
from proxim.session.budget import Budget


class Role(StrEnum):
    """The two seats of a session."""

    HOST = "host"
    GUEST = "guest"

    @property
    def peer(self) -> Role:
        """The other seat."""
        return Role.GUEST if self is Role.HOST else Role.HOST


class Invitation(Struct, frozen=True):
    """A new link. The session keeps only the hash of its token.

    ``link``, ``token`` and ``qr_svg`` are set if the node made the token.
    """

    token_hash: bytes
    link: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    qr_svg: str | UnsetType = UNSET


class Terms(Struct, frozen=True):
    """The settings of a node that hold for each session. Times in seconds.

    ``backlog_budget`` is not a setting: all sessions of the node count their backlogs in it.
    """

    approval_timeout: float = 40.0
    qr_ttl: float = 300.0
    max_link_ttl: float = 90 * 86_400.0
    one_time_grace: float = 0.0
    idle_days: float = 0.0
    """Days after which an approved session ends whose sides are both offline; 0 is never."""
    backlog_signals: int = 64
    backlog_bytes: int = 256 * 1024
    backlog_budget: Budget = field(default_factory=Budget)
    """What all backlogs may take together."""

    def link_lifetime(self, wanted: float | None) -> float:
        """Return for how long a link works: as long as the host wants, or else as a code does."""
        return self.qr_ttl if wanted is None else min(wanted, self.max_link_ttl)


# -- events ----------------------------------------------------------------------------------


class HostJoined(Struct, frozen=True):
    """The owner has registered, and takes the host seat.

    ``seen`` is the status in the reply to the registration, and ``saw_guest`` is whether the guest
    was online there. The host has to be told what changed after that.
    """

    seen: Status | None = None
    saw_guest: bool = False


class HostLeft(Struct, frozen=True):
    """The host's connection has closed."""


class PairRequested(Struct, frozen=True):
    """A guest asks to pair. ``resume_token`` is new, and the guest's once the host is prompted.

    ``code`` is new, too; the guest is told it if the session needs one. ``seal`` is there if the
    guest takes the session for a sealed one.
    """

    token: str
    device_info: DeviceInfo
    resume_token: str
    code: str = ""
    seal: str | None = None


class PairCancelled(Struct, frozen=True):
    """The guest has taken its request to pair back."""


class ResumeRequested(Struct, frozen=True):
    """A client asks for the guest seat with a resume token.

    ``successor`` is a new token, which takes the place of that one if it can be saved; None if the
    first one stays. ``is_seated`` says that the client holds the seat already.
    """

    resume_token: str
    successor: str | None = None
    is_seated: bool = False


class GuestLeft(Struct, frozen=True):
    """The guest's connection has closed."""


class HostAcknowledged(Struct, frozen=True):
    """The host of a sealed session has opened the request, and sends its ack for the guest."""

    seal: str


class HostDecided(Struct, frozen=True):
    """The host has answered the prompt, with the guest's ``code`` if the session needs it.

    ``seal`` is for the guest; an approval of a sealed session needs it.
    """

    approve: bool
    code: str | None = None
    seal: str | None = None


class RenewalRequested(Struct, frozen=True):
    """The host asks for a new link, ``invitation``, perhaps for ``link_ttl`` seconds."""

    invitation: Invitation
    link_ttl: float | None = None


class SignalSent(Struct, frozen=True):
    """One side has sent a signal for the other."""

    sender: Role
    data: Raw


class SignalReturned(Struct, frozen=True):
    """A signal was for a seat that stays empty: the request for it was refused for being late."""

    receiver: Role
    data: Raw


class SuccessorLost(Struct, frozen=True):
    """The ``successor`` of a resume token could not be saved, and was given to no client."""

    successor: str


class IceRequested(Struct, frozen=True):
    """One side asks for new ICE servers."""


class CloseRequested(Struct, frozen=True):
    """One side asks to end the session; ``sender`` is None for an owner without the host seat."""

    sender: Role | None


class TimePassed(Struct, frozen=True):
    """The session's timer has fired.

    This changes nothing if an event that waited before it has moved the deadline.
    """


class Swept(Struct, frozen=True):
    """The sweep has found the session inactive or idle."""


class ShutDown(Struct, frozen=True):
    """The node is stopping."""


class Restored(Struct, frozen=True):
    """The session was restored from a snapshot: both seats are empty, and so are the backlogs.

    ``handed`` says that its last node handed it over; otherwise that node died.
    """

    handed: bool = False


Event = (
    HostJoined
    | HostLeft
    | PairRequested
    | PairCancelled
    | ResumeRequested
    | GuestLeft
    | HostAcknowledged
    | HostDecided
    | RenewalRequested
    | SignalSent
    | SignalReturned
    | SuccessorLost
    | IceRequested
    | CloseRequested
    | TimePassed
    | Swept
    | ShutDown
    | Restored
)


# -- effects ---------------------------------------------------------------------------------


class Tell(Struct, frozen=True):
    """Send a message to the client in the seat of ``role``, if there is one.

    With ``ice_lifetime`` the message also gets ICE servers that are valid for so many seconds.
    ``is_backlog`` marks a signal that was kept while the seat was empty.
    """

    role: Role
    message: NodeMessage
    ice_lifetime: float | None = None
    is_backlog: bool = False


class Reply(Struct, frozen=True):
    """Send a message to the sender of the event, with or without a seat, and with its ``ref``.

    With ``ice_lifetime`` the message also gets ICE servers that are valid for so many seconds.
    ``if_unsaved`` takes the place of the message if the change could not be saved.
    """

    message: NodeMessage
    ice_lifetime: float | None = None
    if_unsaved: NodeMessage | None = None


class Refuse(Struct, frozen=True):
    """Refuse what the sender of the event has asked for."""

    error: RequestError


class Admit(Struct, frozen=True):
    """Give the seat of ``role`` to the sender of the event, in place of an older connection."""

    role: Role


class OpenLine(Struct, frozen=True):
    """Allow the line between the seats: the actor opens it once its inbox is empty."""


class CloseLine(Struct, frozen=True):
    """Forbid the line, and close it: from now on signals go through the inbox."""


class Finish(Struct, frozen=True):
    """Count and announce the end of the session.

    ``is_denial`` says that a person declined the guest. A wrong code is no denial: the person may
    have typed the code of another device.
    """

    reason: Reason
    is_denial: bool = False


Effect = Tell | Reply | Refuse | Admit | OpenLine | CloseLine | Finish
