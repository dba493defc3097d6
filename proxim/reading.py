"""The figures of a node as it told them: what ``/metrics`` says, read back and compared."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping

from msgspec import Struct

_SAMPLE = re.compile(r"(?m)^([A-Za-z_:]\w*)(?:\{([^}]*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = tuple[tuple[str, str], ...]


class Reading(Struct, frozen=True):
    """All samples at one moment (monotonic seconds), by name and labels."""

    at: float
    samples: Mapping[tuple[str, Labels], float]

    def total(self, name: str, **labels: str) -> float:
        """The sum of what is called that and has these labels; 0 if nothing is."""
        wanted = set(labels.items())
        return sum(
            value
            for (called, has), value in self.samples.items()
            if called == name and wanted <= set(has)
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """The same for each value of a label."""
        sums: dict[str, float] = {}
        for (called, has), value in self.samples.items():
            if called == name and label in dict(has):
                key = dict(has)[label]
                sums[key] = sums.get(key, 0.0) + value
        return sums

    def rate(self, before: Reading | None, name: str, **labels: str) -> float:
        """By how much a counter has grown per second since then; 0 after a restart."""
        if before is None or self.at <= before.at:
            return 0.0
        grown = self.total(name, **labels) - before.total(name, **labels)
        return max(0.0, grown) / (self.at - before.at)

    def quantile(self, name: str, share: float) -> float:
        """The least bound of a histogram under which at least that share lies; NaN if empty."""
        buckets = sorted(
            (float(dict(has)["le"]), count)
            for (called, has), count in self.samples.items()
            if called == f"{name}_bucket"
        )
        most = buckets[-1][1] if buckets else 0
        if not most:
            return math.nan
        return next(bound for bound, count in buckets if count >= share * most)


def read(text: str, at: float | None = None) -> Reading:
    """The reading in a Prometheus text. Raises ``ValueError`` when it is none of a Proxim node."""
    samples = {
        (name, tuple(_LABEL.findall(labels))): float(value)
        for name, labels, value in _SAMPLE.findall(text)
    }
    if not any(name == "proxim_sessions" for name, _ in samples):
        raise ValueError("these are not the figures of a Proxim node")
    return Reading(time.monotonic() if at is None else at, samples)
