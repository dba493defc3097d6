"""What a node counts, in Prometheus text form. No label carries an identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Counts(NamedTuple):
    """A node's figures at one moment."""

    sessions: Mapping[tuple[str, str], int]
    """Sessions in memory, by type and status."""
    endings: Mapping[str, int]
    """Sessions that have ended, by reason."""
    crashes: int
    connections: int


class _Moment(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        sessions = GaugeMetricFamily(
            "proxim_sessions", "Sessions in memory.", labels=["type", "status"]
        )
        for labels, count in sorted(self._counts.sessions.items()):
            sessions.add_metric(labels, count)
        yield sessions
        ended = CounterMetricFamily(
            "proxim_sessions_ended", "Sessions that have ended.", labels=["reason"]
        )
        for reason, count in self._counts.endings.items():
            ended.add_metric([reason], count)
        yield ended
        crashes, connections = self._counts.crashes, self._counts.connections
        yield CounterMetricFamily("proxim_actor_crashes", "Actors that failed.", crashes)
        yield GaugeMetricFamily("proxim_connections", "Open WebSockets.", connections)


def exposition(counts: Counts) -> str:
    """The answer to ``GET /metrics``."""
    registry = CollectorRegistry()
    registry.register(_Moment(counts))
    return generate_latest(registry).decode()
