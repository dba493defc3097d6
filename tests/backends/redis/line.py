"""A connection of a random client, which logs what it sends and gets."""

import json
from contextlib import suppress

import trio
from trio_websocket import ConnectionClosed

from tests.backends.redis.log import GONE, GOT, SENT
from tests.wire import checked


class Gone(Exception):
    """The connection is gone, or could not be made."""


class Line:
    """One connection of a client, which has ``patience`` and is told of all that happens.

    ``note`` logs it, ``heard`` gets each message, ``lost`` the end of the connection, and
    ``unanswered`` a request to which no answer came.
    """

    def __init__(self, client, ws, stream, number):
        self.client = client
        self.ws = ws
        self.stream = stream
        self.number = number
        self.is_gone = False
        self.refs = 0
        self.answers = {}

    async def read(self):
        with suppress(ConnectionClosed):
            while True:
                self._got(checked(json.loads(await self.ws.get_message())))
        self.is_gone = True
        self.client.note(self, GONE, self.ws.closed.code if self.ws.closed else None)
        self.client.lost(self)
        for box in self.answers.values():
            box.close()

    def _got(self, message):
        self.client.note(self, GOT, message)
        self.client.heard(self, message)
        box = self.answers.pop(message.get("ref"), None)
        if box is not None:
            box.send_nowait(message)

    async def send(self, type_, **fields):
        if self.is_gone:
            raise Gone
        self.refs += 1
        message = {"type": type_, "ref": self._ref(type_, self.refs), **fields}
        self.client.note(self, SENT, message)
        try:
            await self.ws.send_message(json.dumps(message))
        except ConnectionClosed:
            raise Gone from None
        return message

    async def ask(self, type_, **fields):
        """Send a request, and return its answer. Raises ``Gone``."""
        box, answer = trio.open_memory_channel(1)
        self.answers[self._ref(type_, self.refs + 1)] = box
        message = await self.send(type_, **fields)
        with trio.move_on_after(self.client.patience):
            try:
                return await answer.receive()
            except trio.EndOfChannel:
                raise Gone from None
        self.client.unanswered(self, message)
        raise Gone

    async def abort(self):
        """Break off without a word, as a device does that loses its network."""
        self.is_gone = True
        await trio.aclose_forcefully(self.stream)

    def _ref(self, type_, count):
        return f"{type_}-{self.number}.{count}"
