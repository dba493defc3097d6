"""Chat with the other side: over the channel, or as signals while there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import trio

from proxim.cli.direct import PATIENCE, Direct
from proxim.cli.flood import Heard
from proxim.cli.terminal import Reporter, printable
from proxim.protocol.errors import ConnectionLost, ProximError, RequestError, SessionOver

if TYPE_CHECKING:
    from proxim.client.session import ClientSession

LONGEST = 10_000
"""Characters of a message (docs/reference/channel.md: The channel `proxim`)."""


class Chat:
    """Sends lines in order, and shows the messages of the other side."""

    def __init__(
        self, session: ClientSession, direct: Direct, reporter: Reporter, heard: Heard
    ) -> None:
        self._session = session
        self._direct = direct
        self._reporter = reporter
        self._heard = heard
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
                code = error.code if isinstance(error, RequestError) else "connection_lost"
                text = f"Not sent: {printable(str(error))}"
                self._reporter.report("error", text, code=code, message=str(error))
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
            text = "Sent through the server, since the devices are not connected directly yet."
            self._reporter.report("by_server", text)

    def show(self, text: str, by: str) -> None:
        """Show a message of the other side, which came ``by`` the channel or by a signal."""
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        self._heard.report("chat", f"< {printable(shown)}", text=shown, by=by)

    async def receive(self) -> None:
        """Show the messages of the channel until the session ends."""
        while True:
            try:
                channel = await self._direct.wait_open()
                async for message in channel:
                    if isinstance(message, str):
                        self.show(message, "channel")
            except ProximError:
                if not await self._direct.wait_repaired():
                    return
            else:
                return


def _pieces(line: str) -> Iterator[str]:
    for at in range(0, len(line), LONGEST):
        yield line[at : at + LONGEST]
