"""Connects the two sides of a session by WebRTC, with as many connections as that takes."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from copy import copy
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import trio

from proxim.protocol.errors import ConnectionLost, ProximError, Unreachable
from proxim.protocol.messages import IceServer
from proxim.rtc.channel import Channel, DataChannel, Inbox
from proxim.rtc.gate import Gate
from proxim.rtc.loop import Loop
from proxim.rtc.negotiation import (
    Accept,
    AddCandidate,
    Answer,
    Complain,
    Connect,
    Description,
    Effect,
    GiveUp,
    Negotiation,
    Role,
    Send,
)
from proxim.rtc.path import Path

if TYPE_CHECKING:
    from proxim.rtc.connection import Connection, Pipe

log = logging.getLogger(__name__)

T = TypeVar("T")

MAIN = "proxim"
"""The label of the main data channel."""

CONNECT_TIME = {"host": 15.0, "guest": 35.0}
"""Seconds that an attempt to connect may take. Each retry may take half as long again."""

REPAIR_DELAY = {"host": 2.5, "guest": 5.0}
"""Seconds until a connection that the other side has closed is replaced. The host acts first."""

RETURN_DELAY = 0.5
"""Seconds that a broken connection has to recover once the other side is back online."""

MAX_RETRIES = 4
"""Retries before the other side is unreachable, until a person or the other side tries again."""

MAX_REOPENED = 3
REOPEN_DELAY = 0.5
"""How often the host opens the main channel again that alone was closed, and the seconds before."""

MAX_WAITING = 256
"""Signals of the other side that may wait."""

MAX_INCOMING = 32
"""Data channels of the other side that may wait to be taken."""

REFRESH_TIME = 10.0
"""Seconds to wait for fresh ICE servers; the earlier ones may still work."""

CLOSE_TIME = 5.0


class Session(Protocol):
    """What a peer needs of a session."""

    @property
    def role(self) -> Role:
        """The side of the session that this is."""

    @property
    def over(self) -> ProximError | None:
        """The reason why the session ended; None before."""

    @property
    def ice_servers(self) -> list[IceServer]:
        """The latest ICE servers."""

    @property
    def peer_online(self) -> bool:
        """Whether the other side is connected to the node."""

    @property
    def arrivals(self) -> int:
        """How often the other side has come online, or this side again."""

    async def send_rtc(self, rtc: Mapping[str, object]) -> None:
        """Send a signal of this peer."""

    async def refresh_ice(self) -> object:
        """Replace ``ice_servers`` by fresh ones."""

    async def wait_approved(self) -> None:
        """Wait until the session is approved, or over."""

    async def wait_over(self) -> None:
        """Wait until ``over`` is set."""

    async def arrival_after(self, seen: int) -> int:
        """Wait until ``arrivals`` is not ``seen``, or the session is over, and return it."""


async def load() -> ModuleType:
    """Import aiortc and what is built on it, in the thread of the loop: it takes about a second.

    Raises ``ImportError`` if it is not installed.
    """
    loop = Loop.enter()
    try:
        return await loop.call(_import)
    finally:
        loop.leave()


async def _import() -> ModuleType:
    return import_module("proxim.rtc.connection")


class Peer:
    """Runs the connection to the other side. Its state is that of the ``channel`` of the program.

    ``main`` is the main data channel while it is open. ``error`` is set while the two sides have
    given up connecting, ``over`` after the end. ``changed`` is unparked at each change.
    """

    def __init__(self, session: Session, aiortc: ModuleType, *, relay_only: bool) -> None:
        self.channel = Channel(self)
        self.main: DataChannel | None = None
        self.error: ProximError | None = None
        self.over: ProximError | None = None
        self.changed = trio.lowlevel.ParkingLot()
        self._session = session
        self._relay_only = relay_only
        self._loop = Loop.enter()
        self._token = trio.lowlevel.current_trio_token()
        self._negotiation = Negotiation(session.role)
        self._add_action, self._actions = trio.open_memory_channel[Callable[[], Awaitable[None]]](
            math.inf
        )
        self._waiting = 0
        self._timers: dict[str, float] = {}
        self._retries = 0
        self._reopened = 0
        self._has_started = False
        self._is_refused = False
        self._connection: Connection | None = None
        self._aiortc = aiortc
        self._add_incoming, self._incoming = trio.open_memory_channel[DataChannel](MAX_INCOMING)
        self._gate = Gate(self._loop)
        self.inbox = Inbox(self._gate)

    # -- for the session --------------------------------------------------------------------------

    def receive(self, rtc: Mapping[str, Any]) -> None:
        """Take a signal of the other side."""
        if self.over is not None:
            return
        if self._waiting >= MAX_WAITING:
            log.warning("the other side sends faster than this one can follow")
            return
        self._waiting += 1
        self._do(self._receive, rtc)

    def retry(self) -> None:
        """Connect again, if the two sides had given up."""
        if self.error is not None and not self._is_refused and self.over is None:
            self.error = None
            self.inbox.fail(None)
            self._do(self._restart)

    async def run(self) -> None:
        """Connect, and stay connected until the session is over, or this is cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._stop_when_over, nursery.cancel_scope)
                await self._session.wait_approved()
                nursery.start_soon(self._watch_arrivals, self._session.arrivals)
                await self._work()
        except Exception as error:
            log.exception("the channel of a session failed")
            self._fail(Unreachable(f"the channel failed: {error!r}"))
        finally:
            left = ConnectionLost("the program has left the node")
            self.over = self._session.over or self.error or left
            self._change_main(None)
            self.inbox.fail(self.over)
            self._add_incoming.close()
            self.changed.unpark_all()
            await self._drop()
            self._loop.leave()

    # -- for the channel --------------------------------------------------------------------------

    async def wait_open(self, other_than: DataChannel | None = None) -> DataChannel:
        """Return the main data channel once it is open. Raises ``over`` or ``error``."""
        await trio.lowlevel.checkpoint()
        while self.main is None or self.main is other_than:
            error = self.over or self.error
            if error is not None:
                raise copy(error)
            await self.changed.park()
        return self.main

    async def open(self, label: str) -> DataChannel:
        """Open a data channel on the connection of the main one."""
        await self.wait_open()
        connection = self._connection
        assert connection is not None
        channel: DataChannel = await self._loop.call(connection.open, label, self._make)
        try:
            await channel.wait_open()
        except BaseException:
            channel.discard()
            raise
        return channel

    async def path(self) -> Path | None:
        """Return the path of the connection, if there is one."""
        await trio.lowlevel.checkpoint()
        if self.main is None or self._connection is None:
            return None
        return await self._loop.call(self._connection.path)

    async def next_incoming(self) -> DataChannel | None:
        """Return the next data channel of the other side that is still open; None after the end."""
        async for channel in self._incoming:
            if not channel.is_finished:
                return channel
        return None

    # -- the work: one action after the other -----------------------------------------------------

    def _do(self, action: Callable[..., Awaitable[None]], *args: object) -> None:
        with suppress(trio.ClosedResourceError):
            self._add_action.send_nowait(partial(action, *args))

    def _post(self, function: Callable[..., object], *args: object) -> None:
        """Call a plain function in Trio, from the thread of the connection."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function, *args)

    async def _work(self) -> None:
        self._do(self._restart)
        while True:
            name = min(self._timers, key=self._timers.__getitem__, default="")
            action: Callable[[], Awaitable[None]] | None = None
            with trio.move_on_at(self._timers.get(name, math.inf)):
                action = await self._actions.receive()
            if action is None:
                del self._timers[name]
                action = {
                    "connect": self._timed_out,
                    "repair": self._repair,
                    "reopen": self._reopen,
                }[name]
            try:
                await action()
            except ProximError as error:
                log.info("the channel of a session: %s", error)

    async def _watch_arrivals(self, seen: int) -> None:
        while self._session.over is None:
            seen = await self._session.arrival_after(seen)
            self._do(self._check)

    async def _stop_when_over(self, scope: trio.CancelScope) -> None:
        await self._session.wait_over()
        scope.cancel()

    async def _restart(self) -> None:
        """Start a new connection, with all retries."""
        self._retries = 0
        await self._start()

    async def _start(self) -> None:
        await self._perform(self._negotiation.start())

    async def _receive(self, rtc: Mapping[str, Any]) -> None:
        self._waiting -= 1
        await self._perform(self._negotiation.receive(rtc, trio.current_time()))

    async def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            try:
                await self._perform_one(effect)
            except ProximError:
                raise
            except Exception as error:
                # aiortc raises many kinds for descriptions that it cannot use.
                log.info("WebRTC reports an error: %r", error)
                return

    async def _perform_one(self, effect: Effect) -> None:
        match effect:
            case Connect(offers):
                await self._connect(offers)
            case Send(rtc):
                await self._session.send_rtc(rtc)
            case Answer(offer) if self._connection is not None:
                await self._describe(self._connection.answer, offer)
            case Accept(answer) if self._connection is not None:
                await self._call(self._connection.accept, answer)
            case AddCandidate(candidate) if self._connection is not None:
                await self._call(self._connection.add_candidate, candidate)
            case GiveUp():
                self._is_refused = True
                self._fail(Unreachable("the other side has no WebRTC"))
            case Complain(why):
                log.warning("the channel of a session: %s", why)
            case _:
                pass

    async def _connect(self, offers: bool) -> None:
        """Replace the connection by a new one, with fresh ICE servers but for the first one."""
        await self._drop()
        self._start_timer()
        if self._has_started or not self._session.ice_servers:
            with trio.move_on_after(REFRESH_TIME), suppress(ProximError):
                await self._session.refresh_ice()
        self._has_started = True
        self._reopened = 0
        self._is_refused = False
        if self.error is not None:
            self.error = None
            self.inbox.fail(None)
        make = partial(
            self._aiortc.Connection.make,
            self._session.ice_servers,
            relay_only=self._relay_only,
            gate=self._gate,
            on_state=self._on_state,
            on_channel=self._on_channel,
        )
        connection: Connection = await self._loop.call(make)
        self._connection = connection
        if offers:
            await self._call(connection.open, MAIN, self._make_main)
            await self._describe(connection.offer)

    async def _describe(self, make: Callable[..., Any], *args: object) -> None:
        """Make an offer or an answer, and send it."""
        description: Description | None = await self._call(make, *args)
        if description is not None:
            await self._perform(self._negotiation.described(description))

    async def _call(self, function: Callable[..., Any], *args: object) -> Any:
        """Call the connection; return None if that takes longer than connecting may."""
        with trio.move_on_at(self._timers.get("connect", math.inf)):
            return await self._loop.call(function, *args)

    async def _drop(self) -> None:
        """Close the connection, if there is one."""
        self._timers.clear()
        connection, self._connection = self._connection, None
        self._change_main(None)
        if connection is not None:
            with trio.move_on_after(CLOSE_TIME, shield=True), suppress(Exception):
                await self._loop.call(connection.close)

    def _fail(self, error: ProximError) -> None:
        """Give up, until a person or the other side tries again."""
        self._negotiation.stop()
        self.error = error
        self.inbox.fail(error)
        self.changed.unpark_all()
        self._do(self._drop_if_failed)

    async def _drop_if_failed(self) -> None:
        if self.error is not None:
            await self._drop()

    # -- what happens to the connection -----------------------------------------------------------

    def _on_state(self, connection: Connection, state: str) -> None:
        self._post(self._do, self._state_changed, connection, state)

    async def _state_changed(self, connection: Connection, state: str) -> None:
        if connection is not self._connection:
            return
        if state == "connected":
            self._timers.pop("connect", None)
            self._timers.pop("repair", None)
            self._retries = 0
        elif state in ("failed", "closed"):
            self._change_main(None)
            if "connect" not in self._timers:
                # Otherwise that timer starts the next retry.
                delay = 0.0 if state == "failed" else REPAIR_DELAY[self._session.role]
                self._repair_after(delay)

    async def _check(self) -> None:
        """Repair the connection after the other side or the node was away."""
        if not self._session.peer_online or self._is_refused:
            return
        if self._connection is None:
            await self._restart()
        elif self.main is None:
            await self._perform(self._negotiation.repeat())
            if "connect" not in self._timers:
                self._repair_after(RETURN_DELAY)

    def _repair_after(self, delay: float) -> None:
        self._timers["repair"] = trio.current_time() + delay

    async def _repair(self) -> None:
        """Replace a broken connection. While the other side is offline, wait for its return."""
        if self.main is None and self._session.peer_online and not self._is_refused:
            await self._start()

    def _start_timer(self) -> None:
        time = CONNECT_TIME[self._session.role] * 1.5**self._retries
        self._timers["connect"] = trio.current_time() + time

    async def _timed_out(self) -> None:
        if not self._session.peer_online:
            return  # `_check` repairs the connection once the other side is back.
        if self._retries < MAX_RETRIES:
            self._retries += 1
            await self._start()
        else:
            why = "the two sides can't connect to each other, after several attempts"
            self._fail(Unreachable(why))

    async def _reopen_soon(self) -> None:
        self._timers["reopen"] = trio.current_time() + REOPEN_DELAY

    async def _reopen(self) -> None:
        """Open the main channel again that alone was closed, unless that happens each time."""
        if self._connection is None or self.main is not None:
            return
        if self._reopened < MAX_REOPENED:
            self._reopened += 1
            await self._call(self._connection.open, MAIN, self._make_main)
        else:
            self._fail(Unreachable("the other side closes the data channel again and again"))

    # -- data channels ----------------------------------------------------------------------------

    def _make(self, pipe: Pipe) -> DataChannel:
        return DataChannel(pipe, self._loop, Inbox(self._gate), self._post)

    def _make_main(self, pipe: Pipe) -> DataChannel:
        return DataChannel(pipe, self._loop, self.inbox, self._post, self._main_changed)

    def _on_channel(self, connection: Connection, pipe: Pipe) -> None:
        """Take a data channel of the other side, in the thread of the connection."""
        if pipe.label == MAIN and self._session.role == "guest" and self.main is None:
            channel = self._make_main(pipe)
            self._post(self._main_changed, channel)
        else:
            self._post(self._add, self._make(pipe))

    def _add(self, channel: DataChannel) -> None:
        try:
            self._add_incoming.send_nowait(channel)
        except (trio.WouldBlock, trio.ClosedResourceError):
            channel.discard()

    def _main_changed(self, channel: DataChannel) -> None:
        if channel.is_open and self.over is None and self.error is None:
            self._change_main(channel)
        elif channel is self.main:
            self._change_main(None)
            if self._session.role == "host" and self._connection is not None:
                self._do(self._reopen_soon)

    def _change_main(self, channel: DataChannel | None) -> None:
        self.main = channel
        self.changed.unpark_all()
