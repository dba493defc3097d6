"""What a cluster costs and gives, as ratios in one run: real nodes, a real Redis, on loopback.

    python bench/cluster.py [--seconds 4] [--pairs 20] [--rounds 3]

Measured are the round trips per second, and their median and 99th percentile, of pairs that play
ping-pong – at one node of its own, at one node of a cluster, at two nodes, and at two nodes neither
of which has the session; pairings per second with 1, 2 and 3 nodes; and the time from a node's
death to the first signal that crosses again. The clients run in one Python process on the same
machine, so that absolute figures say little. Needs redis-server.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

PROGRAM = str(Path(sys.executable).with_name("proxim"))
LEASE = 3
DEVICE = {"name": "bench", "id": "bench"}


@contextmanager
def redis() -> Iterator[str]:
    """A Redis with persistence off; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        server = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()
            server.wait()


class Node:
    """A ``proxim serve``."""

    def __init__(self, *options: str) -> None:
        free = ("--message-rate", "0", "--sessions-per-owner", "0")
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", *free, *options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r":(\d+)\s*$", self.process.stdout.readline())
        assert found is not None
        self.url = f"ws://127.0.0.1:{found[1]}/ws"

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Client:
    """One connection."""

    def __init__(self, ws: WebSocketConnection) -> None:
        self.ws = ws

    async def send(self, kind: str, **fields: Any) -> None:
        await self.ws.send_message(json.dumps({"type": kind, **fields}))

    async def expect(self, kind: str) -> dict[str, Any]:
        """The next message of that kind; others are passed over."""
        while True:
            message: dict[str, Any] = json.loads(await self.ws.get_message())
            if message["type"] == kind:
                return message
            if message["type"] == "error":
                raise RuntimeError(message)


class Couple:
    """A host and a guest, approved."""

    def __init__(self, host: Client, guest: Client, session_id: str, key: str, token: str) -> None:
        self.host, self.guest, self.id, self.key, self.token = host, guest, session_id, key, token


async def pair(stack: Any, host_url: str, guest_url: str, second: str | None = None) -> Couple:
    """Bring two together; the host registers at ``second`` afterwards, if there is one."""
    host = Client(await stack(open_websocket_url(host_url)))
    await host.send("register", uuid="bench")
    key = (await host.expect("registered"))["key"]
    await host.send("create_session", session_type="persistent")
    link = (await host.expect("session_created"))["link"]
    session_id, token = link.partition("#")[2].split(".")
    guest = Client(await stack(open_websocket_url(guest_url)))
    await guest.send("pair_request", session_id=session_id, token=token, device_info=DEVICE)
    resume_token = (await guest.expect("pair_pending"))["resume_token"]
    await host.expect("pair_prompt")
    await host.send("pair_decision", session_id=session_id, approve=True)
    await host.expect("pair_result")
    await guest.expect("pair_result")
    if second is not None:
        host = Client(await stack(open_websocket_url(second)))
        await host.send("register", uuid="bench", key=key)
        await host.expect("registered")
    return Couple(host, guest, session_id, key, resume_token)


async def play(couple: Couple, until: float, times: list[float]) -> None:
    """Ping-pong until that moment."""
    while (began := trio.current_time()) < until:
        await couple.host.send("signal", session_id=couple.id, data="x" * 200)
        await couple.guest.expect("signal")
        await couple.guest.send("signal", session_id=couple.id, data="x" * 200)
        await couple.host.expect("signal")
        times.append(trio.current_time() - began)


async def relay(urls: tuple[str, ...], pairs: int, seconds: float) -> list[float]:
    """Round trips of so many pairs, in seconds each."""
    times: list[float] = []
    async with AsyncExitStack() as stack:
        couples = [await pair(stack.enter_async_context, *urls) for _ in range(pairs)]
        await trio.sleep(0.5)
        async with trio.open_nursery() as nursery:
            for couple in couples:
                nursery.start_soon(play, couple, trio.current_time() + seconds, times)
    return times


async def pairings(urls: list[str], seconds: float) -> float:
    """Pairings per second, host and guest at any two nodes."""
    until, done = trio.current_time() + seconds, 0

    async def worker(number: int) -> None:
        nonlocal done
        turn = number
        while trio.current_time() < until:
            async with AsyncExitStack() as stack:
                at, guest_at = urls[turn % len(urls)], urls[(turn + 1) % len(urls)]
                await pair(stack.enter_async_context, at, guest_at)
            done += 1
            turn += 1

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(worker, number)
    return done / seconds


async def takeover(nodes: list[Node]) -> float:
    """Seconds from the death of a session's node to the first signal that crosses again."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        couple = await pair(enter, nodes[0].url, nodes[1].url)
        nodes[0].process.kill()
        died = trio.current_time()
        while True:
            try:
                guest = Client(await enter(open_websocket_url(nodes[1].url)))
                await guest.send("resume", session_id=couple.id, resume_token=couple.token)
                await guest.expect("resumed")
                host = Client(await enter(open_websocket_url(nodes[2].url)))
                await host.send("register", uuid="bench", key=couple.key)
                await host.expect("registered")
                await guest.expect("peer_online")
                await guest.send("signal", session_id=couple.id, data=1)
                await host.expect("signal")
                return trio.current_time() - died
            except (RuntimeError, ConnectionClosed):
                await trio.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with redis() as url, ExitStack() as stack:
        member = ("--cluster", url, "--cluster-lease", str(LEASE))
        alone = stack.enter_context(Node())
        nodes = [stack.enter_context(Node(*member)) for _ in range(3)]
        one, two, three = (node.url for node in nodes)
        ways = {
            "one node": (alone.url, alone.url),
            "one node of a cluster": (one, one),
            "two nodes": (one, two),
            "two nodes, the session on a third": (one, two, three),
        }
        compare(ways, options.pairs, options.seconds, options.rounds)
        first = 0.0
        for count in (1, 2, 3):
            rate = trio.run(pairings, [node.url for node in nodes[:count]], options.seconds)
            first = first or rate
            print(f"pairings, {count} node(s) to one: {rate / first:.2f} ({rate:.0f} per second)")
        took = trio.run(takeover, nodes)
        print(f"takeover to the lease of {LEASE} s: {took / LEASE:.2f} ({took:.1f} s)")


def compare(ways: dict[str, tuple[str, ...]], pairs: int, seconds: float, rounds: int) -> None:
    """Print each way's round trips beside those of the first, in turns, medians of the rounds."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, urls in ways.items():
            times = sorted(trio.run(relay, urls, pairs, seconds))
            found[name].append(
                (len(times) / seconds, times[len(times) // 2], times[len(times) * 99 // 100])
            )
    first = [statistics.median(column) for column in zip(*found[next(iter(ways))], strict=True)]
    for name, each in found.items():
        rate, middle, late = (statistics.median(column) for column in zip(*each, strict=True))
        print(
            f"{name}: {rate:.0f} round trips/s ({rate / first[0]:.2f}), "
            f"median {middle * 1000:.1f} ms ({middle / first[1]:.2f}), "
            f"p99 {late * 1000:.1f} ms ({late / first[2]:.2f})"
        )


if __name__ == "__main__":
    main()
