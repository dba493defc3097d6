"""The clock of deadlines: Trio's clock plus the time for which this machine has slept.

On Linux and macOS Trio's clock stands still while the machine is suspended; on Windows it goes on.
A deadline that a person or another device knows of must not wait meanwhile, so it is a moment of
``now``. The time limits of the network (pings, writes) are on Trio's own clock, since no peer can
reach a machine that sleeps. The wall clock plays no part, since it can be set.
"""

from __future__ import annotations

import math
import sys
import time

import trio

TICK = 1.0
"""Seconds that one wait takes at most, since no system tells a program that it was asleep."""

_LEAST = 0.1
"""Seconds by which the difference of the two clocks must grow to count as sleep."""

if sys.platform == "linux":

    def _difference() -> float:
        """Return a clock that counts sleep less one that does not.

        An interruption between the two readings makes it too small, never too big.
        """
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)

elif sys.platform == "darwin":

    def _difference() -> float:
        continuous = time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
        return continuous - time.clock_gettime(time.CLOCK_UPTIME_RAW)

else:

    def _difference() -> float:
        return 0.0


class _Sleep:
    """Measures how long the machine has slept since this process started."""

    def __init__(self) -> None:
        self._at_start = self._seen = max(_difference() for _ in range(3))
        self._seconds = 0.0

    def seconds(self) -> float:
        difference = _difference()
        if difference > self._seen + _LEAST:
            self._seen = difference
            self._seconds = difference - self._at_start
        return self._seconds


_sleep = _Sleep()


def slept() -> float:
    """Return for how many seconds the machine has slept since this process started."""
    return _sleep.seconds()


def now() -> float:
    """Return the moment by which deadlines are judged, in seconds; never less than before."""
    return trio.current_time() + _sleep.seconds()


def wake_at(moment: float) -> float:
    """Return until when, on Trio's clock, to wait for a moment of ``now`` before looking again.

    The machine may sleep meanwhile, so that is at most ``TICK`` ahead, unless it is infinite.
    """
    if moment == math.inf:
        return moment
    return min(moment - _sleep.seconds(), trio.current_time() + TICK)


async def sleep_until(moment: float) -> None:
    """Sleep until a moment of ``now``, which the machine's own sleep brings nearer."""
    while now() < moment:
        with trio.move_on_at(wake_at(moment)):
            await trio.sleep_forever()
