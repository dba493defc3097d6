"""The work of one Redis in a cluster: for a heartbeat, a pairing and a signal.

    python bench/redis_costs.py [--pairings 640] [--nodes 2]

Asks a real Redis, by ``INFO``, how many commands it got, how many bytes went in and out, and how
much CPU time it took, before and after so many pairings, each opened, approved and closed; and so
for signals. The heartbeats of the nodes meanwhile were measured before, and are subtracted.
"Scripts" are the commands that nodes send (and reads of their streams), "commands" what Redis
carries out within them. The CPU time of the nodes is printed, too. Needs redis-server.
"""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

import trio
from cluster import Couple, Node, pair, redis
from servers import cpu_time

KEY = "0123456789abcdef" * 2
SENT_BY_NODES = {"evalsha", "xread"}


class Usage(NamedTuple):
    """What Redis and the nodes have done until a moment."""

    moment: float
    scripts: float
    commands: float
    bytes_in: float
    bytes_out: float
    redis_cpu: float
    node_cpu: float

    def since(self, earlier: Usage) -> Usage:
        return Usage(*(now - then for now, then in zip(self, earlier, strict=True)))

    def without(self, idle: Usage) -> Usage:
        """This usage without the heartbeats, whose usage per second is ``idle``."""
        return Usage(
            *(all_of - self.moment * each for all_of, each in zip(self, idle, strict=True))
        )

    def by(self, count: float) -> Usage:
        return Usage(*(each / count for each in self))

    def __str__(self) -> str:
        return (
            f"{self.scripts:.2f} scripts and reads, {self.commands:.1f} commands, "
            f"{self.bytes_in:,.0f} bytes in, {self.bytes_out:,.0f} out, "
            f"{self.redis_cpu * 1e6:.0f} µs of Redis' CPU, "
            f"{self.node_cpu * 1e6:.0f} µs of the nodes'"
        )


class Meter:
    """Reads what a Redis and some nodes have done."""

    def __init__(self, url: str, nodes: list[Node]) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._replies = self._socket.makefile("rb")
        self._nodes = nodes
        self.idle: Usage | None = None

    def read(self) -> Usage:
        self._socket.sendall(b"INFO everything\r\n")
        text = self._replies.read(int(self._replies.readline()[1:]) + 2).decode()
        told = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        calls = {
            name.removeprefix("cmdstat_"): int(value.partition(",")[0].removeprefix("calls="))
            for name, value in told.items()
            if name.startswith("cmdstat_")
        }
        calls.pop("info", None)
        sent = sum(count for name, count in calls.items() if name in SENT_BY_NODES)
        return Usage(
            time.monotonic(),
            sent,
            sum(calls.values()) - sent,
            int(told["total_net_input_bytes"]),
            int(told["total_net_output_bytes"]),
            float(told["used_cpu_user"]) + float(told["used_cpu_sys"]),
            sum(cpu_time(node.process.pid) for node in self._nodes),
        )

    async def settle(self, seconds: float) -> Usage:
        """Measure what is done in a second without clients, which is subtracted from now on."""
        before = self.read()
        await trio.sleep(seconds)
        used = self.read().since(before)
        self.idle = used.by(used.moment)
        return self.idle

    async def of(self, work: Callable[[], Awaitable[None]]) -> Usage:
        """Return what some work takes."""
        assert self.idle is not None
        before = self.read()
        await work()
        return self.read().since(before).without(self.idle)


async def make_pairings(urls: tuple[str, str], total: int, at_once: int) -> None:
    """Pair and close so many times, some of them at once."""

    async def worker(count: int) -> None:
        for _ in range(count):
            async with AsyncExitStack() as stack:
                couple = await pair(stack.enter_async_context, *urls)
                await couple.host.send("close_session", session_id=couple.id)
                await couple.host.expect("session_ended")
                await couple.guest.expect("session_ended")

    async with trio.open_nursery() as nursery:
        for _ in range(at_once):
            nursery.start_soon(worker, total // at_once)


async def send_signals(couple: Couple, rounds: int) -> None:
    """Play ping-pong with a signal of 200 characters each way."""
    for _ in range(rounds):
        await couple.host.send("signal", session_id=couple.id, data="x" * 200)
        await couple.guest.expect("signal")
        await couple.guest.send("signal", session_id=couple.id, data="x" * 200)
        await couple.host.expect("signal")


async def measure(url: str, alone: Node, nodes: list[Node], total: int, idle_for: float) -> None:
    meter, (one, two) = Meter(url, nodes), (node.url for node in nodes[:2])
    for urls in ((one, two), (alone.url, alone.url)):
        await make_pairings(urls, 64, 64)  # What is done once is done.
    idle = await meter.settle(idle_for)
    print(f"each of {len(nodes)} nodes, for a second without clients: {idle.by(len(nodes))}")
    beside = Meter(url, [alone])
    await beside.settle(idle_for)
    ways = {
        "a node without a cluster": (beside, (alone.url, alone.url)),
        "one node": (meter, (one, one)),
        "two nodes": (meter, (one, two)),
    }
    for at_once in (1, 64):
        for name, (asked, urls) in ways.items():
            used = await asked.of(partial(make_pairings, urls, total, at_once))
            print(f"a pairing at {name}, {at_once} at once: {used.by(total)}")
    async with AsyncExitStack() as stack:
        couple = await pair(stack.enter_async_context, one, two)
        used = await meter.of(lambda: send_signals(couple, total))
        print(f"a signal between two nodes, alone: {used.by(2 * total)}")
        couples = [await pair(stack.enter_async_context, one, two) for _ in range(50)]

        async def send_all() -> None:
            async with trio.open_nursery() as nursery:
                for each in couples:
                    nursery.start_soon(send_signals, each, total // 10)

        used = await meter.of(send_all)
        print(f"a signal between two nodes, 50 pairs: {used.by(10 * total)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairings", type=int, default=640)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--idle", type=float, default=10.0, help="seconds of heartbeats alone")
    options = parser.parse_args()
    with redis() as url, ExitStack() as stack:
        alone = stack.enter_context(Node())
        os.environ["PROXIM_CLUSTER_KEY"] = KEY
        nodes = [stack.enter_context(Node("--cluster", url)) for _ in range(options.nodes)]
        trio.run(measure, url, alone, nodes, options.pairings, options.idle)


if __name__ == "__main__":
    main()
