"""The limits on file descriptors, and so on connections, of this process."""

from __future__ import annotations

import math
import sys


def limits() -> tuple[float, float]:
    """Return the soft and the hard limit; infinite if there is none, as on Windows."""
    if sys.platform != "win32":
        import resource

        soft, hard = (
            math.inf if each == resource.RLIM_INFINITY else each
            for each in resource.getrlimit(resource.RLIMIT_NOFILE)
        )
        return soft, hard
    return math.inf, math.inf


def for_connections(limit: float) -> float:
    """Return how many connections fit in a limit on descriptors: 80 % of it."""
    return limit if limit == math.inf else limit * 4 // 5
