"""The state of a session as plain data, and the messages that are made of it.

``session.py`` decides how the state changes.
"""

from __future__ import annotations

import math
from datetime import datetime
from enum import Enum, auto
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import UnknownSession
from proxim.protocol.fields import Confirm
from proxim.protocol.messages import (
    SEAL_VERSION,
    DeviceInfo,
    Reason,
    SessionInfo,
    SessionType,
    Status,
)
from proxim.session.backlog import Backlog
from proxim.session.events import Invitation, Role, Terms
from proxim.session.seals import Seals

DAY = 86_400.0

MAX_SUCCESSORS = 8
MAX_SUPERSEDED = 16
"""Hashes of resume tokens that a session remembers; older ones are known by their family only."""


class State(Enum):
    """The state of a session. On the wire a prompted session is still ``pending``."""

    PENDING = auto()
    PROMPTED = auto()
    APPROVED = auto()
    ENDED = auto()

    # Enum hashes the name in Python; each state is one object.
    __hash__ = object.__hash__


class Alarm(Enum):
    """A reason for which time alone ends a session."""

    PROMPT = auto()
    EXPIRY = auto()
    HOST_GRACE = auto()
    GUEST_GRACE = auto()

    __hash__ = object.__hash__

    @property
    def reason(self) -> Reason:
        """The reason with which a session ends when this alarm is the first to come."""
        return _REASONS[self]


_REASONS = {
    Alarm.PROMPT: Reason.APPROVAL_TIMEOUT,
    Alarm.EXPIRY: Reason.EXPIRED,
    Alarm.HOST_GRACE: Reason.DISCONNECTED,
    Alarm.GUEST_GRACE: Reason.DISCONNECTED,
}


class SessionData(Struct, kw_only=True, eq=False):
    """Holds a session's state. Moments are seconds of one monotonic clock.

    ``alarms`` are the moments at which time alone ends the session. ``host_name`` is what the host
    calls its device; empty if it gives no name. ``code`` is that of the open
    prompt, if an approval needs one. ``contested`` says that the host was told of a second request
    with the token of its link. A ``standing`` session is one for a known device: its host said how
    long its link works. ``online`` are the roles whose seats are taken. A ``sealed`` session has
    ``seals`` while it is prompted or approved.

    ``resume_hash`` is the hash of the resume token that the guest showed last, or of its first;
    it is set once the link was used. ``successors`` were given to the guest in exchange for that
    token, and not used yet: more than one if the answer was lost, or if the guest ignores them.
    ``superseded`` must not be shown again: a successor was used instead. The same holds for any
    other token of the family in ``family_hash``: the session gave it, and has forgotten it.
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
    confirm: Confirm = "none"
    host_name: str = ""
    code: str = ""
    contested: bool = False
    standing: bool = False
    sealed: bool = False
    seals: Seals | None = None
    resume_hash: bytes | None = None
    successors: tuple[bytes, ...] = ()
    superseded: tuple[bytes, ...] = ()
    family_hash: bytes | None = None
    backlogs: dict[Role, Backlog] = field(default_factory=dict)
    online: frozenset[Role] = frozenset({Role.HOST})
    offline_since: float | None = None
    """Since when both seats are empty; None while one is taken."""

    @property
    def deadline(self) -> float:
        """The moment at which time alone ends the session; infinite if there is none."""
        return min(self.alarms.values()) if self.alarms else math.inf

    @property
    def ended(self) -> bool:
        """Whether the session has ended, which is final."""
        return self.state is State.ENDED

    @property
    def status(self) -> Status:
        """The state as the wire shows it."""
        if self.reason is not None:
            return Status.REJECTED if self.reason is Reason.REJECTED else Status.EXPIRED
        return Status.APPROVED if self.state is State.APPROVED else Status.PENDING

    # -- questions -------------------------------------------------------------------------------

    def pair_within(self, now: float) -> float:
        """Return the seconds for which the link still works."""
        return max(0.0, min(self.link_expires_at, self.deadline) - now)

    def prompt_left(self, now: float) -> float:
        """Return the seconds in which the open prompt can still be answered."""
        return min(self.alarms[Alarm.PROMPT], self.alarms.get(Alarm.EXPIRY, math.inf)) - now

    @property
    def prompted_at(self) -> float:
        """The moment at which the host was prompted; NaN if there is no open prompt."""
        return self.alarms.get(Alarm.PROMPT, math.nan) - self.terms.approval_timeout

    def sweep_reason(self, now: float) -> Reason | None:
        """Return the reason for which the sweep ends the session, or None."""
        is_expired = self.state is State.PENDING and now >= self.link_expires_at
        if is_expired and Role.HOST not in self.online:
            return Reason.INACTIVE
        if self.state is not State.APPROVED or self.offline_since is None:
            return None
        idle_time = self.terms.idle_days * DAY
        return Reason.IDLE if 0 < idle_time <= now - self.offline_since else None

    # -- seats -----------------------------------------------------------------------------------

    def occupy(self, role: Role) -> None:
        """Note that a seat is taken."""
        self.online |= {role}
        self.offline_since = None

    def vacate(self, now: float, *roles: Role) -> None:
        """Note that seats are empty."""
        self.online = self.online.difference(roles)
        if not self.online and self.offline_since is None:
            self.offline_since = now

    # -- backlogs --------------------------------------------------------------------------------

    def drop_backlogs(self) -> None:
        """Drop the signals that wait, since no client comes for them to this process."""
        for backlog in self.backlogs.values():
            backlog.take_all()
        self.backlogs.clear()

    # -- secrets ---------------------------------------------------------------------------------

    def check_token(self, token: str) -> None:
        """Raise ``UnknownSession`` unless this is the token of the link."""
        if not tokens.matches(token, self.token_hash):
            raise UnknownSession

    def find_resume_token(self, resume_token: str) -> bytes:
        """Return the hash of a resume token. Raises ``UnknownSession`` unless the guest had it."""
        known = () if self.resume_hash is None else (self.resume_hash,)
        found = tokens.find(resume_token, (*known, *self.successors, *self.superseded))
        if found is None:
            family = tokens.family(resume_token)
            if family is None or self.family_hash is None:
                raise UnknownSession
            if not tokens.matches(family, self.family_hash):
                raise UnknownSession
            return tokens.digest(resume_token)
        return found

    def is_superseded(self, shown: bytes) -> bool:
        """Return whether a resume token of the guest, by its hash, must not be shown again."""
        return shown != self.resume_hash and shown not in self.successors

    def rotate_resume_token(self, shown: bytes, successor: str | None) -> None:
        """Note which resume token was shown, and which was given for it, if any.

        The use of a successor supersedes the token that it was given for, and its siblings: one of
        these that is shown later was copied.
        """
        if shown != self.resume_hash:
            assert self.resume_hash is not None
            others = (each for each in self.successors if each != shown)
            past = (*self.superseded, self.resume_hash, *others)
            self.superseded = past[-MAX_SUPERSEDED:]
            self.resume_hash, self.successors = shown, ()
        if successor is not None:
            self.family_hash = tokens.family_hash(successor) or self.family_hash
            self.successors = (*self.successors, tokens.digest(successor))[-MAX_SUCCESSORS:]

    def forget_successor(self, successor: str) -> None:
        """Note that a successor was given to no client."""
        gone = tokens.digest(successor)
        self.successors = tuple(each for each in self.successors if each != gone)

    # -- messages --------------------------------------------------------------------------------

    def describe(self) -> SessionInfo:
        """Return the session object (protocol: The session object)."""
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
            confirm=self._confirm,
            seal=SEAL_VERSION if self.sealed else UNSET,
        )

    @property
    def _confirm(self) -> Literal["code"] | UnsetType:
        return "code" if self.confirm == "code" else UNSET

    def link_renewed(self, invitation: Invitation, now: float) -> wire.LinkRenewed:
        """Return the reply with a new link."""
        return wire.LinkRenewed(
            session_id=self.session_id,
            pair_within=self.pair_within(now),
            link=invitation.link,
            token=invitation.token,
            qr_svg=invitation.qr_svg,
        )

    def pair_pending(self, resume_token: str, now: float) -> wire.PairPending:
        """Return the reply to the guest: the host is prompted."""
        return wire.PairPending(
            session_id=self.session_id,
            resume_token=resume_token,
            expires_in=self.prompt_left(now),
            session_type=self.session_type,
            code=self.code or UNSET,
            host_name=self.host_name or UNSET,
        )

    def prompt(self, now: float) -> wire.PairPrompt:
        """Return the prompt for the host."""
        assert self.device is not None
        return wire.PairPrompt(
            session_id=self.session_id,
            device_info=self.device,
            expires_in=self.prompt_left(now),
            confirm=self._confirm,
            seal=UNSET if self.seals is None else self.seals.request,
        )

    def pair_ack(self) -> wire.PairAck:
        """Return the host's ack, for the guest."""
        assert self.seals is not None
        return wire.PairAck(session_id=self.session_id, seal=self.seals.ack)

    def pair_result(self) -> wire.PairResult:
        """Return the outcome of the prompt, for both sides."""
        assert self.device is not None
        return wire.PairResult(
            session_id=self.session_id,
            status=self.status,
            device_info=self.device,
            seal=UNSET if self.seals is None else self.seals.answer or UNSET,
        )

    def resumed(self, now: float, resume_token: str | None = None) -> wire.Resumed:
        """Return the reply to a guest that has its seat again, with its new resume token."""
        return wire.Resumed(
            session=self.describe(),
            host_online=Role.HOST in self.online,
            expires_in=self.prompt_left(now) if self.state is State.PROMPTED else UNSET,
            resume_token=resume_token or UNSET,
            code=self.code or UNSET,
            ack=UNSET if self.seals is None else self.seals.ack or UNSET,
            seal=UNSET if self.seals is None else self.seals.answer or UNSET,
            host_name=self.host_name or UNSET,
        )

    def ice_lifetime(self, now: float) -> float:
        """Return the seconds for which ICE servers are valid: the session's life, at most a day."""
        return min(self.alarms.get(Alarm.EXPIRY, math.inf) - now, DAY)

    def session_ended(self) -> wire.SessionEnded:
        """Return the message that the session has ended, with the reason."""
        assert self.reason is not None
        return wire.SessionEnded(session_id=self.session_id, status=self.status, reason=self.reason)
