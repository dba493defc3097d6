"""A session's state as a snapshot: what another process needs in order to go on with it.

Deadlines stand in it as wall-clock time, since a monotonic clock means nothing elsewhere. Of
secrets it holds hashes only; signals that wait for an absent peer are not in it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from proxim.protocol.messages import DeviceInfo, Reason, SessionType
from proxim.session.events import Role, Terms
from proxim.session.session import Session
from proxim.session.state import Alarm, State

VERSION = 1
"""Raised when a snapshot means something that an older version would misunderstand."""


class InvalidSnapshot(Exception):
    """What was given as a snapshot is none, or one of a newer version."""


class Snapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session at rest. Moments are seconds since 1970; ``key_hash`` is the owner's.

    ``online`` are the roles whose seats were taken when it was made. ``handed`` says that a node
    gave the session up so that another goes on with it, and did not merely vanish.
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
    resume_hash: bytes | None = None
    online: tuple[Role, ...] = ()
    handed: bool = False

    @classmethod
    def of(
        cls, session: Session, key_hash: bytes, *, skew: float, handed: bool = False
    ) -> Snapshot:
        """The snapshot of a session; ``skew`` is wall-clock time less monotonic time."""
        return cls(
            version=VERSION,
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
            resume_hash=session.resume_hash,
            online=tuple(role for role in Role if role in session.online),
            handed=handed,
        )

    def restore(self, terms: Terms, *, skew: float) -> Session:
        """The session as it was, under the terms of the node that goes on with it.

        ``skew`` is that node's. Its actor is to hand it ``Restored`` before anything else.
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
            resume_hash=self.resume_hash,
            online=frozenset(self.online),
        )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """A snapshot as JSON text, in UTF-8."""
    return _encoder.encode(snapshot)


def decode(text: bytes) -> Snapshot:
    """The snapshot that a text is. Raises ``InvalidSnapshot``."""
    try:
        snapshot = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidSnapshot(str(error)) from None
    if snapshot.version != VERSION:
        raise InvalidSnapshot(f"version {snapshot.version}; this program knows {VERSION}")
    if snapshot.state not in State.__members__ or not snapshot.alarms.keys() <= set(
        Alarm.__members__
    ):
        raise InvalidSnapshot("a state or an alarm of which this program does not know")
    return snapshot
