"""The lease: for how long a node may act for its sessions, by its own clock.

Two things are watched. The hub's answers: each renews the lease from the moment at which it was
asked for, so that here it ends before it does there. And the node's own pulse: a node that was
frozen must not go on as if nothing had been, while one that merely cannot
reach the coordinator keeps relaying what needs no other node.
"""

from __future__ import annotations

import math

import trio

SILENCE_TIME = 3.0
"""Seconds without an answer after which the coordinator counts as out of reach."""

MARGIN = 0.1
"""Part of the lease that is given away, for clocks that run at different rates."""


_NAP = 0.25
"""Part of the lease for which a node may not run, when the coordinator was away before."""


class Lease:
    """``seconds`` is its length. Nothing is held before the first renewal."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = self._running_until = self._answered_at = -math.inf

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have taken anything."""
        return trio.current_time() < self._until

    @property
    def was_suspended(self) -> bool:
        """Whether the node has not run for so long that others may have taken everything."""
        return trio.current_time() >= self._running_until

    @property
    def running_until(self) -> float:
        """Until when the node may take it that it was not frozen."""
        return self._running_until

    @property
    def is_connected(self) -> bool:
        """Whether the lease is held and the coordinator has answered of late."""
        now = trio.current_time()
        return now < self._until and now < self._answered_at + SILENCE_TIME

    @property
    def left(self) -> float:
        """For how many seconds more it is held."""
        return self._until - trio.current_time()

    def note_running(self) -> None:
        """The node runs.

        One that held its lease and wakes up without it may have slept while others took what it
        had. One that runs, and sees its lease end knows that by itself.
        """
        now = trio.current_time()
        if self.is_held:
            self._running_until = max(self._until, now + self.seconds * _NAP)
        else:
            self._running_until = now + self.seconds

    def answered(self) -> None:
        """The coordinator has answered."""
        self._answered_at = trio.current_time()

    def renew(self, asked_at: float) -> None:
        """The coordinator has granted it anew, when asked at that moment."""
        self._until = asked_at + self.seconds * (1 - MARGIN)

    def end(self) -> None:
        """It is over, at once."""
        self._until = -math.inf
