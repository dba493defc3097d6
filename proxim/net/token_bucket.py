"""A token bucket whose state is one moment."""

from __future__ import annotations

import math
from typing import NamedTuple


class TokenBucket(NamedTuple):
    """The size and the refill rate of a token bucket.

    Each client keeps its own state: the moment at which its bucket is full again. Taking a token
    adds ``interval`` to that moment, and is allowed while the moment is less than ``window`` away.
    A client that sends nothing costs nothing.
    """

    interval: float
    """Seconds until a token is refilled; 0 without a limit."""
    window: float
    """Seconds until an empty bucket is full; infinite without a limit."""

    @classmethod
    def of(cls, per_second: float, burst: int) -> TokenBucket:
        """Return a bucket of ``burst`` tokens, refilled at a rate; a rate of 0 is no limit."""
        if per_second == 0:
            return cls(0.0, math.inf)
        # Half a token is spare, since sums of floats are not exact.
        return cls(1 / per_second, (burst - 0.5) / per_second)

    def next_at(self, full_at: float) -> float:
        """Return the moment of the next token for a client whose bucket is empty."""
        return full_at - self.window + self.interval / 2
