"""The lease: for how long a node may act for its sessions, by its own clock.

A reply to a heartbeat renews the lease from the moment at which the heartbeat was sent. So the
lease ends here before it ends in Redis. The process also notes that it runs: a process that was
suspended must not go on as if nothing had happened. A process that cannot reach Redis may go on
relaying between two connections of its own.
"""

from __future__ import annotations

import math

from proxim.clock import now

SILENCE_TIME = 3.0
"""Seconds without a reply after which Redis counts as unreachable."""

MARGIN = 0.1
"""Part of the lease that is not used, since clocks run at different rates."""

_NAP = 0.25
"""Part of the lease for which a process may be suspended though its lease is about to end."""


class Lease:
    """Knows whether the node may act: a lease of so many ``seconds``, not held before a renewal."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.running_until = -math.inf
        """Until when ``was_suspended`` is False without another ``note_running``."""
        self._until = self._answered_at = -math.inf

    @property
    def is_held(self) -> bool:
        """Whether no other node can have taken a session over."""
        return now() < self._until

    @property
    def is_connected(self) -> bool:
        """Whether the lease is held and Redis has answered lately."""
        return now() < self.connected_until

    @property
    def connected_until(self) -> float:
        """Until when ``is_connected`` is True if Redis does not answer again."""
        return min(self._until, self._answered_at + SILENCE_TIME)

    @property
    def was_suspended(self) -> bool:
        """Whether the process was suspended for so long that other nodes may own its sessions."""
        return now() >= self.running_until

    def note_running(self) -> None:
        """Note that the process runs.

        If the lease expired while this process was suspended, another node may own its sessions. A
        process that saw its lease expire, since Redis is unreachable, knows that by itself.
        """
        if self.is_held:
            self.running_until = max(self._until, now() + self.seconds * _NAP)
        else:
            self.running_until = now() + self.seconds

    def answered(self) -> None:
        """Note that Redis has answered."""
        self._answered_at = now()

    def renew(self, asked_at: float) -> None:
        """Renew the lease, as of the moment at which Redis was asked for it."""
        self._until = asked_at + self.seconds * (1 - MARGIN)

    def end(self) -> None:
        """End the lease at once."""
        self._until = -math.inf
