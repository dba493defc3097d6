"""Chat with the other side: over the channel, or as signals while there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import trio

from proxim.protocol.errors import ConnectionLost, ProximError, RequestError, SessionOver
from proxim.talk.direct import PATIENCE, Direct
from proxim.talk.listener import By, Listener

if TYPE_CHECKING:
    from proxim.client.session import ClientSession

LONGEST = 10_000
"""Characters of a message (docs/reference/channel.md: The channel `proxim`)."""


class Chat:
    """Sends lines in order, and tells the messages of the other side."""

    def __init__(self, session: ClientSession, direct: Direct, listener: Listener) -> None:
        self._session = session
        self._direct = direct
        self._listener = listener
        self._add, self._lines = trio.open_memory_channel[str](inf)
        self._unsent = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._warned = False

    def say(self, line: str) -> None:
        """Send a line, once those before it were sent."""
        for piece in _pieces(line):
            self._unsent += 1
            self._add.send_nowait(piece)

    async def wait_sent(self) -> None:
        """Wait until all lines were sent."""
        while self._unsent:
            await self._changed.park()

    async def run(self) -> None:
        """Send the lines, until cancelled."""
        async for line in self._lines:
            try:
                await self._send(line)
            except SessionOver:
                pass  # The end is reported elsewhere.
            except (ConnectionLost, RequestError) as error:
                self._listener.not_sent(error)
            self._unsent -= 1
            self._changed.unpark_all()

    async def _send(self, line: str) -> None:
        channel = await self._direct.wait_for_chat()
        if channel is not None:
            with trio.move_on_after(PATIENCE), suppress(ProximError):
                await channel.send(line)
                self._warned = False
                return
        await self._session.send(line)
        if not self._warned and self._direct.problem is None:
            self._warned = True
            self._listener.sent_by_node()

    async def hear(self, text: str, by: By) -> None:
        """Tell a message of the other side, cut to ``LONGEST`` characters."""
        await self._listener.heard(text if len(text) <= LONGEST else f"{text[:LONGEST]}…", by)

    async def receive(self) -> None:
        """Tell the messages of the channel until the session ends."""
        while True:
            try:
                channel = await self._direct.wait_open()
                async for message in channel:
                    if isinstance(message, str):
                        await self.hear(message, "channel")
            except ProximError:
                if not await self._direct.wait_repaired():
                    return
            else:
                return


def _pieces(line: str) -> Iterator[str]:
    for at in range(0, len(line), LONGEST):
        yield line[at : at + LONGEST]
