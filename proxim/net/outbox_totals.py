"""The total of all outboxes, and the bound that follows from it for each of them."""

from __future__ import annotations

import math
import sys
from collections import Counter

import trio

from proxim.actors.limits import Source
from proxim.net.stats import NetStats

_BACKLOG = 256 * 1024
"""Bytes that a client may be given at once when it comes back."""

_SHARE = 32
"""One outbox may have at most 1/32 of the bytes that are free in all."""


class OutboxTotals:
    """Counts the bytes in all outboxes of a listener, of at most ``most``; 0 means no limit.

    ``bound`` is how many bytes one outbox may have at the moment. ``stats`` gets the total.
    """

    __slots__ = ("_bytes_of", "_most", "_shrunk", "bound", "stats")

    def __init__(self, most: int, stats: NetStats) -> None:
        self.bound = sys.maxsize
        self.stats = stats
        self._most = most
        self._bytes_of: Counter[str] = Counter()
        self._shrunk = trio.lowlevel.ParkingLot()

    def add(self, more: int, source: Source) -> None:
        """Note that the outbox of a client at ``source`` has so many bytes more, or less."""
        self.stats.outbox_bytes += more
        held = self._bytes_of
        for name in source.names:
            held[name] += more
            if not held[name]:
                del held[name]
        if self._most > 0:
            # Backlogs are not bound, so all outboxes together may have more than ``most``.
            self.bound = max(self._most - self.stats.outbox_bytes, 0) // _SHARE
        if self._shrunk and more < 0:
            # As many as have room, since each takes a backlog; at least one: it may be a newcomer.
            self._shrunk.unpark(count=max(1, self._room // _BACKLOG))

    async def wait_for_room(self, source: Source) -> None:
        """Wait until a quarter of the bytes that all outboxes may have is free.

        A client whose address and networks have nothing queued does not wait: the rest is for it.
        """
        while self._room <= 0 and not self._is_newcomer(source):
            await self._shrunk.park()

    def _is_newcomer(self, source: Source) -> bool:
        names = source.names
        return bool(names) and not any(name in self._bytes_of for name in names)

    @property
    def _room(self) -> float:
        """How many bytes are free until three quarters of those of all outboxes are taken."""
        return self._most - self._most // 4 - self.stats.outbox_bytes if self._most else math.inf
