"""The data channels of a session: the main one, and those that the other side opens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from proxim.protocol.errors import ProximError
from proxim.rtc.channel import DataChannel, discard, is_finished
from proxim.rtc.gate import Gate
from proxim.rtc.inbox import Inbox
from proxim.rtc.loop import Loop

if TYPE_CHECKING:
    from proxim.rtc.connection import Pipe

MAIN = "proxim"
"""The label of the main data channel."""

MAX_INCOMING = 32
"""Data channels of the other side that may wait to be taken."""

FILE = "file"
"""The label of a data channel for a file (docs/reference/channel.md: Files)."""

TAKES_NO_FILES = '{"cancel": "not_supported"}'
"""The message there of a side that takes no files."""

UNTAKEN_TIME = 10.0
"""Seconds that a program has to take its first data channel. Then it is one without files."""

OFFER_TIME = 5.0
"""Seconds to wait for the offer of a file that is refused."""


class Channels:
    """Keeps the data channels of one session, over all its connections, for a ``Channel``.

    ``main`` is the main data channel while it is open. ``error`` is set while the two sides have
    given up connecting, ``over`` after the end. ``changed`` is unparked at each change. ``inbox``
    has the messages of all main data channels, one after the other.
    """

    def __init__(self, loop: Loop, *, is_guest: bool, main_closed: Callable[[], None]) -> None:
        self.main: DataChannel | None = None
        self.error: ProximError | None = None
        self.over: ProximError | None = None
        self.changed = trio.lowlevel.ParkingLot()
        self.gate = Gate(loop)
        self.inbox = Inbox(self.gate)
        self._loop = loop
        self._is_guest = is_guest
        self._main_closed = main_closed
        self._token = trio.lowlevel.current_trio_token()
        self._add_incoming, self._incoming = trio.open_memory_channel[DataChannel](MAX_INCOMING)
        self._takes_any = False
        self._refuses_files = False
        self._untaken: deque[DataChannel] = deque()
        self._offered = trio.Event()

    # -- for the program ----------------------------------------------------------------------

    async def wait_open(self, other_than: DataChannel | None = None) -> DataChannel:
        """Return the main data channel once it is open. Raises ``over`` or ``error``."""
        await trio.lowlevel.checkpoint()
        while self.main is None or self.main is other_than:
            error = self.over or self.error
            if error is not None:
                raise error
            await self.changed.park()
        return self.main

    async def wait_retry(self) -> None:
        """Wait until ``error`` is not set. Raises ``over``."""
        await trio.lowlevel.checkpoint()
        while self.error is not None and self.over is None:
            await self.changed.park()
        if self.over is not None:
            raise self.over

    async def next_incoming(self) -> DataChannel | None:
        """Return the next data channel of the other side that has news; None after the end."""
        self._takes_any = True
        self._untaken.clear()
        async for channel in self._incoming:
            if not is_finished(channel):
                return channel
        return None

    async def refuse_files(self) -> None:
        """Refuse the files that the other side offers to a program that takes no data channels.

        Otherwise the person at the other side would wait until the session ends.
        """
        await self._offered.wait()
        await trio.sleep(UNTAKEN_TIME)
        while not self._takes_any:
            self._refuses_files = True
            self._offered = trio.Event()
            while self._untaken:
                channel = self._untaken.popleft()
                # A page whose channel closes before it has sent its offer says "interrupted".
                with trio.move_on_after(OFFER_TIME):
                    await channel.wait_readable()
                with suppress(ProximError):
                    await channel.send(TAKES_NO_FILES)
                discard(channel)
            await self._offered.wait()

    # -- for the connector ----------------------------------------------------------------------

    def set_main(self, channel: DataChannel | None) -> None:
        """Set the main data channel, which is open, or None in a gap."""
        self.main = channel
        self.changed.unpark_all()

    def set_error(self, error: ProximError | None) -> None:
        """Say that the two sides have given up connecting, or that they try again."""
        self.error = error
        self.inbox.fail(error)
        self.changed.unpark_all()

    def finish(self, over: ProximError) -> None:
        """End everything, since the session has ended."""
        self.main = None
        self.over = over
        self.inbox.fail(over)
        self._add_incoming.close()
        self.changed.unpark_all()

    # -- in the thread of the connection ----------------------------------------------------------

    def run_in_trio(self, function: Callable[..., object], *args: object) -> None:
        """Call a plain function in Trio; from any thread."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function, *args)

    def make(self, pipe: Pipe) -> DataChannel:
        """Return a new data channel for the program."""
        return DataChannel(pipe, self._loop, Inbox(self.gate), self.run_in_trio)

    def make_main(self, pipe: Pipe) -> DataChannel:
        """Return a new main data channel; it becomes ``main`` when it opens."""
        return DataChannel(pipe, self._loop, self.inbox, self.run_in_trio, self._main_changed)

    def take(self, pipe: Pipe) -> None:
        """Take a data channel that the other side has opened."""
        # The host opens the main one.
        if pipe.label == MAIN and self._is_guest and self.main is None:
            self.run_in_trio(self._main_changed, self.make_main(pipe))
        else:
            self.run_in_trio(self._add, self.make(pipe))

    # -- in Trio ------------------------------------------------------------------------------

    def _add(self, channel: DataChannel) -> None:
        is_untaken = channel.label == FILE and not self._takes_any
        if is_untaken and len(self._untaken) >= MAX_INCOMING:
            discard(channel)
            return
        # A program that may take it later finds it; a refused one would fill the queue.
        if not (is_untaken and self._refuses_files):
            try:
                self._add_incoming.send_nowait(channel)
            except (trio.WouldBlock, trio.ClosedResourceError):
                discard(channel)
                return
        if is_untaken:
            self._untaken.append(channel)
            self._offered.set()

    def _main_changed(self, channel: DataChannel) -> None:
        if channel.is_open and self.over is None and self.error is None:
            self.set_main(channel)
        elif channel is self.main:
            self.set_main(None)
            self._main_closed()
