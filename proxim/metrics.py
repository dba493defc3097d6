"""The metrics of a node in the Prometheus text format. No label has an identity.

The counters are updated where something happens, and read here. A scrape takes the same time for
any number of sessions.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TypeVar

import trio
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from proxim.actors.stats import CLUSTER_REFUSALS, LIMITS, OUTCOMES, Histogram
from proxim.actors.supervisor import Supervisor
from proxim.net.stats import CODES, NetStats
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.version import __version__

_Label = TypeVar("_Label", bound=str)


class _NodeCollector(Collector):
    """Collects the current values of a node."""

    def __init__(self, supervisor: Supervisor, net_stats: NetStats) -> None:
        self._supervisor = supervisor
        self._net_stats = net_stats

    def collect(self) -> Iterator[Metric]:
        stats, net = self._supervisor.stats, self._net_stats
        sessions = GaugeMetricFamily(
            "proxim_sessions", "Sessions in memory.", labels=["type", "status"]
        )
        for kind in SessionType:
            for status in Status:
                sessions.add_metric([kind, status], stats.sessions[kind, status])
        yield sessions
        yield _counter("sessions_opened", "Sessions opened.", "type", SessionType, stats.opened)
        endings = self._supervisor.endings
        yield _counter("sessions_ended", "Sessions ended.", "reason", Reason, endings)
        budget = self._supervisor.terms.backlog_budget
        waiting = "Bytes of signals that wait for peers that are offline."
        yield _gauge("backlog_bytes", waiting, budget.used)
        yield _gauge("prompts", "Prompts that wait for an answer.", stats.prompts)
        yield _counter(
            "pairings",
            "Requests to pair with a right token, by outcome.",
            "outcome",
            OUTCOMES,
            stats.outcomes,
        )
        yield _histogram(
            "prompt_seconds", "Time from a prompt to its outcome.", stats.prompt_seconds
        )
        yield _gauge("connections", "Open WebSockets.", net.open)
        yield _total("connections_opened", "WebSockets opened.", net.opened)
        yield _counter("connections_closed", "WebSockets closed.", "code", CODES, net.closed)
        yield _total("signals", "Signals received from WebSockets for relaying.", net.signals)
        yield _total("signal_bytes", "Bytes of their data, as JSON.", net.signal_bytes)
        yield _total("received_bytes", "Bytes read from WebSockets.", net.bytes_read)
        yield _gauge("outbox_bytes", "Bytes that wait in outboxes.", net.outbox_bytes)
        behind = len(net.queueing)
        yield _gauge("outboxes_behind", "Connections that currently read too slowly.", behind)
        yield _gauge("inbox_letters", "Requests that wait for a session.", stats.queued)
        refusals = stats.refusals + Counter(max_backlog_bytes=budget.refused)
        yield _counter(
            "refusals", "Refused requests, by the limit reached.", "limit", LIMITS, refusals
        )
        yield _counter(
            "cluster_refusals",
            "Messages of other nodes and records of sessions that were refused, by the reason.",
            "reason",
            CLUSTER_REFUSALS,
            stats.cluster_refusals,
        )
        yield _gauge("drawings", "QR codes that are drawn or wait for it.", stats.drawings)
        yield _total("actor_crashes", "Actors that crashed.", self._supervisor.crashes)
        yield _histogram(
            "expiry_lateness_seconds",
            "Time from a deadline until its expiry was handled.",
            stats.lateness,
        )
        versions = {
            "version": __version__,
            "python": platform.python_version(),
            "trio": trio.__version__,
        }
        yield InfoMetricFamily("proxim", "The versions of the node; always 1.", versions)


def exposition(supervisor: Supervisor, net_stats: NetStats) -> str:
    """Return the answer to ``GET /metrics``."""
    registry = CollectorRegistry()
    registry.register(_NodeCollector(supervisor, net_stats))
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode() + supervisor.backend.exposition()


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"proxim_{name}", help_text, value)


def _total(name: str, help_text: str, count: float) -> Metric:
    return CounterMetricFamily(f"proxim_{name}", help_text, count)


def _counter(
    name: str, help_text: str, label: str, values: Iterable[_Label], counts: Mapping[_Label, int]
) -> Metric:
    family = CounterMetricFamily(f"proxim_{name}", help_text, labels=[label])
    for value in sorted(values):
        family.add_metric([value], counts[value])
    return family


def _histogram(name: str, help_text: str, histogram: Histogram) -> Metric:
    ends: Iterable[str] = [*map(str, histogram.bounds), "+Inf"]
    buckets = list(zip(ends, map(float, accumulate(histogram.counts)), strict=True))
    return HistogramMetricFamily(
        f"proxim_{name}", help_text, buckets=buckets, sum_value=histogram.sum
    )
