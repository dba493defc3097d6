"""The denials of a person in the last minutes: a person who is asked too often says yes at last."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from proxim import clock

WINDOW = 10 * 60.0
"""Seconds for which a denial counts."""

MOST = 2
"""After so many denials the next prompt is silent."""

UNKNOWN = ""
"""Stands for all devices that the host does not know: each request may come from another one."""


class Denials:
    """Counts the denials of requests by their marks.

    The marks of a request are its session, which has one link, the key of its device, if it names
    one, and ``UNKNOWN``, if the host does not know the device. A new link and a new key cost
    nothing, so that only the last mark stops a stranger.
    """

    def __init__(self) -> None:
        self._times: dict[str | bytes, deque[float]] = {}

    def add(self, marks: Iterable[str | bytes]) -> None:
        """Count a denial of a request."""
        now = clock.now()
        for mark, times in list(self._times.items()):
            if now - times[-1] >= WINDOW:
                del self._times[mark]
        for mark in marks:
            self._times.setdefault(mark, deque(maxlen=MOST)).append(now)

    def are_many(self, marks: Iterable[str | bytes]) -> bool:
        """Return whether a person has denied one of the marks so often that to ask is silent."""
        return any(
            len(times) == MOST and clock.now() - times[0] < WINDOW
            for mark in marks
            if (times := self._times.get(mark)) is not None
        )
