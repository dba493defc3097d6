"""Snapshots: a session's state in a form with which another process can continue the session.

Deadlines are in wall-clock time, since a monotonic clock has no meaning in another process. Of
secrets a snapshot holds hashes only. It holds no signals, and no code: an open prompt ends with its
process.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from proxim.protocol.fields import Confirm
from proxim.protocol.messages import DeviceInfo, Reason, SessionType
from proxim.session.events import Role, Terms
from proxim.session.seals import Seals
from proxim.session.session import Session
from proxim.session.state import Alarm, State

VERSION = 1
CONFIRM_VERSION = 2
SEALED_VERSION = 3
"""The format; increased when an older program would misunderstand a snapshot. An older program
would approve a session with ``confirm`` without the code, so only these have the second; and a
sealed session without a seal, so only these have the third."""
VERSIONS = (VERSION, CONFIRM_VERSION, SEALED_VERSION)


class InvalidSnapshot(Exception):
    """The text is not a snapshot, or one of another version."""


class Snapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The stored state of a session. Moments are seconds since 1970.

    ``key_hash`` is the owner's. ``online`` are the roles whose seats were taken, ``offline_since``
    says since when none was. ``handed`` says that the node handed the session over when it stopped.
    ``seals`` are those of an approved session: an open prompt ends with its process.
    """

    version: int
    session_id: str
    uuid: str
    key_hash: bytes
    session_type: SessionType
    created_at: datetime
    expires_at: datetime | None
    token_hash: bytes
    lapses_at: float
    state: str
    alarms: dict[str, float] = {}
    reason: Reason | None = None
    device: DeviceInfo | None = None
    confirm: Confirm = "none"
    host_name: str = ""
    contested: bool = False
    standing: bool = False
    sealed: bool = False
    seals: Seals | None = None
    resume_hash: bytes | None = None
    successors: tuple[bytes, ...] = ()
    superseded: tuple[bytes, ...] = ()
    family_hash: bytes | None = None
    online: tuple[Role, ...] = ()
    offline_since: float | None = None
    handed: bool = False

    @classmethod
    def of(
        cls, session: Session, key_hash: bytes, *, skew: float, handed: bool = False
    ) -> Snapshot:
        """Return the snapshot of a session; ``skew`` is wall-clock time minus monotonic time."""
        return cls(
            version=_version_of(session),
            session_id=session.session_id,
            uuid=session.uuid,
            key_hash=key_hash,
            session_type=session.session_type,
            created_at=session.created_at,
            expires_at=session.expires_at,
            token_hash=session.token_hash,
            lapses_at=session.link_expires_at + skew,
            state=session.state.name,
            alarms={alarm.name: at + skew for alarm, at in session.alarms.items()},
            reason=session.reason,
            device=session.device,
            confirm=session.confirm,
            host_name=session.host_name,
            contested=session.contested,
            standing=session.standing,
            sealed=session.sealed,
            seals=session.seals if session.state is State.APPROVED else None,
            resume_hash=session.resume_hash,
            successors=session.successors,
            superseded=session.superseded,
            family_hash=session.family_hash,
            online=tuple(role for role in Role if role in session.online),
            offline_since=_moved(session.offline_since, session.terms, skew),
            handed=handed,
        )

    def restore(self, terms: Terms, *, skew: float) -> Session:
        """Return the session, with the terms and the ``skew`` of the node that continues it.

        The session has to handle ``Restored`` before any other event.
        """
        return Session(
            session_id=self.session_id,
            uuid=self.uuid,
            session_type=self.session_type,
            created_at=self.created_at,
            expires_at=self.expires_at,
            token_hash=self.token_hash,
            link_expires_at=self.lapses_at - skew,
            alarms={Alarm[name]: at - skew for name, at in self.alarms.items()},
            terms=terms,
            state=State[self.state],
            reason=self.reason,
            device=self.device,
            confirm=self.confirm,
            host_name=self.host_name,
            contested=self.contested,
            standing=self.standing,
            sealed=self.sealed,
            seals=self.seals,
            resume_hash=self.resume_hash,
            successors=self.successors,
            superseded=self.superseded,
            family_hash=self.family_hash,
            online=frozenset(self.online),
            offline_since=_moved(self.offline_since, terms, -skew),
        )


def _version_of(session: Session) -> int:
    if session.sealed:
        return SEALED_VERSION
    return CONFIRM_VERSION if session.confirm == "code" else VERSION


def _moved(offline_since: float | None, terms: Terms, skew: float) -> float | None:
    """Return the start of the idle time by another clock.

    It is stored only where it counts: a store is not written otherwise, and it would be outdated.
    """
    return None if offline_since is None or terms.idle_days <= 0 else offline_since + skew


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """Return a snapshot as JSON text in UTF-8."""
    return _encoder.encode(snapshot)


def decode(text: bytes) -> Snapshot:
    """Return the snapshot that a JSON text holds. Raises ``InvalidSnapshot``."""
    try:
        snapshot = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidSnapshot(str(error)) from None
    if snapshot.version not in VERSIONS:
        raise InvalidSnapshot(f"version {snapshot.version}; this program knows {VERSIONS[-1]}")
    if snapshot.state not in State.__members__ or not snapshot.alarms.keys() <= set(
        Alarm.__members__
    ):
        raise InvalidSnapshot("it has a state or an alarm that this program does not know")
    _check_consistent(snapshot)
    return snapshot


def _check_consistent(snapshot: Snapshot) -> None:
    """Raise ``InvalidSnapshot`` if no session can have these fields at once."""
    state = State[snapshot.state]
    is_paired = snapshot.device is not None and snapshot.resume_hash is not None
    if (
        (Alarm.PROMPT.name in snapshot.alarms) is not (state is State.PROMPTED)
        or (state in (State.PROMPTED, State.APPROVED) and not is_paired)
        or (snapshot.reason is not None) is not (state is State.ENDED)
        or (snapshot.seals is not None) is not (snapshot.sealed and state is State.APPROVED)
    ):
        raise InvalidSnapshot(f"its fields do not go with its state, {snapshot.state}")
