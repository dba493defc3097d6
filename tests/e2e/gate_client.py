"""A client of the random run: its connections, and what hosts and guests have in common."""

import json
import random
from contextlib import suppress

import trio
from trio_websocket import ConnectionClosed, wrap_client_stream

from tests.backends.redis.log import GONE, GOT, SENT, Entry

PATIENCE = 20.0
"""Seconds after which an answer does not come any more."""


class Gone(Exception):
    """The connection is gone."""


class Line:
    """One connection of a client."""

    def __init__(self, client, ws, stream, number):
        self.client = client
        self.ws = ws
        self.stream = stream
        self.number = number
        self.is_gone = False
        self.is_registered = False
        self.refs = self.signals = 0
        self.answers = {}

    async def read(self):
        with suppress(ConnectionClosed):
            while True:
                self._got(json.loads(await self.ws.get_message()))
        self.is_gone = True
        self._note(GONE, self.ws.closed.code if self.ws.closed else None)
        self.client.lost(self)
        for box in self.answers.values():
            box.close()

    def _got(self, message):
        self._note(GOT, message)
        self.client.heard(self, message)
        box = self.answers.pop(message.get("ref"), None)
        if box is not None:
            box.send_nowait(message)

    def _note(self, kind, what):
        log = self.client.world.log
        log.append(Entry(trio.current_time(), self.client.name, self.number, kind, what))

    async def send(self, type_, **fields):
        if self.is_gone:
            raise Gone
        self.refs += 1
        message = {"type": type_, "ref": f"{type_}-{self.refs}", **fields}
        self._note(SENT, message)
        try:
            await self.ws.send_message(json.dumps(message))
        except ConnectionClosed:
            raise Gone from None
        return message["ref"]

    async def ask(self, type_, **fields):
        """Send a request, and return its answer. Raises ``Gone``."""
        box, answer = trio.open_memory_channel(1)
        self.answers[f"{type_}-{self.refs + 1}"] = box
        await self.send(type_, **fields)
        with trio.fail_after(PATIENCE):
            try:
                return await answer.receive()
            except trio.EndOfChannel:
                raise Gone from None

    async def signal(self, session_id):
        self.signals += 1
        data = [session_id, self.client.role, f"{self.client.name}#{self.number}", self.signals]
        await self.send("signal", session_id=session_id, data=data)

    async def abort(self):
        """Break off without a word, as a device does that loses its network."""
        self.is_gone = True
        await trio.aclose_forcefully(self.stream)


class Client:
    """A person's device. ``seats`` has the line that sits in each session, as far as known."""

    role = deeds = ""
    weights = ()

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
            line = Line(self, ws, stream, self.count)
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
