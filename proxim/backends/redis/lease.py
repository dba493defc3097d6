"""The lease: for how long a node may act for its sessions, by its own clock.

Two things are watched. The hub's answers: each renews the lease from the moment at which it was
asked for, so that here it ends before it does there. And the node's own pulse: a node that was
frozen must not go on as if nothing had been, while one that merely cannot reach the hub keeps
relaying what needs nobody else.
"""

from __future__ import annotations

import math

import trio

IN_TOUCH_TIME = 3.0
"""Seconds without an answer after which the hub counts as out of reach."""

MARGIN = 0.1
"""Part of the lease that is given away, for clocks that run at different rates."""


_NAP = 0.25
"""Part of the lease for which a node may not run, when the hub was away before."""


class Lease:
    """``seconds`` is its length. Nothing is held before the first renewal."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = self._awake_until = self._answered_at = -math.inf

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have taken anything."""
        return trio.current_time() < self._until

    @property
    def was_frozen(self) -> bool:
        """Whether the node has not run for so long that others may have taken everything."""
        return trio.current_time() >= self._awake_until

    @property
    def awake_until(self) -> float:
        """Until when the node may take it that it was not frozen."""
        return self._awake_until

    @property
    def is_in_touch(self) -> bool:
        """Whether the lease is held and the hub has answered of late."""
        now = trio.current_time()
        return now < self._until and now < self._answered_at + IN_TOUCH_TIME

    @property
    def left(self) -> float:
        """For how many seconds more it is held."""
        return self._until - trio.current_time()

    def pulse(self) -> None:
        """The node runs.

        One that held its lease and wakes up without it may have slept while others took what it
        had. One that runs, and sees its lease end since the hub is away, knows that by itself.
        """
        now = trio.current_time()
        if self.is_held:
            self._awake_until = max(self._until, now + self.seconds * _NAP)
        else:
            self._awake_until = now + self.seconds

    def answered(self) -> None:
        """The hub has answered."""
        self._answered_at = trio.current_time()

    def renew(self, asked_at: float) -> None:
        """The hub has granted it anew, when asked at that moment."""
        self._until = asked_at + self.seconds * (1 - MARGIN)

    def end(self) -> None:
        """It is over, at once."""
        self._until = -math.inf
