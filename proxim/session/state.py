"""What a session knows, and how it says so: its state as plain data, and messages made of it.

What it does stands in ``session.py``.
"""

from __future__ import annotations

import math
from datetime import datetime
from enum import Enum, auto

from msgspec import UNSET, Struct, field

from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import UnknownSession
from proxim.protocol.messages import DeviceInfo, Reason, SessionInfo, SessionType, Status
from proxim.session.backlog import Backlog
from proxim.session.events import Invitation, Role, Terms

DAY = 86_400.0


class State(Enum):
    """Where a session stands. On the wire a prompted session is still ``pending``."""

    PENDING = auto()
    PROMPTED = auto()
    APPROVED = auto()
    ENDED = auto()


class Alarm(Enum):
    """What ends a session by the mere passing of time."""

    PROMPT = auto()
    EXPIRY = auto()
    HOST_GRACE = auto()
    GUEST_GRACE = auto()

    @property
    def reason(self) -> Reason:
        """Why a session ends when this alarm is the first to ring."""
        return _REASONS[self]


_REASONS = {
    Alarm.PROMPT: Reason.APPROVAL_TIMEOUT,
    Alarm.EXPIRY: Reason.EXPIRED,
    Alarm.HOST_GRACE: Reason.DISCONNECTED,
    Alarm.GUEST_GRACE: Reason.DISCONNECTED,
}


class Record(Struct, kw_only=True, eq=False):
    """A session's state. Moments are monotonic seconds, all from one clock.

    ``alarms`` are the moments at which time alone ends the session. ``resume_hash`` is the
    guest's proof, and there from the moment that the link was used. ``online`` are the roles whose
    seats are taken.
    """

    session_id: str
    uuid: str
    session_type: SessionType
    created_at: datetime
    expires_at: datetime | None
    token_hash: bytes
    link_expires_at: float
    alarms: dict[Alarm, float]
    terms: Terms
    state: State = State.PENDING
    reason: Reason | None = None
    device: DeviceInfo | None = None
    resume_hash: bytes | None = None
    backlogs: dict[Role, Backlog] = field(default_factory=dict)
    online: frozenset[Role] = frozenset({Role.HOST})

    @property
    def deadline(self) -> float:
        """When time alone ends this session; infinite if never."""
        return min(self.alarms.values(), default=math.inf)

    @property
    def ended(self) -> bool:
        """Whether the session is over. It never comes back."""
        return self.state is State.ENDED

    @property
    def status(self) -> Status:
        """The state as the wire shows it."""
        if self.reason is not None:
            return Status.REJECTED if self.reason is Reason.REJECTED else Status.EXPIRED
        return Status.APPROVED if self.state is State.APPROVED else Status.PENDING

    # -- questions -------------------------------------------------------------------------------

    def pair_within(self, now: float) -> float:
        """For how many seconds more the link works."""
        return max(0.0, min(self.link_expires_at, self.deadline) - now)

    def prompt_left(self, now: float) -> float:
        """For how many seconds more the open prompt can be answered."""
        return min(self.alarms[Alarm.PROMPT], self.alarms.get(Alarm.EXPIRY, math.inf)) - now

    @property
    def prompted_at(self) -> float:
        """When the open prompt was put to the host; not a number when there is none."""
        return self.alarms.get(Alarm.PROMPT, math.nan) - self.terms.approval_timeout

    def is_inactive(self, now: float) -> bool:
        """Return whether the session can only be removed: no host, and no link that works."""
        is_expired = self.state is State.PENDING and now >= self.link_expires_at
        return is_expired and Role.HOST not in self.online

    def check_token(self, token: str) -> None:
        """Raise ``UnknownSession`` unless this is what the link says."""
        if not tokens.matches(token, self.token_hash):
            raise UnknownSession

    def check_resume_token(self, resume_token: str) -> None:
        """Raise ``UnknownSession`` unless this is the guest's proof."""
        if self.resume_hash is None or not tokens.matches(resume_token, self.resume_hash):
            raise UnknownSession

    # -- messages --------------------------------------------------------------------------------

    def describe(self) -> SessionInfo:
        """The session object (protocol: The session object)."""
        return SessionInfo(
            session_id=self.session_id,
            uuid=self.uuid,
            session_type=self.session_type,
            created_at=self.created_at,
            expires_at=self.expires_at,
            status=self.status,
            device_info=self.device,
            host_online=Role.HOST in self.online,
            guest_online=Role.GUEST in self.online,
            reason=self.reason or UNSET,
        )

    def link_renewed(self, invitation: Invitation, now: float) -> wire.LinkRenewed:
        """The new link, as its maker handed it over."""
        return wire.LinkRenewed(
            session_id=self.session_id,
            pair_within=self.pair_within(now),
            link=invitation.link,
            token=invitation.token,
            qr_svg=invitation.qr_svg,
        )

    def pair_pending(self, resume_token: str, now: float) -> wire.PairPending:
        """To the guest: the host is being asked."""
        return wire.PairPending(
            session_id=self.session_id,
            resume_token=resume_token,
            expires_in=self.prompt_left(now),
            session_type=self.session_type,
        )

    def prompt(self, now: float) -> wire.PairPrompt:
        """To the host: who asks, and how long there is to answer."""
        assert self.device is not None
        return wire.PairPrompt(
            session_id=self.session_id,
            device_info=self.device,
            expires_in=self.prompt_left(now),
        )

    def pair_result(self) -> wire.PairResult:
        """The prompt's outcome."""
        assert self.device is not None
        return wire.PairResult(
            session_id=self.session_id, status=self.status, device_info=self.device
        )

    def resumed(self, now: float) -> wire.Resumed:
        """To a guest that is back: the state of the session."""
        return wire.Resumed(
            session=self.describe(),
            host_online=Role.HOST in self.online,
            expires_in=self.prompt_left(now) if self.state is State.PROMPTED else UNSET,
        )

    def ice_lifetime(self, now: float) -> float:
        """For how many seconds ICE servers may serve: as long as the session, at most a day."""
        return min(self.alarms.get(Alarm.EXPIRY, math.inf) - now, DAY)

    def session_ended(self) -> wire.SessionEnded:
        """That it is over, and why."""
        assert self.reason is not None
        return wire.SessionEnded(session_id=self.session_id, status=self.status, reason=self.reason)
