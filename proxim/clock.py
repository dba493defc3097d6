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
    _gettime = time.clock_gettime
    _COUNTING, _STANDING = time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC
elif sys.platform == "darwin":
    _gettime = time.clock_gettime
    _COUNTING, _STANDING = time.CLOCK_MONOTONIC_RAW, time.CLOCK_UPTIME_RAW
else:
    _COUNTING = _STANDING = 0

    def _gettime(clock: int, /) -> float:
        return 0.0


class _Sleep:
    """Knows how long the machine has slept since this process started, as last measured."""

    def __init__(self) -> None:
        # An interruption between the two readings makes the difference too small, never too big.
        self._at_start = max(_gettime(_COUNTING) - _gettime(_STANDING) for _ in range(3))
        self.awake_below = self._at_start + _LEAST
        self.seconds = 0.0

    def measured(self, difference: float) -> None:
        """Note the difference of the two clocks, which has grown."""
        self.awake_below = difference + _LEAST
        self.seconds = difference - self._at_start


_sleep = _Sleep()


def slept() -> float:
    """Return for how many seconds the machine has slept since this process started."""
    # Without further calls, since it is in the way of every signal.
    difference = _gettime(_COUNTING) - _gettime(_STANDING)
    if difference > _sleep.awake_below:
        _sleep.measured(difference)
    return _sleep.seconds


def now() -> float:
    """Return the moment by which deadlines are judged, in seconds; never less than before."""
    return trio.current_time() + slept()


def wake_at(moment: float) -> float:
    """Return until when, on Trio's clock, to wait for a moment of ``now`` before looking again.

    The machine may sleep meanwhile, so that is at most ``TICK`` ahead, unless it is infinite.
    """
    if moment == math.inf:
        return moment
    return min(moment - slept(), trio.current_time() + TICK)


async def sleep_until(moment: float) -> None:
    """Sleep until a moment of ``now``, which the machine's own sleep brings nearer."""
    while now() < moment:
        with trio.move_on_at(wake_at(moment)):
            await trio.sleep_forever()
