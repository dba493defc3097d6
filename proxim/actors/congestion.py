"""The handling of signals for which a receiver has little room, or none."""

from __future__ import annotations

from enum import Enum, auto

from proxim.protocol.errors import RateLimited


class Congestion(Enum):
    """Says that too many signals of one session wait at a connection."""

    HIGH = auto()
    """The signal was taken; its sender should be read more slowly."""
    FULL = auto()
    """The signal was refused."""


def too_many_signals(session_id: str) -> RateLimited:
    """Return the refusal of a signal for which the connection of the peer has no room.

    A function that raises it must not keep it in a variable: with its traceback that is a cycle,
    which keeps the signal in memory until the garbage collector comes.
    """
    return RateLimited(
        "too many signals of this session wait for the peer, which reads them slowly",
        session_id=session_id,
        retry_after=1.0,
    )
