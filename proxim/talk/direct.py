"""The direct connection to the other device, as far as there is one."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import trio

from proxim.protocol.errors import NotSupported, ProximError, SessionOver, Unreachable
from proxim.protocol.messages import Status

if TYPE_CHECKING:
    from proxim.client.session import ClientSession
    from proxim.rtc import Channel
    from proxim.talk.listener import Listener

RETRY = 30.0
"""Seconds between two attempts, once the two sides have given up."""

PATIENCE = 10.0
"""Seconds without a channel after which chat goes through the node (docs/reference/channel.md)."""

_SHORT_GAP = 1.0
"""Seconds without a channel that are not told."""


class Direct:
    """Opens the channel of a session, and tells when it opens, closes or cannot be opened.

    ``channel`` is the channel once it has been open; it may be closed for a while. ``problem`` says
    why there is no channel, while the two sides have given up; None before, and while it is open.
    ``is_over`` says that there will not be one again.
    """

    def __init__(self, session: ClientSession, listener: Listener) -> None:
        self.channel: Channel | None = None
        self.problem: ProximError | None = None
        self.is_over = False
        self._lost: SessionOver | None = None
        self._session = session
        # Whoever reads the session's signals may do so before `run` gets its turn.
        session.expect_channel()
        self._listener = listener
        self._is_approved = False
        self._closed_at = trio.current_time()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def is_open(self) -> bool:
        """Whether messages can cross."""
        return self.channel is not None and self.channel.is_open

    @property
    def over(self) -> ProximError | None:
        """Why the session ended, or that its guest was lost with the node; None before."""
        return self._lost or self._session.over

    async def stop_without_guest(self, scope: trio.CancelScope) -> None:
        """Cancel ``scope`` once the guest is lost with the node: the next one may be another."""
        await self._session.wait_approved()
        await self._session._wait_for(lambda: self._session.status is not Status.APPROVED)
        if self._session.over is None:
            self._lost = SessionOver(Status.EXPIRED, "lost")
            scope.cancel()

    async def run(self) -> None:
        """Open the channel, and again after a failure, until the session ends."""
        await self._session.wait_approved()
        self._closed_at = trio.current_time()
        self._is_approved = True
        self._changed.unpark_all()
        while self._session.over is None:
            try:
                self.channel = await self._session.channel()
                await self._watch(self.channel)
            except NotSupported as error:
                self._give_up(error)
                break
            except Unreachable as error:
                self._give_up(error)
                with trio.move_on_after(RETRY):
                    await self._session.wait_over()
            except ProximError:
                break  # The session has ended.
        self.is_over = True
        self.problem = self.problem or self._session.over
        self._changed.unpark_all()

    def _give_up(self, error: ProximError) -> None:
        if self.problem is None:
            self._listener.gave_up(error)
        self.problem = error
        self._changed.unpark_all()

    async def _watch(self, channel: Channel) -> None:
        """Tell that the channel is open, and that it was lost."""
        self.problem = None
        self._changed.unpark_all()
        self._listener.opened(await channel.path())
        await channel.presence_after(True)
        self._closed_at = trio.current_time()
        # The session may have ended, too: the node says so a moment later.
        with trio.move_on_after(_SHORT_GAP):
            if await channel.presence_after(False) is None:
                return
        if not channel.is_open:
            self._listener.lost()

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
        while not self._is_approved:
            await self._changed.park()
        if self.is_open:
            return self.channel  # Its patience may be long over, and would cancel the wait at once.
        with trio.move_on_at(self._closed_at + PATIENCE):
            try:
                return await self.wait_open()
            except ProximError:
                return None
        return None
