"""The metrics of a node in the Prometheus text format. No label has an identity.

The counters are updated where something happens, and read here. A scrape takes the same time for
any number of sessions.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

import trio
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from proxim.actors.stats import LIMITS, OUTCOMES, Histogram
from proxim.actors.supervisor import Supervisor
from proxim.net.stats import CODES, NetStats
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.version import __version__


class _NodeCollector(Collector):
    """Collects the current values of a node."""

    def __init__(self, supervisor: Supervisor, net_stats: NetStats) -> None:
        self._supervisor = supervisor
        self._stats = supervisor.stats
        self._net_stats = net_stats

    def collect(self) -> Iterator[Metric]:
        yield from self._sessions()
        yield from self._pairings()
        yield from self._connections()
        yield from self._failures()
        yield _info()

    def _sessions(self) -> Iterator[Metric]:
        sessions = GaugeMetricFamily(
            "proxim_sessions", "Sessions in memory.", labels=["type", "status"]
        )
        for kind in SessionType:
            for status in Status:
                sessions.add_metric([kind, status], self._stats.sessions[kind, status])
        yield sessions
        opened = {str(kind): self._stats.opened[kind] for kind in SessionType}
        yield _counter("sessions_opened", "Sessions opened.", "type", opened)
        endings = {str(reason): self._supervisor.endings[reason] for reason in Reason}
        yield _counter("sessions_ended", "Sessions ended.", "reason", endings)

    def _pairings(self) -> Iterator[Metric]:
        stats = self._stats
        yield GaugeMetricFamily("proxim_prompts", "Prompts that wait for an answer.", stats.prompts)
        outcomes = {outcome: stats.outcomes[outcome] for outcome in OUTCOMES}
        yield _counter(
            "pairings", "Requests to pair with a right token, by outcome.", "outcome", outcomes
        )
        yield _histogram(
            "prompt_seconds", "Time from a prompt to its outcome.", stats.prompt_seconds
        )

    def _connections(self) -> Iterator[Metric]:
        net = self._net_stats
        yield GaugeMetricFamily("proxim_connections", "Open WebSockets.", net.open)
        yield _total("connections_opened", "WebSockets opened.", net.opened)
        closed = {code: net.closed[code] for code in CODES}
        yield _counter("connections_closed", "WebSockets closed.", "code", closed)
        yield _total("signals", "Signals received from WebSockets for relaying.", net.signals)
        yield _total("signal_bytes", "Bytes of their data, as JSON.", net.signal_bytes)
        yield _total("received_bytes", "Bytes read from WebSockets.", net.bytes_read)
        yield GaugeMetricFamily(
            "proxim_outbox_bytes", "Bytes that wait in outboxes.", net.outbox_bytes
        )
        yield GaugeMetricFamily(
            "proxim_outboxes_behind",
            "Connections that currently read too slowly.",
            len(net.queueing),
        )
        yield GaugeMetricFamily(
            "proxim_inbox_letters",
            "Requests that wait for a session.",
            self._stats.queued,
        )
        yield GaugeMetricFamily(
            "proxim_drawings", "QR codes that are drawn or wait for it.", self._stats.drawings
        )

    def _failures(self) -> Iterator[Metric]:
        refusals = {limit: self._stats.refusals[limit] for limit in LIMITS}
        yield _counter("refusals", "Refused requests, by the limit reached.", "limit", refusals)
        yield _total("actor_crashes", "Actors that crashed.", self._supervisor.crashes)
        yield _histogram(
            "expiry_lateness_seconds",
            "Time from a deadline until its expiry was handled.",
            self._stats.lateness,
        )


def exposition(supervisor: Supervisor, net_stats: NetStats) -> str:
    """Return the answer to ``GET /metrics``."""
    registry = CollectorRegistry()
    registry.register(_NodeCollector(supervisor, net_stats))
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode() + supervisor.backend.exposition()


def _total(name: str, help_text: str, count: float) -> Metric:
    return CounterMetricFamily(f"proxim_{name}", help_text, count)


def _counter(name: str, help_text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"proxim_{name}", help_text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, help_text: str, histogram: Histogram) -> Metric:
    ends: Iterable[str] = [*map(str, histogram.bounds), "+Inf"]
    buckets = list(zip(ends, map(float, accumulate(histogram.counts)), strict=True))
    return HistogramMetricFamily(
        f"proxim_{name}", help_text, buckets=buckets, sum_value=histogram.sum
    )


def _info() -> Metric:
    info = GaugeMetricFamily(
        "proxim_info", "The versions of the node; always 1.", labels=["version", "python", "trio"]
    )
    info.add_metric([__version__, platform.python_version(), trio.__version__], 1)
    return info
