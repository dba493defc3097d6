"""One answer of ``/metrics``, and what `proxim status` computes from it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from contextlib import suppress

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

MAX_VALUE = 1e18
"""Samples beyond this are ignored."""


class Scrape:
    """The samples of one answer of ``/metrics``. Raises ``ValueError`` if it is not a node's.

    ``at`` is when the answer came (monotonic seconds), ``duration`` how many seconds it took.
    """

    def __init__(self, text: str, *, at: float, duration: float = 0.0) -> None:
        self.at = at
        self.duration = duration
        self._samples: defaultdict[str, list[Sample]] = defaultdict(list)
        families: list[Metric] = []
        # Any text may come from a URL that is not a node's, and the parser is strict.
        with suppress(ValueError, LookupError):
            families = list(text_string_to_metric_families(text))
        for family in families:
            for sample in family.samples:
                # Not NaN. Larger numbers than a node's would fill the terminal with digits.
                if abs(sample.value) <= MAX_VALUE:
                    self._samples[sample.name].append(sample)
        if "proxim_sessions" not in self._samples:
            raise ValueError("these are not the metrics of a Proxim node")

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and these labels; 0 without any."""
        wanted = labels.items()
        samples = self._samples.get(name, [])
        return sum(each.value for each in samples if wanted <= each.labels.items())

    def counts(self, name: str, label: str) -> dict[str, int]:
        """Return how much the samples count for each value of a label."""
        counts: Counter[str] = Counter()
        for each in self._samples.get(name, []):
            if label in each.labels:
                counts[each.labels[label]] += int(each.value)
        return dict(counts)

    def rate(self, before: Scrape | None, name: str, **labels: str) -> float:
        """Return by how much a counter grew per second since ``before``; 0 after a restart."""
        if before is None or self.at <= before.at:
            return 0.0
        growth = self.total(name, **labels) - before.total(name, **labels)
        return max(0.0, growth) / (self.at - before.at)

    def quantile(self, name: str, q: float) -> float:
        """Return the lowest bucket bound of a histogram that covers the share ``q``.

        An empty histogram has none: NaN.
        """
        buckets = sorted(
            (float(bound), count) for bound, count in self.counts(f"{name}_bucket", "le").items()
        )
        count = buckets[-1][1] if buckets else 0
        if not count:
            return math.nan
        return next(bound for bound, below in buckets if below >= q * count)
