"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

FIRST = 1.0
FACTOR = 1.5
LONGEST = 60.0


def delays(chance: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait, growing from 1 by half up to 60.

    Each is cut by up to half by chance, so that a thousand clients of a node that restarts do not
    all come back in the same instant.
    """
    delay = FIRST
    while True:
        yield delay * (0.5 + 0.5 * chance())
        delay = min(delay * FACTOR, LONGEST)
