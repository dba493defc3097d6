"""The needs of a million sessions at one node: the page on capacity is computed from these figures.

    python bench/capacity.py [--sessions 1000000] [--connections 10000]

Opens so many sessions at one node over real sockets, as ``sessions.py`` does, and prints what
they take: memory, the CPU time of opening one, and what the node costs while they sleep. Then the
load generator does whole pairings beside them. Before that it does the same with ten thousand, for
comparison. At last it holds idle connections, and prints what the pings cost that keep them. A
million sessions take 6 GB and some minutes. All times but those of a ping are CPU times.
"""

from __future__ import annotations

import argparse
import time

import trio
from load import held, load
from servers import HOST, PROXIM, Running, build, cpu_time, resident, running
from sessions import crowd
from wire import Wire

FEW = 10_000
ASLEEP = 5.0
"""Seconds in which the node is left alone."""
PINGS = 2000


async def _waits(target: Running) -> list[float]:
    """Seconds that a bystander waits for each of its pings, in order of size."""
    waits = []
    wire = await Wire.dial(HOST, target.port)
    await wire.say(type="register", uuid="bystander")
    for _ in range(PINGS):
        asked = time.perf_counter()
        await wire.say(type="ping")
        await wire.hear("pong")
        waits.append(time.perf_counter() - asked)
    return sorted(waits)


def sessions(total: int, seconds: float) -> None:
    """Print what one node does with so many sessions."""
    with crowd(total) as (target, each):
        opened, whole = cpu_time(target.pid), resident(target.pid)
        print(f"{total:,} sessions: {each / 1000:.2f} kB each, {whole / 1e9:.2f} GB in all")
        print(f"  opening one takes {opened / total * 1e6:.0f} µs")
        time.sleep(ASLEEP)
        asleep = cpu_time(target.pid) - opened
        print(f"  asleep the node takes {asleep / ASLEEP:.1%} of a core")
        cycled = load(target, "cycles", at_once=16, seconds=seconds)
        print(f"  a whole pairing takes {cycled['cpu_us']:.0f} µs")
        waits = trio.run(_waits, target)
        print(f"  a ping waits {waits[PINGS // 2] * 1e3:.2f} ms, at most {waits[-1] * 1e3:.1f} ms")


def connections(total: int, seconds: float) -> None:
    """Print what one node does with so many connections that say nothing."""
    with running(PROXIM) as target:
        before = resident(target.pid)
        with held(target, total):
            each, began = (resident(target.pid) - before) / total, cpu_time(target.pid)
            print(f"{total:,} idle connections: {each / 1000:.2f} kB each")
            print(f"  connecting and registering takes {began / total * 1e6:.0f} µs")
            time.sleep(seconds)
            share = (cpu_time(target.pid) - began) / seconds / total
            print(f"  holding one takes {share * 1e6:.1f} µs for each second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of pairings")
    parser.add_argument("--hold", type=float, default=60.0, help="seconds; a ping comes every 20")
    options = parser.parse_args()
    build()
    connections(options.connections, options.hold)
    for total in (FEW, options.sessions):
        sessions(total, options.seconds)


if __name__ == "__main__":
    main()
