"""Counters of all connections of a listener together, for the metrics."""

from __future__ import annotations

from collections import Counter

from trio_websocket import CloseReason

CODES = (
    *("1000", "1001", "1002", "1003", "1006", "1007", "1008", "1009", "1011", "1012"),
    *("4000", "4001", "4002", "other"),
)
"""Close codes with a counter of their own (protocol: Close codes)."""


class NetStats:
    """Counts what happens on the WebSockets of one node.

    ``signals`` counts the signals that were read, without those that were refused at once;
    ``signal_bytes`` counts their data, as JSON. ``outbox_bytes`` are the bytes in all outboxes.
    """

    __slots__ = (
        *("bytes_read", "closed", "opened", "outbox_bytes", "queueing"),
        *("signal_bytes", "signals"),
    )

    def __init__(self) -> None:
        self.signals = 0
        self.signal_bytes = 0
        self.bytes_read = 0
        self.opened = 0
        self.closed: Counter[str] = Counter()
        self.queueing: set[object] = set()
        self.outbox_bytes = 0

    @property
    def open(self) -> int:
        """The WebSockets that are open."""
        return self.opened - self.closed.total()

    def count_close(self, reason: CloseReason | None) -> None:
        """Count a WebSocket that has ended; unknown codes of a peer count as ``other``."""
        code = str(reason.code) if reason is not None else "1006"
        self.closed[code if code in CODES else "other"] += 1
