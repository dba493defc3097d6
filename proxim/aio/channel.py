"""The channel to the other side of a session, for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

from proxim import rtc
from proxim.aio.calls import awaiting, call, making, receive
from proxim.files import send_file
from proxim.files.taking import Offer, receive_files
from proxim.portal.state import ChannelState, DataChannelState
from proxim.protocol.errors import ChannelClosed, ProximError, SessionOver, Unreachable
from proxim.rtc.channel import Message


class _Latest:
    """Calls a function in the asyncio loop with the latest of many numbers, not with each."""

    def __init__(self, function: Callable[[int], object]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._is_due = False

    def set(self, number: int) -> None:
        """Call the function soon, unless it is about to be called. For Trio's thread."""
        self._number = number
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon_threadsafe(self._call)

    def _call(self) -> None:
        self._is_due = False
        self._function(self._number)


class DataChannel(DataChannelState):
    """A data channel on the connection of a ``Channel``, reliable and ordered. It ends with it."""

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


class Channel(ChannelState):
    """The channel to the other side of a session, by WebRTC: reliable and ordered.

    It survives as the ``Channel`` for Trio does, and raises the same.
    """

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

    async def send_file(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Offer a file to the other side, and send it once that side accepts.

        Returns when the other side has stored the file. Raises ``TransferFailed`` if the file does
        not cross, and ``OSError`` if it cannot be read. ``progress`` is called in the asyncio loop
        with the number of bytes so far. A cancelled call tells the other side.
        """
        count = None if progress is None else _Latest(progress).set
        await call(self, partial(send_file, self._inner, path, progress=count))

    async def receive_files(
        self,
        folder: str | os.PathLike[str],
        *,
        decide: Callable[[Offer], bool | Awaitable[bool]],
        done: Callable[[Offer], object],
    ) -> None:
        """Store the files that the other side offers and ``decide`` accepts.

        Returns when the session ends, so run it in a task. Both functions run in the asyncio loop,
        and may be coroutine functions. ``decide`` may wait for a person. Only ``True`` accepts; an
        exception is logged and declines. ``done`` is called at the end of each file that was not
        declined, with ``path`` or ``error`` set: the other side may take its offer back before the
        decision, too.

        The names in ``folder`` are safe and new: see ``proxim.files``. This takes all data channels
        that the other side opens, so do not use ``incoming``, too.
        """
        application = self._portal.application
        ask, tell = application.wrap_file_question(decide), application.wrap_callback(done)
        work = partial(receive_files, self._inner, folder, decide=ask, done=tell)
        with suppress(SessionOver):
            await call(self, work)

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
