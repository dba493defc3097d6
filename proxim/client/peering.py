"""The channel of a session: which signals belong to it, and the word that there will be none."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from proxim.extras import how_to_install
from proxim.protocol.errors import NotSupported, ProximError, SessionOver
from proxim.protocol.messages import IceServer, Status

if TYPE_CHECKING:
    from proxim.client.session import ClientSession
    from proxim.rtc.channel import Channel
    from proxim.rtc.connector import Connector
    from proxim.rtc.negotiation import Role

log = logging.getLogger(__name__)

MAX_EARLY = 256
"""Signals that may wait while aiortc is imported."""

UNAVAILABLE = {"unavailable": True}


def not_installed() -> NotSupported:
    """Return the error where the extra is missing, with the command that installs it."""
    return NotSupported(f"a channel needs the extra rtc: {how_to_install('rtc')}")


class Peering:
    """Passes the signals of WebRTC between a session and its connector.

    From the first ``channel`` or ``refuse`` on, signals of the form ``{"rtc": {…}}`` come here.
    """

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self._connector: Connector | None = None
        self._over: ProximError | None = None
        self._early: list[Mapping[str, object]] = []
        self._refuses = False
        self._answered = ""
        self._is_answering = False

    # -- for the session ------------------------------------------------------------------------

    async def channel(self, *, relay_only: bool) -> Channel:
        """Return the channel once it is open. Raises what ``ClientSession.channel`` raises."""
        from proxim.rtc.connector import Connector
        from proxim.rtc.loop import load

        try:
            module = await load()
        except ImportError as error:
            self.refuse()
            raise not_installed() from error
        finally:
            if self.over is not None:
                raise self.over
        if self._connector is None:
            connector = Connector(self, module, relay_only=relay_only)
            try:
                self._start_soon(connector.run)
            except ProximError:
                connector.discard()
                raise
            self._refuses = False
            self._connector = connector
            for rtc in self._early:
                self._connector.receive(rtc)
            self._early.clear()
        else:
            self._connector.retry()
        await self._connector.channels.wait_open()
        return self._connector.channel

    def refuse(self) -> None:
        """Tell the other side that there will be no channel, and again each time it comes back."""
        if self._connector is None and not self._refuses:
            self._refuses = True
            self._start_soon(self._tell_at_each_arrival)

    def replaced(self) -> Peering:
        """End, since the guest was lost; return a new one for the next guest of the session."""
        successor = Peering(self._session)
        if self._refuses:
            successor.refuse()
        self._refuses, self._over = False, SessionOver(Status.EXPIRED, "lost")
        return successor

    def receive(self, data: msgspec.Raw) -> bool:
        """Take a signal of the other side; return false if it is none of these."""
        if b'"rtc"' not in bytes(data):
            return False
        try:
            value = msgspec.json.decode(data)
        except msgspec.DecodeError:
            return False
        rtc = value.get("rtc") if isinstance(value, dict) else None
        if not isinstance(rtc, dict):
            return False
        if self._connector is not None:
            self._connector.receive(rtc)
        elif self._refuses:
            self._answer_once(rtc)
        elif len(self._early) < MAX_EARLY:
            self._early.append(rtc)
        return True

    def _answer_once(self, rtc: Mapping[str, object]) -> None:
        """Tell a new connection of the other side, once, that there will be no channel."""
        name = rtc.get("from")
        if isinstance(name, str) and name != self._answered and not self._is_answering:
            self._answered = name
            self._is_answering = True
            self._start_soon(self._send_unavailable)

    async def _send_unavailable(self) -> None:
        try:
            await self.send_rtc(UNAVAILABLE)
        finally:
            self._is_answering = False

    async def _tell_at_each_arrival(self) -> None:
        await self.wait_approved()
        while self._refuses and self._session.over is None:
            seen = self.arrivals
            if self.peer_online:
                await self.send_rtc(UNAVAILABLE)
            await self.arrival_after(seen)

    def _start_soon(self, task: Callable[[], Awaitable[object]]) -> None:
        async def guarded() -> None:
            try:
                await task()
            except ProximError as error:
                log.info("a signal for WebRTC was not sent: %s", error)

        self._session._connection.start_soon(guarded)

    # -- for the connector ----------------------------------------------------------------------

    @property
    def role(self) -> Role:
        """The side of the session that this is."""
        return self._session._role

    @property
    def over(self) -> ProximError | None:
        """The reason why the session ended, or its guest was lost; None before."""
        return self._over or self._session.over

    @property
    def ice_servers(self) -> list[IceServer]:
        """The latest ICE servers."""
        return self._session.ice_servers

    @property
    def peer_online(self) -> bool:
        """Whether the other side is connected to the node."""
        return self._session.peer_online

    @property
    def arrivals(self) -> int:
        """How often the other side has come online, or this side again."""
        return self._session._arrivals

    async def send_rtc(self, rtc: Mapping[str, object]) -> None:
        """Send a signal. Raises what ``ClientSession.send`` raises."""
        if self._over is not None:
            raise self._over
        await self._session._send_data(msgspec.Raw(msgspec.json.encode({"rtc": rtc})))

    async def refresh_ice(self) -> None:
        """Replace ``ice_servers`` by fresh ones. Raises a ``ProximError``."""
        await self._session.refresh_ice()

    async def wait_approved(self) -> None:
        """Wait until the session is approved, or over."""
        await self._session.wait_approved()

    async def wait_over(self) -> None:
        """Wait until the session is over."""
        await self._session._wait_for(lambda: self._over is not None)

    async def arrival_after(self, seen: int) -> int:
        """Wait until ``arrivals`` is not ``seen``, or the session is over, and return it."""
        await self._session._wait_for(lambda: self.arrivals != seen)
        return self.arrivals
