"""What is counted of all connections of a listener together; of no one of them."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from trio_websocket import CloseReason

CODES = (
    *("1000", "1001", "1002", "1003", "1006", "1007", "1008", "1009", "1011", "1012"),
    *("4000", "4001", "4002", "other"),
)
"""Close codes that are counted each for itself (protocol: Close codes)."""


class _Writer(Protocol):
    unsent: int


class Traffic:
    """Sums since the start, and who is behind: whose peer does not take what it is sent.

    ``signals`` are those that were taken to be relayed, with the few that were then refused, and
    ``signal_bytes`` what they carried, as JSON.
    """

    __slots__ = ("behind", "bytes_read", "closed", "opened", "signal_bytes", "signals")

    def __init__(self) -> None:
        self.signals = 0
        self.signal_bytes = 0
        self.bytes_read = 0
        self.opened = 0
        self.closed: Counter[str] = Counter()
        self.behind: set[_Writer] = set()

    @property
    def unsent(self) -> int:
        """Bytes that wait in outboxes."""
        return sum(writer.unsent for writer in self.behind)

    def note_close(self, reason: CloseReason | None) -> None:
        """A WebSocket has ended, and why; a code that a peer made up counts as ``other``."""
        code = str(reason.code) if reason is not None else "1006"
        self.closed[code if code in CODES else "other"] += 1
