"""Exponential backoff with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

FIRST = 1.0
FACTOR = 1.5
MAX = 60.0


def delays(jitter: Callable[[], float] = random.random) -> Iterator[float]:
    """Yield the seconds to wait before each retry: from 1, growing by half, up to 60.

    Jitter shortens each by up to half, so that the clients of a restarted node do not all
    reconnect at the same moment.
    """
    delay = FIRST
    while True:
        yield delay * (0.5 + 0.5 * jitter())
        delay = min(delay * FACTOR, MAX)
