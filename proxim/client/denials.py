"""The denials of a person in the last minutes: a person who is asked too often says yes at last."""

from __future__ import annotations

from collections import deque

from proxim import clock

WINDOW = 10 * 60.0
"""Seconds for which a denial counts."""

MOST = 2
"""After so many denials the next prompt is silent."""

UNKNOWN = ""
"""Stands for all devices that the host does not know: each request may come from another one."""


class Denials:
    """Counts denials for each known device, and for all unknown ones together."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def add(self, device_id: str) -> None:
        """Count a denial of a known device, or of an ``UNKNOWN`` one."""
        self._times.setdefault(device_id, deque(maxlen=MOST)).append(clock.now())

    def are_many(self, device_id: str) -> bool:
        """Return whether a person has denied the device so often that it should ask silently."""
        times = self._times.get(device_id, deque())
        return len(times) == MOST and clock.now() - times[0] < WINDOW
