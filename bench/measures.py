"""What is measured, one function each. A figure is one number of one server in one round."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product

import sealed
import sessions
import tls
from figures import APPROVAL, BACK, GROWN, SEALED, TLS
from load import PAYLOADS, held, load
from servers import BARE, LIFTED, PEERJS, PROXIM, WS, Running, Server, proxim, resident, running

Figure = tuple[str, str, float]
"""The name of the measure, of the server, and the value."""

WINDOWS = {1: "closed loop", 16: "16 in flight"}
AMONG_MANY = 1000
"""Connections, and expiries, that are measured while very many sessions are there besides."""

RETURNING = PROXIM._replace(command=proxim(*LIFTED, "--one-time-grace", "60"))
"""A node that waits for the clients of its sessions until all can be back."""

SETTLE = 0.1
"""Seconds in which a server sees to the connections that the last measure left behind."""


def cells(pairs: tuple[int, ...]) -> list[tuple[int, str, int]]:
    """The cells of the relay's table: pairs, payload, signals in flight per direction."""
    return list(product(pairs, PAYLOADS, WINDOWS))


def cell_name(pairs: int, payload: str, window: int) -> str:
    return f"{payload}, {pairs} pair{'s' if pairs > 1 else ''}, {WINDOWS[window]}"


def relay(
    targets: list[Running], pairs: int, payload: str, window: int, seconds: float
) -> Iterator[Figure]:
    name = cell_name(pairs, payload, window)
    for target in targets:
        told = load(target, "relay", pairs=pairs, window=window, payload=payload, seconds=seconds)
        for figure in ("per_second", "p50_us", "p99_us", "cpu_us", "load_busy"):
            yield f"relay {figure}: {name}", target.server.name, told[figure]
        time.sleep(SETTLE)


def handshakes(targets: list[Running], count: int) -> Iterator[Figure]:
    for target in targets:
        told = load(target, "handshakes", count=count, at_once=64)
        yield "handshakes per second", target.server.name, told["per_second"]
        yield "handshakes p99_us", target.server.name, told["p99_us"]
        time.sleep(SETTLE)


def cycles(targets: list[Running], seconds: float) -> Iterator[Figure]:
    for target in targets:
        if target.server is BARE:
            continue  # It answers no close frame.
        told = load(target, "cycles", at_once=16, payload="candidate", seconds=seconds)
        yield "cycles per second", target.server.name, told["per_second"]
        yield "cycles p50_us", target.server.name, told["p50_us"]
        time.sleep(SETTLE)


def approvals(targets: list[Running], rate: int, seconds: float) -> Iterator[Figure]:
    """From a guest's request until both sides know that it is approved, in an open loop."""
    for target in targets:
        if target.server not in (PROXIM, PEERJS, WS):
            continue
        count = max(1, int(rate * seconds))
        told = load(target, "approvals", rate=rate, count=count, payload="SDP")
        for figure in ("p50_us", "p99_us"):
            yield f"{APPROVAL}{figure}: {rate} a second", target.server.name, told[figure]
        time.sleep(SETTLE)


def storm(count: int) -> Iterator[Figure]:
    """All clients of a server lose their connections, and come back at once."""
    for server in (RETURNING, PEERJS):
        with running(server) as target:
            told = load(target, "storm", pairs=count // 2)
        yield f"{BACK}until {count} are there, ms", server.name, count / told["per_second"] * 1e3
        yield f"{BACK}CPU of each of {count}, µs", server.name, told["cpu_us"]


def secured(seconds: float) -> Iterator[Figure]:
    """What TLS costs."""
    for what, way, server, cpu in tls.costs(seconds):
        yield f"{TLS}{what}: {way}", server, cpu


def sealing(seconds: float) -> Iterator[Figure]:
    """How often the node relays a sealed SDP, and a plain text as long."""
    for kind, rates in sealed.at_the_node(2, seconds).items():
        for rate in rates:
            yield f"{SEALED}{kind}", PROXIM.name, rate


def idle_memory(servers: list[Server], count: int) -> Iterator[Figure]:
    """Of a fresh process each, that has had some connections before: what all share is paid."""
    for server in servers:
        with running(server) as target:
            load(target, "handshakes", count=200, at_once=64)
            yield f"kB per idle connection, {count} of them", server.name, _idle(target, count)


def _idle(target: Running, count: int) -> float:
    time.sleep(SETTLE)
    before = resident(target.pid)
    with held(target, count):
        return (resident(target.pid) - before) / count / 1000


def pending_sessions(count: int) -> Iterator[Figure]:
    each, per_second = sessions.memory(count)
    yield f"kB per pending session, {count} of them", PROXIM.name, each / 1000
    yield f"sessions opened per second, {count} of them", PROXIM.name, per_second


def expiry(count: int) -> Iterator[Figure]:
    for spread, when in ((1.0, "in one second"), (0.0, "in one instant")):
        late, waits = sessions.lateness(count, spread)
        yield f"latest of {count} expiries {when}, ms", PROXIM.name, late * 1000
        yield f"a bystander waits during {count} expiries {when}, ms", PROXIM.name, waits * 1000


def growth(counts: tuple[int, ...], seconds: float) -> Iterator[Figure]:
    """How a node does its work while so many sessions are pending in it."""
    for count in counts:
        with sessions.crowd(count) as (target, each):
            relayed = load(target, "relay", pairs=50, payload="candidate", seconds=seconds)
            shaken = load(target, "handshakes", count=1000, at_once=64)
            cycled = load(target, "cycles", at_once=16, seconds=seconds)
            late, waits = sessions.lateness_of(target, AMONG_MANY, 1.0)
            grown = {
                "kB per session": each / 1000,
                "kB per idle connection": _idle(target, AMONG_MANY),
                "signals per second": relayed["per_second"],
                "p50 of a signal, µs": relayed["p50_us"],
                "p99 of a signal, µs": relayed["p99_us"],
                "CPU of a signal, µs": relayed["cpu_us"],
                "handshakes per second": shaken["per_second"],
                "cycles per second": cycled["per_second"],
                f"latest of {AMONG_MANY} expiries in one second, ms": late * 1000,
                "a bystander waits meanwhile, ms": waits * 1000,
            }
            for kind, value in grown.items():
                yield f"{GROWN}{kind}: {count} sessions", PROXIM.name, value
