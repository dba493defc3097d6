"""What a session costs, and how late one ends when very many end at once.

    python bench/sessions.py [--sessions 10000]

Starts a node as a process of its own and speaks to it over real sockets. Prints the memory that a
pending session takes (its actor included, and no connection of its own), and how late the node
says that a session has expired when all of them fall due within one second, or in one instant.
Meanwhile a bystander asks ``ping`` without a pause; what it waits at most is printed, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import trio
from servers import HOST, LIFTED, PROXIM, Running, proxim, resident, running
from wire import Wire

LEADS = (6e-4, 2.4e-3, 9.6e-3)
"""Seconds allowed per session to open them all before the first falls due: more, if too few."""

HOSTS = 100
"""Connections that own the sessions among them."""

# Nothing is swept away while it is looked at.
NODE = PROXIM._replace(command=proxim(*LIFTED, "--sweep-interval", "3600"))


class TooLate(Exception):
    """The first session fell due before the last was open."""


class Hosts:
    """Connections that own the sessions among them."""

    def __init__(self, target: Running) -> None:
        self.port = target.port
        self.wires: list[Wire] = []

    async def connect(self) -> None:
        for number in range(HOSTS):
            wire = await Wire.dial(HOST, self.port)
            await wire.say(type="register", uuid=f"bench-{number}")
            await wire.hear("registered")
            self.wires.append(wire)

    async def open(self, total: int, **fields: object) -> None:
        """Open sessions on all connections, one after the other on each."""

        async def open_some(wire: Wire, number: int) -> None:
            for index in range(number, total, HOSTS):
                # TooLate tells of sessions that fall due before they are open, when all are.
                ttl = max(1e-3, fields["due"](index) - time.time()) if "due" in fields else None
                kind = "persistent" if ttl is None else "temporary"
                await wire.say(type="create_session", session_type=kind, ttl=ttl)
                await wire.hear("session_created")

        async with trio.open_nursery() as nursery:
            for number, wire in enumerate(self.wires):
                nursery.start_soon(open_some, wire, number)


async def fill(target: Running, total: int) -> tuple[Hosts, float, float]:
    """Open sessions; their owners, the bytes that each takes, and how many came in a second."""
    hosts = Hosts(target)
    await hosts.connect()
    # The first sessions pay for what all share.
    await hosts.open(HOSTS)
    before, began = resident(target.pid), time.perf_counter()
    await hosts.open(total)
    took = time.perf_counter() - began
    return hosts, (resident(target.pid) - before) / total, total / took


def memory(total: int) -> tuple[float, float]:
    """Bytes per pending session, and sessions opened per second."""
    with running(NODE) as target:
        _, each, per_second = trio.run(fill, target, total)
    return each, per_second


@contextmanager
def crowd(total: int) -> Iterator[tuple[Running, float]]:
    """A node with so many pending sessions, and the bytes that each takes."""
    with running(NODE) as target:
        hosts, each, _ = trio.run(fill, target, total)
        yield target, each
        del hosts  # Until now their sockets were open.


def lateness(total: int, spread: float) -> tuple[float, float]:
    """As ``lateness_of``, of a node of its own."""
    with running(NODE) as target:
        return lateness_of(target, total, spread)


def lateness_of(target: Running, total: int, spread: float) -> tuple[float, float]:
    """Seconds by which the latest expiry came late, and what a bystander waited at most."""
    for lead in LEADS:
        with contextlib.suppress(TooLate):
            return trio.run(_lateness, target, total, spread, lead)
    raise RuntimeError(f"opening {total} sessions took too long")


async def _lateness(target: Running, total: int, spread: float, lead: float) -> tuple[float, float]:
    hosts = Hosts(target)
    await hosts.connect()
    start = time.time() + 1 + total * lead
    await hosts.open(total, due=lambda index: start + spread * index / total)
    due: dict[str, float] = {}
    for wire in hosts.wires:
        await wire.say(type="list_sessions")
        for session in (await wire.hear("sessions"))["sessions"]:
            moment = datetime.fromisoformat(session["expires_at"])
            due[session["session_id"]] = moment.timestamp()
    if time.time() >= start:
        raise TooLate
    ended: list[tuple[float, bytes]] = []
    waits: list[float] = []
    over = trio.Event()

    async def collect(wire: Wire, count: int) -> None:
        for _ in range(count):
            ended.append(await wire.next())

    async def stand_by() -> None:
        wire = await Wire.dial(HOST, target.port)
        await wire.say(type="register", uuid="bystander")
        await trio.sleep(max(0.0, start - time.time() - 0.2))
        # What it waits at the end counts, too: it stops only between two questions.
        while not over.is_set():
            asked = time.perf_counter()
            await wire.say(type="ping")
            await wire.hear("pong")
            waits.append(time.perf_counter() - asked)

    with trio.fail_after(120):
        async with trio.open_nursery() as bystander:
            bystander.start_soon(stand_by)
            async with trio.open_nursery() as nursery:
                for number, wire in enumerate(hosts.wires):
                    nursery.start_soon(collect, wire, len(range(number, total, HOSTS)))
            over.set()
    # Only now is looked at what was said, so that reading it delays nothing.
    late = [moment - due[json.loads(said)["session_id"]] for moment, said in ended]
    return max(late), max(waits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=10_000)
    total = parser.parse_args().sessions
    each, per_second = memory(total)
    print(f"{total} sessions: {each / 1000:.2f} kB each, {per_second:.0f} opened per second")
    for spread in (1.0, 0.0):
        late, waits = lateness(total, spread)
        when = f"within {spread:g} s" if spread else "in one instant"
        print(
            f"{total} expiries {when}: the latest {late * 1000:.1f} ms late, "
            f"a bystander waits {waits * 1000:.1f} ms at most"
        )


if __name__ == "__main__":
    main()
