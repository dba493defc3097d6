"""Proxim beside what people use today, measured in turn on this machine.

    python bench/run.py [--quick] [--rounds 3] [--json FILE]

In each round every server is started afresh and every measure is taken of each, one right after
the other, in an order that turns from round to round. What is printed are medians, and ratios to
PeerJS's server, each taken within a round, and their median over the rounds. Absolute figures are
worth little from one hour to the next; ratios hold.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import measures
import report
from load import PAYLOADS
from servers import BARE, LOAD_CORE, PEERS, PROXIM, SERVER_CORE, build, running

from proxim.net import masking


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    pairs: tuple[int, ...]
    seconds: float
    handshakes: int
    idle: tuple[int, ...]
    sessions: int
    growth: tuple[int, ...]
    approvals: tuple[tuple[int, float], ...]
    """How many a second, and for how many seconds."""
    returning: int


FULL = Plan(
    rounds=3,
    pairs=(1, 50, 500),
    seconds=0.4,
    handshakes=4000,
    idle=(1000, 10_000),
    sessions=10_000,
    growth=(100, 1000, 10_000, 100_000),
    approvals=((1, 20.0), (50, 4.0)),
    returning=10_000,
)
QUICK = Plan(
    rounds=1,
    pairs=(50,),
    seconds=0.2,
    handshakes=500,
    idle=(500,),
    sessions=1000,
    growth=(100, 500),
    approvals=((1, 1.0), (50, 0.5)),
    returning=400,
)

Results = dict[str, dict[str, list[float]]]


def one_round(plan: Plan, number: int) -> Iterator[measures.Figure]:
    servers = [*PEERS, BARE]
    servers = servers[number % len(servers) :] + servers[: number % len(servers)]
    with ExitStack() as stack:
        targets = [stack.enter_context(running(server)) for server in servers]
        for target in targets:
            yield "start-up, ms", target.server.name, target.start_time * 1000
        # What compiles while it runs has to have run before it is measured.
        for payload in PAYLOADS:
            for _ in measures.relay(targets, 50, payload, 1, plan.seconds):
                pass
        for cell in measures.cells(plan.pairs):
            yield from measures.relay(targets, *cell, plan.seconds)
        yield from measures.handshakes(targets, plan.handshakes)
        yield from measures.cycles(targets, plan.seconds)
        for rate, seconds in plan.approvals:
            yield from measures.approvals(targets, rate, seconds)
    yield from measures.storm(plan.returning)
    yield from measures.secured(plan.seconds)
    yield from measures.sealing(plan.seconds)
    yield from measures.idle_memory(servers, plan.idle[0])
    yield from measures.pending_sessions(plan.sessions)
    yield from measures.expiry(plan.sessions)


def run(plan: Plan) -> Results:
    results: Results = defaultdict(lambda: defaultdict(list))

    def keep(figures: Iterator[measures.Figure]) -> None:
        for measure, server, value in figures:
            results[measure][server].append(value)
            print(".", end="", file=sys.stderr, flush=True)

    for number in range(plan.rounds):
        keep(one_round(plan, number))
    for count in plan.idle[1:]:
        keep(measures.idle_memory([*PEERS, BARE], count))
    keep(measures.growth(plan.growth, plan.seconds))
    print(file=sys.stderr)
    return results


def raise_descriptors() -> int:
    """Allow each process as many connections as the system does; return how many clients that is.

    A node keeps a fifth of them for other things than connections.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most * 4 // 5 // 100 * 100


def machine() -> dict[str, object]:
    """What it ran on."""
    model = next(
        (
            line.split(": ")[1]
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "server_core": SERVER_CORE,
        "load_core": LOAD_CORE,
        "kernel": platform.release(),
        "unmasked_in_c": masking.IS_COMPILED,
        "python": platform.python_version(),
        "node": os.popen("node --version").read().strip(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything, in one round")
    parser.add_argument("--rounds", type=int, help="how often each measure is taken")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    options = parser.parse_args()
    build()
    os.sched_setaffinity(0, {LOAD_CORE})
    plan = QUICK if options.quick else FULL
    plan = plan._replace(
        rounds=options.rounds or plan.rounds, returning=min(plan.returning, raise_descriptors())
    )
    began = time.monotonic()
    results = run(plan)
    whole = {"machine": machine(), "plan": plan._asdict(), "results": results}
    if options.json:
        options.json.write_text(json.dumps(whole, indent=1) + "\n")
    print(report.text(whole))
    print(f"{len(PEERS)} servers, {plan.rounds} rounds, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    assert PROXIM in PEERS
    main()
