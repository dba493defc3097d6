"""What a session costs, and how late one ends when very many end at once.

    python bench/sessions.py [--sessions 10000] [--hosts 100]

Starts a node as a process of its own and speaks to it over real sockets. Prints the memory that a
pending session takes (its actor included, and no connection of its own), and how late the node
says that a session has expired when all of them fall due within one second, or in one instant.
Meanwhile a bystander asks ``ping`` without a pause; what it waits is printed, too.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

LEAD = 2e-3
"""Seconds allowed per session to open them all before the first falls due."""


@contextmanager
def node() -> Iterator[tuple[int, str]]:
    """A node on a free port: its process id and WebSocket address."""
    command = [sys.executable, "-m", "proxim", "serve", "--port", "0", "--sweep-interval", "3600"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address is not None
        yield process.pid, address[0].replace("http", "ws", 1) + "/ws"
    finally:
        process.terminate()
        process.wait(timeout=20)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


async def say(ws: WebSocketConnection, **message: object) -> None:
    await ws.send_message(json.dumps(message))


async def hear(ws: WebSocketConnection, kind: str) -> dict:
    while True:
        message = json.loads(await ws.get_message())
        if message["type"] == kind:
            return message
        assert message["type"] != "error", message


class Hosts:
    """Connections that own the sessions among them."""

    def __init__(self, url: str, count: int) -> None:
        self.url = url
        self.count = count
        self.sockets: list[WebSocketConnection] = []

    async def connect(self, nursery: trio.Nursery) -> None:
        for number in range(self.count):
            ws = await nursery.start(self._hold, number)
            self.sockets.append(ws)

    async def _hold(self, number: int, *, task_status: trio.TaskStatus[object]) -> None:
        async with open_websocket_url(self.url) as ws:
            await say(ws, type="register", uuid=f"bench-{number}")
            await hear(ws, "registered")
            task_status.started(ws)
            await trio.sleep_forever()

    async def open(self, total: int, **fields: object) -> None:
        """Open sessions on all connections, one after the other on each."""

        async def open_some(ws: WebSocketConnection, number: int) -> None:
            for index in range(number, total, self.count):
                ttl = fields["due"](index) - time.time() if "due" in fields else None
                kind = "persistent" if ttl is None else "temporary"
                await say(ws, type="create_session", session_type=kind, ttl=ttl)
                await hear(ws, "session_created")

        async with trio.open_nursery() as nursery:
            for number, ws in enumerate(self.sockets):
                nursery.start_soon(open_some, ws, number)


async def measure_memory(total: int, hosts: int) -> None:
    with node() as (pid, url):
        async with trio.open_nursery() as nursery:
            crowd = Hosts(url, hosts)
            await crowd.connect(nursery)
            # The first sessions pay for what all share.
            await crowd.open(hosts)
            before, began = resident(pid), time.perf_counter()
            await crowd.open(total)
            took = time.perf_counter() - began
            each = (resident(pid) - before) / total
            print(f"{total} sessions open: {each / 1000:.2f} kB each, {total / took:.0f} opened/s")
            nursery.cancel_scope.cancel()


async def measure_lateness(total: int, hosts: int, spread: float) -> None:
    with node() as (_, url):
        async with trio.open_nursery() as nursery:
            crowd = Hosts(url, hosts)
            await crowd.connect(nursery)
            start = time.time() + 1 + total * LEAD
            lateness: list[float] = []
            waits: list[float] = []
            expected: dict[str, float] = {}
            done = trio.Event()

            async def collect(ws: WebSocketConnection, count: int) -> None:
                for _ in range(count):
                    ended = await hear(ws, "session_ended")
                    lateness.append(time.time() - expected[ended["session_id"]])
                if len(lateness) == total:
                    done.set()

            async def stand_by() -> None:
                async with open_websocket_url(url) as ws:
                    await say(ws, type="register", uuid="bystander")
                    await trio.sleep(max(0.0, start - time.time() - 0.2))
                    while True:
                        asked = time.perf_counter()
                        await say(ws, type="ping")
                        await hear(ws, "pong")
                        waits.append(time.perf_counter() - asked)

            nursery.start_soon(stand_by)
            await crowd.open(total, due=lambda index: start + spread * index / total)
            assert time.time() < start, "opening took too long; raise LEAD"
            for ws in crowd.sockets:
                await say(ws, type="list_sessions")
                for session in (await hear(ws, "sessions"))["sessions"]:
                    due = datetime.fromisoformat(session["expires_at"]).timestamp()
                    expected[session["session_id"]] = due
            for number, ws in enumerate(crowd.sockets):
                nursery.start_soon(collect, ws, len(range(number, total, hosts)))
            with trio.fail_after(120):
                await done.wait()
            report(total, spread, lateness, waits)
            nursery.cancel_scope.cancel()


def report(total: int, spread: float, lateness: list[float], waits: list[float]) -> None:
    when = f"within {spread:g} s" if spread else "in one instant"
    late = [each * 1000 for each in lateness]
    print(
        f"{total} expiries {when}: median {statistics.median(late):.1f} ms late, "
        f"latest {max(late):.1f} ms, earliest {min(late):.1f} ms; "
        f"a bystander's echo waits {max(waits) * 1000:.1f} ms at most"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--hosts", type=int, default=100)
    options = parser.parse_args()
    trio.run(measure_memory, options.sessions, options.hosts)
    trio.run(measure_lateness, options.sessions, options.hosts, 1.0)
    trio.run(measure_lateness, options.sessions, options.hosts, 0.0)


if __name__ == "__main__":
    main()
