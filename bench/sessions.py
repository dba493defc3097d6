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
from wire import Wire

LEAD = 2e-3
"""Seconds allowed per session to open them all before the first falls due."""


@contextmanager
def node() -> Iterator[tuple[int, tuple[str, int]]]:
    """A node on a free port: its process id and its address."""
    command = [sys.executable, "-m", "proxim", "serve", "--port", "0", "--sweep-interval", "3600"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://(\S+):(\d+)", process.stdout.readline())
        assert found is not None
        yield process.pid, (found[1], int(found[2]))
    finally:
        process.terminate()
        process.wait(timeout=20)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


class Hosts:
    """Connections that own the sessions among them."""

    def __init__(self, address: tuple[str, int], count: int) -> None:
        self.address = address
        self.count = count
        self.wires: list[Wire] = []

    async def connect(self) -> None:
        for number in range(self.count):
            wire = await Wire.dial(*self.address)
            await wire.say(type="register", uuid=f"bench-{number}")
            await wire.hear("registered")
            self.wires.append(wire)

    async def open(self, total: int, **fields: object) -> None:
        """Open sessions on all connections, one after the other on each."""

        async def open_some(wire: Wire, number: int) -> None:
            for index in range(number, total, self.count):
                ttl = fields["due"](index) - time.time() if "due" in fields else None
                kind = "persistent" if ttl is None else "temporary"
                await wire.say(type="create_session", session_type=kind, ttl=ttl)
                await wire.hear("session_created")

        async with trio.open_nursery() as nursery:
            for number, wire in enumerate(self.wires):
                nursery.start_soon(open_some, wire, number)


async def measure_memory(total: int, hosts: int) -> None:
    with node() as (pid, address):
        crowd = Hosts(address, hosts)
        await crowd.connect()
        # The first sessions pay for what all share.
        await crowd.open(hosts)
        before, began = resident(pid), time.perf_counter()
        await crowd.open(total)
        took = time.perf_counter() - began
        each = (resident(pid) - before) / total
        print(f"{total} sessions open: {each / 1000:.2f} kB each, {total / took:.0f} opened/s")


async def measure_lateness(total: int, hosts: int, spread: float) -> None:
    with node() as (_, address):
        crowd = Hosts(address, hosts)
        await crowd.connect()
        start = time.time() + 1 + total * LEAD
        await crowd.open(total, due=lambda index: start + spread * index / total)
        assert time.time() < start, "opening took too long; raise LEAD"
        due: dict[str, float] = {}
        for wire in crowd.wires:
            await wire.say(type="list_sessions")
            for session in (await wire.hear("sessions"))["sessions"]:
                moment = datetime.fromisoformat(session["expires_at"])
                due[session["session_id"]] = moment.timestamp()
        ended: list[tuple[float, bytes]] = []
        waits: list[float] = []

        async def collect(wire: Wire, count: int) -> None:
            for _ in range(count):
                ended.append(await wire.next())

        async def stand_by() -> None:
            wire = await Wire.dial(*address)
            await wire.say(type="register", uuid="bystander")
            await trio.sleep(max(0.0, start - time.time() - 0.2))
            # Who is still waiting when all has been told waits to the end, and is counted.
            while not all_told:
                asked = time.perf_counter()
                await wire.say(type="ping")
                await wire.hear("pong")
                waits.append(time.perf_counter() - asked)

        all_told = False
        async with trio.open_nursery() as bystander:
            bystander.start_soon(stand_by)
            with trio.fail_after(120):
                async with trio.open_nursery() as nursery:
                    for number, wire in enumerate(crowd.wires):
                        nursery.start_soon(collect, wire, len(range(number, total, hosts)))
            all_told = True
        # Only now is looked at what was said, so that reading it delays nothing.
        lateness = [moment - due[json.loads(said)["session_id"]] for moment, said in ended]
        report(total, spread, lateness, waits)


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
