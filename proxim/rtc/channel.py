"""Data channels, for Trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from proxim.protocol.errors import ChannelClosed, ProximError
from proxim.rtc.inbox import Inbox, Message
from proxim.rtc.path import Path

if TYPE_CHECKING:
    from proxim.rtc.connection import Pipe
    from proxim.rtc.connector import Connector
    from proxim.rtc.loop import Loop

__all__ = ["Channel", "DataChannel", "Message", "Path"]

CLOSE_TIME = 5.0
"""Seconds that a close waits for the other side to confirm it."""


class _Sink:
    """Passes on to Trio what happens at a data channel, from the thread of its connection."""

    def __init__(self, channel: DataChannel, run_in_trio: Callable[..., None]) -> None:
        self._channel = channel
        self._run_in_trio = run_in_trio

    def opened(self) -> None:
        self._run_in_trio(self._channel._change, True)

    def received(self, message: Message, size: int) -> None:
        self._run_in_trio(self._channel._put, message, size)

    def closed(self) -> None:
        self._run_in_trio(self._channel._change, False)


class DataChannel:
    """A data channel on the connection of a ``Channel``, reliable and ordered. It ends with it.

    ``label`` is the name that its opener gave it. Messages that the program does not receive wait,
    and beyond 4 MiB in all channels of the session the other side has to wait with more. So receive
    them, or call ``aclose``.
    """

    def __init__(
        self,
        pipe: Pipe,
        loop: Loop,
        inbox: Inbox,
        run_in_trio: Callable[..., None],
        on_change: Callable[[DataChannel], None] | None = None,
    ) -> None:
        self.label = pipe.label
        self._pipe = pipe
        self._loop = loop
        self._inbox = inbox
        self._is_open = self._has_opened = pipe.is_open
        self._is_closed = False
        self._is_closing = False
        self._changed = trio.lowlevel.ParkingLot()
        self._on_change = on_change
        pipe.sink = _Sink(self, run_in_trio)

    @property
    def is_open(self) -> bool:
        """Whether a message can be sent."""
        return self._is_open

    async def send(self, data: Message) -> None:
        """Send a message, as soon as there is room for it.

        Raises ``ChannelClosed`` if the channel is closed; the message was then not sent. A message
        that was sent arrives unless the connection is lost. Raises ``TypeError`` if ``data`` is not
        text or bytes, and ``ValueError`` if it is larger than the other side accepts, which is
        256 KiB for Chromium and for this SDK, and never under 64 KiB.
        """
        if not isinstance(data, str | bytes | bytearray | memoryview):
            raise TypeError(f"a message is text or bytes, not {type(data).__name__}")
        if self._is_closed or self._is_closing:
            await trio.lowlevel.checkpoint()
            raise ChannelClosed("the data channel is closed")
        await self._loop.call(self._pipe.send, data if isinstance(data, str) else bytes(data))

    async def receive(self) -> Message:
        """Return the next message. Raises ``ChannelClosed`` after the last one."""
        return await self._inbox.get()

    def receive_nowait(self) -> Message:
        """Return the next message. Raises ``trio.WouldBlock`` if there is none yet."""
        return self._inbox.get_nowait()

    async def wait_readable(self) -> None:
        """Wait until a message has come, or the channel is closed."""
        await self._inbox.wait_ready()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        try:
            return await self.receive()
        except ChannelClosed:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Send what waits, and close the channel for both sides. Drops what was not received.

        Waits up to 5 seconds until the other side has confirmed it.
        """
        self._discard()
        with trio.move_on_after(CLOSE_TIME):
            await self._wait_closed()

    def _discard(self) -> None:
        """Close the channel, and drop what was not received, without waiting."""
        self._is_closing = True
        self._inbox.fail(ChannelClosed("the data channel is closed"))
        self._inbox.clear()
        if not self._is_closed:
            self._loop.soon(self._pipe.close)

    async def __aenter__(self) -> DataChannel:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def _wait_open(self) -> None:
        """Wait until it has opened. Raises ``ChannelClosed``."""
        while not self._has_opened:
            if self._is_closed:
                raise ChannelClosed("the data channel was closed before it opened")
            await self._changed.park()

    async def _wait_closed(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self._is_closed:
            await self._changed.park()

    def _put(self, message: Message, size: int) -> None:
        self._inbox.put(message, size)
        if self._is_closing:
            self._inbox.clear()

    def _change(self, is_open: bool) -> None:
        self._is_open = is_open
        self._has_opened |= is_open
        self._is_closed = not is_open
        self._changed.unpark_all()
        if self._on_change is not None:
            self._on_change(self)
        elif self._is_closed:
            self._inbox.fail(ChannelClosed("the data channel is closed"))


# What the other modules of this room do with a data channel, and no program.


def is_finished(channel: DataChannel) -> bool:
    """Return whether a data channel is closed, and every message was received."""
    return channel._is_closed and channel._inbox.is_empty


def discard(channel: DataChannel) -> None:
    """Close a data channel, and drop what was not received, without waiting."""
    channel._discard()


async def wait_open(channel: DataChannel) -> None:
    """Wait until a data channel has opened; discard it if the wait fails or is cancelled.

    Raises ``ChannelClosed``.
    """
    try:
        await channel._wait_open()
    except BaseException:
        channel._discard()
        raise


class Channel:
    """The channel to the other side of a session, by WebRTC: reliable and ordered.

    It survives: when the connection is lost, ``is_open`` is false until the two sides have
    connected again. Messages that were on their way at that moment may be lost, since no side can
    know. ``presence`` reports both changes.

    Every method raises the error of the session after its end (``SessionOver``). While the two
    sides have given up connecting, it raises ``Unreachable``; ``session.channel()`` then tries
    again.

    Messages that the program does not receive wait. Beyond 4 MiB in all data channels of the
    session the other side has to wait with more.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    @property
    def is_open(self) -> bool:
        """Whether the two sides are connected."""
        return self._connector.channels.main is not None

    async def send(self, data: Message) -> None:
        """Send a message, as soon as there is room for it; in a gap, over the next connection.

        It may still be on its way when this returns. So let the other side confirm the last one
        before you end the session.

        Raises ``TypeError`` if ``data`` is not text or bytes, and ``ValueError`` if it is larger
        than the other side accepts, which is 256 KiB for Chromium and for this SDK, and never under
        64 KiB.
        """
        main: DataChannel | None = None
        while True:
            main = await self._connector.channels.wait_open(other_than=main)
            with suppress(ChannelClosed):
                await main.send(data)
                return

    async def flush(self) -> None:
        """Wait until the other side has got all that was sent, or the connection is lost."""
        with suppress(ChannelClosed):
            await self._connector.flush()

    async def receive(self) -> Message:
        """Return the next message."""
        return await self._connector.channels.inbox.get()

    def receive_nowait(self) -> Message:
        """Return the next message. Raises ``trio.WouldBlock`` if there is none yet."""
        return self._connector.channels.inbox.get_nowait()

    async def wait_readable(self) -> None:
        """Wait until a message has come, or ``receive`` raises."""
        await self._connector.channels.inbox.wait_ready()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        """Return the next message until the session ends. Raises ``Unreachable``."""
        try:
            return await self.receive()
        except ProximError:
            if self._connector.channels.over is None:
                raise
            raise StopAsyncIteration from None

    async def presence(self) -> AsyncIterator[bool]:
        """Yield at each change whether the two sides are connected, until the session ends."""
        seen = self.is_open
        while (is_open := await self.presence_after(seen)) is not None:
            seen = is_open
            yield is_open

    async def presence_after(self, seen: bool) -> bool | None:
        """Wait until ``is_open`` differs from ``seen``, and return it; None after the end."""
        await trio.lowlevel.checkpoint()
        while self._connector.channels.over is None and self.is_open is seen:
            await self._connector.channels.changed.park()
        return self.is_open if self._connector.channels.over is None else None

    async def wait_retry(self) -> None:
        """Wait until the two sides no longer have given up connecting.

        Raises the error of the session at its end.
        """
        await self._connector.channels.wait_retry()

    async def path(self) -> Path | None:
        """Return how the two sides are connected; None while they are not."""
        with suppress(ChannelClosed):
            return await self._connector.path()
        return None

    async def open(self, label: str) -> DataChannel:
        """Open another data channel, and return it once it is open; in a gap, wait for its end.

        Raises ``ChannelClosed`` if the connection is lost before, and ``ValueError`` if the label
        is not ASCII, whose length aiortc would state wrongly.
        """
        if not label.isascii():
            raise ValueError("the label of a data channel is ASCII text")
        return await self._connector.open(label)

    def incoming(self) -> AsyncIterator[DataChannel]:
        """Iterate over the data channels that the other side opens, until the session ends.

        Up to 32 wait; further ones are closed.
        """
        return Incoming(self._connector)


class Incoming:
    """Iterates over the data channels that the other side opens."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def __aiter__(self) -> Incoming:
        return self

    async def __anext__(self) -> DataChannel:
        channel = await self._connector.channels.next_incoming()
        if channel is None:
            raise StopAsyncIteration
        return channel
