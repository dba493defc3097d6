"""The types of sessions, as programs name them."""

from __future__ import annotations

from typing import Literal

from proxim.protocol.errors import BadMessage
from proxim.protocol.messages import SessionType

SessionKind = SessionType | Literal["one_time", "persistent", "temporary"]


def checked_kind(session_type: SessionKind) -> SessionType:
    """Return the type of a session. Raises ``BadMessage``, which lists the types, for another."""
    kinds = [kind.value for kind in SessionType]
    if session_type not in kinds:
        raise BadMessage(f"session_type must be one of {', '.join(kinds)}, not {session_type!r}")
    return SessionType(session_type)
