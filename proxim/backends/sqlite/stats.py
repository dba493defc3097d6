"""What the store counts, in Prometheus text form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from proxim.backends.sqlite.backend import StoreKeeper


def exposition(keeper: StoreKeeper) -> str:
    """What ``GET /metrics`` tells of the store, where there is one."""
    registry = CollectorRegistry()
    for name, meaning, value in (
        ("failing", "1 while the disk fails and sessions live in memory only.", keeper.is_failing),
        ("sessions", "Sessions that come back after a restart.", keeper.kept),
        ("owed", "Sessions that have changed since they were written.", keeper.owed),
    ):
        Gauge(f"proxim_store_{name}", meaning, registry=registry).set(value)
    failures = Counter(
        "proxim_store_failures", "Writes that failed, or took too long.", registry=registry
    )
    failures.inc(keeper.failures)
    return generate_latest(registry).decode()
