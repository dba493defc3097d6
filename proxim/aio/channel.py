"""The channel to the other side of a session, for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

from proxim import rtc
from proxim.aio.calls import awaiting, call, making, receive
from proxim.portal.portal import ThreadProxy
from proxim.protocol.errors import ChannelClosed, ProximError, Unreachable
from proxim.rtc.channel import Message


class DataChannel(ThreadProxy[rtc.DataChannel]):
    """A data channel on the connection of a ``Channel``, reliable and ordered. It ends with it."""

    @property
    def label(self) -> str:
        """The name that its opener gave it."""
        return self._inner.label

    @property
    def is_open(self) -> bool:
        """Whether a message can be sent."""
        return self._inner.is_open

    send = awaiting(rtc.DataChannel.send)
    aclose = awaiting(rtc.DataChannel.aclose)

    async def receive(self) -> Message:
        """Return the next message. Raises ``ChannelClosed`` after the last one."""
        return await receive(self)

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Iterate over the messages until the channel is closed."""
        with suppress(ChannelClosed):
            while True:
                yield await self.receive()

    async def __aenter__(self) -> DataChannel:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


class Channel(ThreadProxy[rtc.Channel]):
    """The channel to the other side of a session, by WebRTC: reliable and ordered.

    It survives as the ``Channel`` for Trio does, and raises the same.
    """

    @property
    def is_open(self) -> bool:
        """Whether the two sides are connected."""
        return self._inner.is_open

    send = awaiting(rtc.Channel.send)
    path = awaiting(rtc.Channel.path)
    open = making(rtc.Channel.open, DataChannel)

    async def receive(self) -> Message:
        """Return the next message."""
        return await receive(self)

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Iterate over the messages until the session ends. Raises ``Unreachable``."""
        try:
            while True:
                yield await self.receive()
        except Unreachable:
            raise
        except ProximError:
            return

    async def incoming(self) -> AsyncIterator[DataChannel]:
        """Iterate over the data channels that the other side opens, until the session ends."""
        channels = self._inner.incoming()
        try:
            while True:
                yield DataChannel(self._portal, await call(self, channels.__anext__))
        except (StopAsyncIteration, ProximError):
            return

    async def presence(self) -> AsyncIterator[bool]:
        """Yield at each change whether the two sides are connected, until the session ends."""
        seen: bool | None = self.is_open
        while seen is not None:
            seen = await call(self, partial(self._inner.presence_after, seen))
            if seen is not None:
                yield seen
