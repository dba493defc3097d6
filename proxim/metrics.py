"""What a node counts, in Prometheus text form. No label carries an identity.

Everything is counted where it happens and read here: a scrape costs the same however many
sessions there are.
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
from proxim.net.listener import Listener
from proxim.net.stats import CODES
from proxim.protocol.messages import Reason, SessionType, Status
from proxim.version import __version__


class _Moment(Collector):
    """The figures of a node, as they are when it is asked."""

    def __init__(self, supervisor: Supervisor, listener: Listener) -> None:
        self._supervisor = supervisor
        self._stats = supervisor.stats
        self._listener = listener
        self._net_stats = listener.stats

    def collect(self) -> Iterator[Metric]:
        yield from self._sessions()
        yield from self._pairings()
        yield from self._connections()
        yield from self._troubles()
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
        yield _counter("sessions_opened", "Sessions that were opened.", "type", opened)
        endings = {str(reason): self._supervisor.endings[reason] for reason in Reason}
        yield _counter("sessions_ended", "Sessions that have ended.", "reason", endings)

    def _pairings(self) -> Iterator[Metric]:
        stats = self._stats
        yield GaugeMetricFamily(
            "proxim_prompts", "Prompts that wait for a person's answer.", stats.prompts
        )
        outcomes = {outcome: stats.outcomes[outcome] for outcome in OUTCOMES}
        yield _counter(
            "pairings", "What became of requests to pair, by a right token.", "outcome", outcomes
        )
        yield _histogram(
            "prompt_seconds", "Time from a prompt to its outcome.", stats.prompt_seconds
        )

    def _connections(self) -> Iterator[Metric]:
        net = self._net_stats
        yield GaugeMetricFamily(
            "proxim_connections", "Open WebSockets.", len(self._listener.connections)
        )
        yield _total("connections_opened", "WebSockets that were opened.", net.opened)
        closed = {code: net.closed[code] for code in CODES}
        yield _counter("connections_closed", "WebSockets that were closed.", "code", closed)
        yield _total("signals", "Signals that WebSockets brought to be relayed.", net.signals)
        yield _total("signal_bytes", "Bytes of what these carried, as JSON.", net.signal_bytes)
        yield _total("received_bytes", "Bytes that were read from WebSockets.", net.bytes_read)
        yield GaugeMetricFamily(
            "proxim_outbox_bytes", "Bytes that wait in outboxes.", net.outbox_bytes
        )
        yield GaugeMetricFamily(
            "proxim_outboxes_behind",
            "Connections whose peer reads too slowly at the moment.",
            len(net.backlogged),
        )
        yield GaugeMetricFamily(
            "proxim_inbox_letters",
            "Requests that wait for a session.",
            self._stats.queued,
        )

    def _troubles(self) -> Iterator[Metric]:
        refusals = {limit: self._stats.refusals[limit] for limit in LIMITS}
        yield _counter(
            "refusals", "What was refused, by the limit that was reached.", "limit", refusals
        )
        yield _total("actor_crashes", "Actors that failed.", self._supervisor.crashes)
        yield _histogram(
            "expiry_lateness_seconds",
            "How late what time alone decides was decided.",
            self._stats.lateness,
        )


def exposition(supervisor: Supervisor, listener: Listener) -> str:
    """The answer to ``GET /metrics``."""
    registry = CollectorRegistry()
    registry.register(_Moment(supervisor, listener))
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode() + supervisor.backend.exposition()


def _total(name: str, meaning: str, count: float) -> Metric:
    return CounterMetricFamily(f"proxim_{name}", meaning, count)


def _counter(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"proxim_{name}", meaning, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    ends: Iterable[str] = [*map(str, histogram.bounds), "+Inf"]
    buckets = list(zip(ends, map(float, accumulate(histogram.counts)), strict=True))
    return HistogramMetricFamily(
        f"proxim_{name}", meaning, buckets=buckets, sum_value=histogram.sum
    )


def _info() -> Metric:
    info = GaugeMetricFamily(
        "proxim_info", "What runs here; always 1.", labels=["version", "python", "trio"]
    )
    info.add_metric([__version__, platform.python_version(), trio.__version__], 1)
    return info
