"""Timers: each sleeper is woken at its own moment, and never so many at once that the rest waits.

Trio wakes all whose deadline has come before it looks at a socket again: ten thousand of them at
one moment hold everybody else up for a tenth of a second, before the first has done anything.
Here they are woken in order, ``AT_ONCE`` per turn of the loop, and sockets have theirs in between.
"""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

import trio
from msgspec import Struct

AT_ONCE = 100
"""How many are woken in one turn of the loop."""

_SPENT_KEPT = 1000
"""So many timers that were stopped may stand about, and as many more as there are live ones."""


class Sleeper(Protocol):
    """Who can be woken."""

    def wake(self) -> None:
        """It is time. Never waits, never raises."""


class Timer(Struct, order=True):
    """One moment (on Trio's clock), and who is to be woken then: None once it rang or stopped.

    ``number`` makes those of one moment ring in the order in which they were set.
    """

    moment: float
    number: int
    sleeper: Sleeper | None


class Timers:
    """All timers of one event loop. They ring while ``run`` runs."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._live = 0
        self._numbers = count()
        self._nap = trio.CancelScope()

    def __len__(self) -> int:
        """How many are still to ring."""
        return self._live

    def reset(self, timer: Timer | None, moment: float, sleeper: Sleeper) -> Timer | None:
        """Have ``sleeper`` woken at ``moment``, and no longer when its ``timer`` says.

        None when the moment is infinite. A moment that has passed rings soon.
        """
        if timer is not None:
            if timer.moment == moment and timer.sleeper is sleeper:
                return timer
            self.stop(timer)
        if moment == math.inf:
            return None
        timer = Timer(moment, next(self._numbers), sleeper)
        heappush(self._heap, timer)
        self._live += 1
        if moment < self._nap.deadline:
            self._nap.deadline = moment
        return timer

    def stop(self, timer: Timer) -> None:
        """Let a timer not ring; it may have done so already."""
        if timer.sleeper is None:
            return
        timer.sleeper = None
        self._live -= 1
        if len(self._heap) > 2 * self._live + _SPENT_KEPT:
            self._heap = [each for each in self._heap if each.sleeper is not None]
            heapify(self._heap)

    async def run(self) -> None:
        """Ring every timer when it is due, until cancelled."""
        while True:
            # When more is due than may ring at once this sleeps for one turn of the loop.
            with trio.CancelScope(deadline=self._next_moment()) as self._nap:
                await trio.sleep_forever()
            self._ring(trio.current_time())

    def _next_moment(self) -> float:
        while self._heap and self._heap[0].sleeper is None:
            heappop(self._heap)
        return self._heap[0].moment if self._heap else math.inf

    def _ring(self, now: float) -> None:
        for _ in range(AT_ONCE):
            if self._next_moment() > now:
                break
            timer = heappop(self._heap)
            sleeper = timer.sleeper
            assert sleeper is not None
            timer.sleeper = None
            self._live -= 1
            sleeper.wake()
