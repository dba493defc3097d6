"""Signals that wait for a peer that is offline (protocol: Lifecycle)."""

from __future__ import annotations

from msgspec import Raw

from proxim.session.budget import Budget


class Backlog:
    """Queues the signals for one seat while it is empty, within bounds.

    ``budget`` is that of all backlogs of the node. An empty backlog takes nothing of it.
    """

    __slots__ = ("_budget", "_max_bytes", "_max_signals", "_signals", "_size")

    def __init__(self, max_signals: int, max_bytes: int, budget: Budget) -> None:
        self._max_signals = max_signals
        self._max_bytes = max_bytes
        self._budget = budget
        self._signals: list[Raw] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._signals)

    def keep(self, data: Raw) -> bool:
        """Keep a signal, and return True; return False if a bound would be exceeded."""
        size = len(memoryview(data))
        if len(self._signals) >= self._max_signals or self._size + size > self._max_bytes:
            return False
        if self._size + size > self._budget.share(self._size):
            self._budget.refused += 1
            return False
        # A Raw is a view into the whole frame; the copy allows the frame to be freed.
        self._signals.append(data.copy())
        self._size += size
        self._budget.used += size
        return True

    def take_all(self) -> list[Raw]:
        """Return all signals in order, and empty the backlog."""
        self._budget.used -= self._size
        signals, self._signals, self._size = self._signals, [], 0
        return signals
