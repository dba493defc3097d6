"""Two ends of a channel in memory, with the shape of ``proxim.client.Channel``."""

import json
from collections import deque

import trio

from proxim.protocol.errors import ChannelClosed

ROOM = 8
"""Messages that wait in a data channel before its sender has to."""


class End:
    """One end of a data channel; ``sent`` is what its owner has sent."""

    def __init__(self, label):
        self.label = label
        self.sent = []
        self.is_closed = False
        self._sender, self._receiver = trio.open_memory_channel(ROOM)
        self.other = None

    async def send(self, data):
        try:
            await self.other._sender.send(data)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            raise ChannelClosed("closed") from None
        self.sent.append(data)

    async def receive(self):
        try:
            return await self._receiver.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise ChannelClosed("closed") from None

    async def aclose(self):
        await trio.lowlevel.checkpoint()
        self.is_closed = True
        # What was sent before still arrives, as over SCTP.
        self.other._sender.close()
        self._sender.close()

    def vanish(self):
        """Close without a word, as when the process is killed."""
        for end in (self, self.other):
            end._sender.close()
            end._receiver.close()

    async def tell(self, **fields):
        await self.send(json.dumps(fields))

    async def hear(self):
        return json.loads(await self.receive())


class Channel:
    """One end of a main channel."""

    def __init__(self):
        self.other = None
        self.opened = deque()
        self._sender, self._receiver = trio.open_memory_channel(float("inf"))

    async def open(self, label):
        await trio.lowlevel.checkpoint()
        mine, theirs = ends(label)
        self.opened.append(mine)
        self.other._sender.send_nowait(theirs)
        return mine

    async def accept(self):
        return await self._receiver.receive()

    async def incoming(self):
        async for data in self._receiver:
            yield data

    def close(self):
        self.other._sender.close()
        self._sender.close()


def ends(label="file"):
    first, second = End(label), End(label)
    first.other, second.other = second, first
    return first, second


def channels():
    first, second = Channel(), Channel()
    first.other, second.other = second, first
    return first, second
