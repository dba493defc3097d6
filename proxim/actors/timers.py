"""Timers: a heap of moments at which actors are woken, a bounded number at once.

Trio wakes every task whose deadline has passed before it looks at a socket again. Ten thousand at
one moment would delay all sockets for a tenth of a second. Here at most ``BATCH`` timers fire in
one turn of the event loop, in order, and sockets are served in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

import trio
from msgspec import Struct

from proxim import clock

BATCH = 100
"""Timers that fire in one turn of the event loop, at most."""

_MAX_STOPPED = 1000
"""Stopped timers in the heap, beyond the number of live ones, before they are removed."""


class Sleeper(Protocol):
    """An object that a timer wakes."""

    def wake(self) -> None:
        """Handle the moment. Never waits, never raises."""


class Timer(Struct, order=True):
    """A moment of the timers' clock, and the sleeper; None once it fired or was stopped.

    ``number`` makes timers of the same moment fire in the order in which they were set.
    """

    moment: float
    number: int
    sleeper: Sleeper | None


class Timers:
    """Fires timers while ``run`` runs.

    Their moments are those of ``now``, and ``wake_at`` says until when to wait for one, on Trio's
    clock. By default the clock is that of deadlines.
    """

    def __init__(
        self,
        now: Callable[[], float] = clock.now,
        wake_at: Callable[[float], float] = clock.wake_at,
    ) -> None:
        self._now, self._wake_at = now, wake_at
        self._heap: list[Timer] = []
        self._live = 0
        self._numbers = count()
        self._sleep = trio.CancelScope()
        self._slept = clock.slept()
        self._caught_up = trio.Event()

    def __len__(self) -> int:
        """Return how many timers have yet to fire."""
        return self._live

    def reset(self, timer: Timer | None, moment: float, sleeper: Sleeper) -> Timer | None:
        """Return a timer that wakes ``sleeper`` at ``moment``, in place of its earlier ``timer``.

        Return None if the moment is infinite. A timer whose moment has passed fires soon.
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
        if self._heap[0] is timer:
            self._sleep.deadline = min(self._sleep.deadline, self._wake_at(moment))
        return timer

    def stop(self, timer: Timer) -> None:
        """Stop a timer; it may have fired already."""
        if timer.sleeper is None:
            return
        timer.sleeper = None
        self._live -= 1
        if len(self._heap) > 2 * self._live + _MAX_STOPPED:
            self._heap = [each for each in self._heap if each.sleeper is not None]
            heapify(self._heap)

    async def run(self) -> None:
        """Fire every timer when it is due, until cancelled."""
        while True:
            # While timers are still due, this sleeps for one turn of the event loop.
            with trio.CancelScope(deadline=self._wake_at(self._next_moment())) as self._sleep:
                await trio.sleep_forever()
            asleep, moment = clock.slept(), self._now()
            self._fire(moment)
            if asleep != self._slept and self._next_moment() > moment:
                # The actors that were woken last run in the next turn of the event loop, in any
                # order with this task, and with one that asks whether they have.
                for _ in range(2):
                    await trio.lowlevel.checkpoint()
                self._slept = asleep
                self._caught_up.set()
                self._caught_up = trio.Event()

    @property
    def has_caught_up(self) -> bool:
        """Whether all that came due while the machine slept was fired and handled."""
        return self._slept == clock.slept()

    async def catch_up(self) -> None:
        """Return once all that came due while the machine slept was fired and handled.

        An actor that waits for its backend has at least ended its session by then.
        """
        while not self.has_caught_up:
            self._sleep.cancel()
            await self._caught_up.wait()

    def _next_moment(self) -> float:
        while self._heap and self._heap[0].sleeper is None:
            heappop(self._heap)
        return self._heap[0].moment if self._heap else math.inf

    def _fire(self, now: float) -> None:
        for _ in range(BATCH):
            if self._next_moment() > now:
                break
            timer = heappop(self._heap)
            sleeper = timer.sleeper
            assert sleeper is not None
            timer.sleeper = None
            self._live -= 1
            sleeper.wake()
