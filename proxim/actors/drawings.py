"""Drawing QR codes, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

import trio

from proxim import clock
from proxim.actors.connection import Connection, Owner
from proxim.actors.limits import NodeLimits
from proxim.actors.stats import Stats
from proxim.protocol.errors import RateLimited

PATIENCE = 10.0
"""Seconds for which a request waits for its turn; then it is refused."""


class Drawings:
    """Has links drawn by ``draw``, which turns a link into an SVG in a thread.

    Drawing takes tens of milliseconds of a thread, and slows the loop down meanwhile. So only
    ``at_once`` links are drawn at the same time, and the others wait for their turn. Of the links
    that one address asks for, only one is drawn or waits among the others: so however many an
    address asks for, the next link of another one waits for one of them at most.
    """

    def __init__(self, draw: Callable[[str], Awaitable[str]], at_once: int, stats: Stats) -> None:
        self._draw = draw
        self._stats = stats
        self._turn = trio.Semaphore(at_once)
        self._address_turns: WeakValueDictionary[str | None, trio.Lock] = WeakValueDictionary()

    async def draw(self, link: str, address: str | None) -> str:
        """Return a link as SVG for a client at ``address``; an embedded host has none.

        Raises ``RateLimited`` if its turn does not come in time.
        """
        address_turn = self._address_turns.setdefault(address, trio.Lock())
        self._stats.drawings += 1
        try:
            with trio.move_on_after(PATIENCE) as patience:
                async with address_turn, self._turn:
                    patience.deadline = math.inf
                    return await self._draw(link)
            self._stats.refusals["drawings_at_once"] += 1
            raise RateLimited("too many QR codes are being drawn", retry_after=PATIENCE)
        finally:
            self._stats.drawings -= 1


def count_drawing(limits: NodeLimits, stats: Stats, owner: Owner, connection: Connection) -> None:
    """Count a QR code that a host asks for. Raises ``RateLimited`` if there were too many.

    It counts for the session's owner and for the address, since a client may change its owner.
    """
    now = clock.now()
    counters = (limits.drawings, owner.hash), (limits.address_drawings, connection.address)
    if (wait := max(counter.retry_after(key, now) for counter, key in counters)) > 0:
        stats.refusals["drawings_per_owner"] += 1
        raise RateLimited("too many QR codes in a minute", retry_after=wait)
    for counter, key in counters:
        counter.add(key, now)
