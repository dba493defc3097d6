"""A rate with a burst, as a token bucket whose state is one moment."""

from __future__ import annotations

import math
from typing import NamedTuple


class Rate(NamedTuple):
    """So many per second, and so many at once.

    Who is bound by it keeps the moment at which its bucket is full again, and adds ``interval``
    for each thing that is done. It may be done while that moment is less than ``window`` away, so
    nothing has to be made for those who do nothing, nor counted up while they rest.
    """

    interval: float
    """Seconds that one costs; 0 where there is no limit."""
    window: float
    """Seconds that a full bucket is worth; infinite where there is no limit."""

    @classmethod
    def of(cls, per_second: float, burst: int) -> Rate:
        """The rate of so many per second; 0 is no limit."""
        if per_second == 0:
            return cls(0.0, math.inf)
        # Half of one more than is paid for at once: sums of floats are not exact.
        return cls(1 / per_second, (burst - 0.5) / per_second)

    def next_at(self, full_at: float) -> float:
        """The moment at which one more may be done, where none may now."""
        return full_at - self.window + self.interval / 2
