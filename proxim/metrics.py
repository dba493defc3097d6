"""What a node counts, in Prometheus text form. No label carries an identity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from proxim.actors.supervisor import Supervisor
from proxim.core.messages import Reason
from proxim.net.listener import Listener


class _NodeCollector(Collector):
    """Reads the node at the moment of the scrape; nothing is counted twice."""

    def __init__(self, supervisor: Supervisor, listener: Listener) -> None:
        self._supervisor = supervisor
        self._listener = listener

    def collect(self) -> Iterable[Metric]:
        """All metrics of one node."""
        sessions = GaugeMetricFamily(
            "proxim_sessions", "Sessions in memory.", labels=["type", "status"]
        )
        kinds = Counter(
            (actor.session.session_type, actor.session.status)
            for actor in self._supervisor.actors()
        )
        for (session_type, status), count in sorted(kinds.items()):
            sessions.add_metric([session_type, status], count)
        yield sessions

        ended = CounterMetricFamily(
            "proxim_sessions_ended", "Sessions that have ended.", labels=["reason"]
        )
        for reason in Reason:
            ended.add_metric([reason], self._supervisor.endings[reason])
        yield ended

        crashes = self._supervisor.crashes
        yield CounterMetricFamily("proxim_actor_crashes", "Actors that failed.", crashes)
        connections = len(self._listener.connections)
        yield GaugeMetricFamily("proxim_connections", "Open WebSockets.", connections)


def scrape(supervisor: Supervisor, listener: Listener) -> str:
    """The answer to ``GET /metrics``."""
    registry = CollectorRegistry()
    registry.register(_NodeCollector(supervisor, listener))
    return generate_latest(registry).decode()
