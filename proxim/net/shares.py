"""How much of an outbox each session has."""

from __future__ import annotations

from collections import Counter, deque


class Shares:
    """Counts the queued bytes of each session. Positions are in the stream that is written."""

    __slots__ = ("_ends", "_sizes")

    def __init__(self) -> None:
        self._ends: deque[tuple[int, str, int]] = deque()
        self._sizes: Counter[str] = Counter()

    def add(self, session_id: str, size: int, end: int) -> None:
        """Count a signal of a session, which ends at a position."""
        self._ends.append((end, session_id, size))
        self._sizes[session_id] += size

    def of(self, session_id: str, written: int) -> int:
        """Return the queued bytes of a session, if all before the position was written."""
        while self._ends and self._ends[0][0] <= written:
            _, gone, size = self._ends.popleft()
            self._sizes[gone] -= size
        return self._sizes[session_id]
