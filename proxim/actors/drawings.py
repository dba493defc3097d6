"""Drawing QR codes: few at once, and for each owner only so many in a minute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from proxim import clock
from proxim.actors.limits import LimitSettings, SlidingWindow
from proxim.actors.stats import Stats
from proxim.protocol.errors import RateLimited

WINDOW = 60.0
"""Seconds in which the drawings of an owner are counted."""

PATIENCE = 10.0
"""Seconds for which a request waits for its turn; then it is refused."""


class Drawings:
    """Has links drawn by ``draw``, which turns a link into an SVG in a thread.

    Drawing takes tens of milliseconds of a thread, and slows the loop down meanwhile. So few links
    are drawn at once, and the others wait for their turn.
    """

    def __init__(
        self, draw: Callable[[str], Awaitable[str]], limits: LimitSettings, stats: Stats
    ) -> None:
        self._draw = draw
        self._stats = stats
        self._turn = trio.Semaphore(limits.drawings_at_once)
        self._by_owner = SlidingWindow(limits.drawings_per_owner, WINDOW)

    async def draw(self, link: str, owner: str) -> str:
        """Return a link as SVG. Raises ``RateLimited`` if the owner has to wait, or all have."""
        now = clock.now()
        wait = self._by_owner.retry_after(owner, now)
        if wait > 0:
            raise self._refusal("drawings_per_owner", "too many QR codes in a minute", wait)
        self._by_owner.add(owner, now)
        self._stats.drawings += 1
        try:
            with trio.move_on_after(PATIENCE) as waiting:
                await self._turn.acquire()
            if waiting.cancelled_caught:
                message = "too many QR codes are being drawn"
                raise self._refusal("drawings_at_once", message, PATIENCE)
            try:
                return await self._draw(link)
            finally:
                self._turn.release()
        finally:
            self._stats.drawings -= 1

    def _refusal(self, limit: str, message: str, wait: float) -> RateLimited:
        self._stats.refusals[limit] += 1
        return RateLimited(message, retry_after=wait)
