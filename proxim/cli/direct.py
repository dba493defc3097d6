"""The direct connection to the other device, as far as there is one."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import msgspec
import trio

from proxim.cli.terminal import Reporter
from proxim.protocol.errors import NotSupported, ProximError, Unreachable

if TYPE_CHECKING:
    from proxim.client.session import ClientSession
    from proxim.rtc import Channel

RETRY = 30.0
"""Seconds between two attempts, once the two sides have given up."""

PATIENCE = 10.0
"""Seconds without a channel after which chat goes through the node (docs/reference/channel.md)."""

_SHORT_GAP = 1.0
"""Seconds without a channel that are not reported."""


class Direct:
    """Opens the channel of a session, and reports when it opens, closes or cannot be opened.

    ``channel`` is the channel once it has been open; it may be closed for a while. ``problem`` says
    why there is no channel, while the two sides have given up; None before, and while it is open.
    ``is_over`` says that there will not be one again.
    """

    def __init__(self, session: ClientSession, reporter: Reporter, hint: str) -> None:
        self.channel: Channel | None = None
        self.problem: ProximError | None = None
        self.is_over = False
        self._session = session
        self._reporter = reporter
        self._hint = hint
        self._closed_at = trio.current_time()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def is_open(self) -> bool:
        """Whether messages can cross."""
        return self.channel is not None and self.channel.is_open

    async def run(self) -> None:
        """Open the channel, and again after a failure, until the session ends."""
        while self._session.over is None:
            try:
                self.channel = await self._session.channel()
                await self._watch(self.channel)
            except NotSupported as error:
                self._give_up(error, "This computer cannot connect directly")
                break
            except Unreachable as error:
                self._give_up(error, "The two devices cannot connect directly")
                with trio.move_on_after(RETRY):
                    await self._session.wait_over()
            except ProximError:
                break  # The session has ended.
        self.is_over = True
        self.problem = self.problem or self._session.over
        self._changed.unpark_all()

    def _give_up(self, error: ProximError, what: str) -> None:
        if self.problem is None:
            reads = "cannot" if self._session.sealed else "can"
            consequence = (
                f"Chat goes through the server, which {reads} read it. Files cannot cross."
            )
            self._reporter.report(
                "channel", f"{what}: {error}.\n{consequence}", open=False, error=str(error)
            )
        self.problem = error
        self._changed.unpark_all()

    async def _watch(self, channel: Channel) -> None:
        """Report the open channel, and its loss."""
        self.problem = None
        self._changed.unpark_all()
        path = await channel.path()
        how = "through a relay" if path is not None and path.relayed else "directly"
        self._reporter.report(
            "channel",
            f"Connected {how}. {self._hint}",
            open=True,
            path=msgspec.to_builtins(path),
        )
        await channel.presence_after(True)
        self._closed_at = trio.current_time()
        # The session may have ended, too: the node says so a moment later.
        with trio.move_on_after(_SHORT_GAP):
            if await channel.presence_after(False) is None:
                return
        if not channel.is_open:
            lost = "The direct connection is lost. Reconnecting…"
            self._reporter.report("channel", lost, open=False)

    async def wait_open(self) -> Channel:
        """Return the channel once it is open. Raises ``problem``."""
        await trio.lowlevel.checkpoint()
        while not self.is_open:
            if self.problem is not None:
                raise copy(self.problem)
            await self._changed.park()
        assert self.channel is not None
        return self.channel

    async def wait_repaired(self) -> bool:
        """Wait until ``problem`` has gone; return false if the session ends before."""
        while self.problem is not None and not self.is_over:
            await self._changed.park()
        return not self.is_over

    async def wait_for_chat(self) -> Channel | None:
        """Return the channel once it is open; None if a message has to go through the node."""
        with trio.move_on_at(self._closed_at + PATIENCE):
            try:
                return await self.wait_open()
            except ProximError:
                return None
        return None
