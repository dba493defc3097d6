"""A client of the random run: its connections, and what hosts and guests have in common."""

import random
from contextlib import suppress

import trio
from trio_websocket import wrap_client_stream

from tests.backends.redis.line import Gone, Line
from tests.backends.redis.log import Entry

PATIENCE = 20.0
"""Seconds after which an answer does not come any more."""


class GateLine(Line):
    """A connection that numbers its signals, and knows whether it is a host's."""

    is_registered = False
    signals = 0

    async def signal(self, session_id):
        self.signals += 1
        data = [session_id, self.client.role, f"{self.client.name}#{self.number}", self.signals]
        await self.send("signal", session_id=session_id, data=data)


class Client:
    """A person's device. ``seats`` has the line that sits in each session, as far as known."""

    role = deeds = ""
    weights = ()
    patience = PATIENCE

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.dice = random.Random(f"{world.seed} {name}")
        self.lines = []
        self.count = 0
        self.seats = {}
        self.approved = set()

    @property
    def open_lines(self):
        return [line for line in self.lines if not line.is_gone]

    def note(self, line, kind, what):
        self.world.log.append(Entry(trio.current_time(), self.name, line.number, kind, what))

    def unanswered(self, line, message):
        raise AssertionError(f"{self.name} got no answer to {message}")

    def heard(self, line, message):
        session_id = message.get("session_id")
        if message["type"] == "session_ended":
            self.approved.discard(session_id)
            self.seats.pop(session_id, None)
        elif message["type"] == "pair_result" and message["status"] == "approved":
            self.approved.add(session_id)

    def lost(self, line):
        for session_id in [each for each, seat in self.seats.items() if seat is line]:
            del self.seats[session_id]

    async def connect(self):
        with trio.fail_after(PATIENCE):
            return await self.world.nursery.start(self._hold)

    async def _hold(self, *, task_status):
        """Hold a connection until it is gone."""
        port = self.dice.choice(self.world.ports)
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream, trio.open_nursery() as nursery:
            ws = await wrap_client_stream(
                nursery, stream, "127.0.0.1", "/ws", message_queue_size=4096
            )
            self.count += 1
            line = GateLine(self, ws, stream, self.count)
            self.lines = [*self.open_lines, line]
            task_status.started(line)
            await line.read()
            nursery.cancel_scope.cancel()

    async def line(self):
        """Return an open connection, perhaps a new one."""
        found = self.open_lines
        return self.dice.choice(found) if found else await self.connect()

    async def play(self):
        while not self.world.is_over:
            (deed,) = self.dice.choices(self.deeds.split(), self.weights)
            with suppress(Gone):
                await getattr(self, deed)()
            await trio.sleep(self.dice.uniform(0, 0.03))

    async def talk(self):
        """Send signals on approved sessions all the time, and rarely on others."""
        while not self.world.is_over:
            for session_id, line in list(self.seats.items()):
                if session_id in self.approved or self.dice.random() < 0.1:
                    with suppress(Gone):
                        for _ in range(self.dice.randrange(1, 8)):
                            await line.signal(session_id)
            await trio.sleep(0.01)

    # -- deeds that all have in common -------------------------------------------------------

    async def ping(self):
        await (await self.line()).ask("ping")

    async def abort(self):
        if self.open_lines:
            await self.dice.choice(self.open_lines).abort()

    async def leave(self):
        if self.open_lines:
            line = self.dice.choice(self.open_lines)
            with trio.move_on_after(2):
                await line.ws.aclose()

    async def refresh(self):
        if self.seats:
            session_id, line = self.dice.choice(sorted(self.seats.items(), key=str))
            await line.ask("refresh_ice", session_id=session_id)

    async def close(self):
        if self.seats:
            session_id, line = self.dice.choice(sorted(self.seats.items(), key=str))
            await line.ask("close_session", session_id=session_id)
