"""Connects the two sides of a session by WebRTC, with as many connections as that takes."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import trio

from proxim.protocol.errors import ConnectionLost, ProximError, Unreachable
from proxim.rtc.channel import Channel, DataChannel, wait_open
from proxim.rtc.channels import MAIN, Channels
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
    Send,
)
from proxim.rtc.path import Path
from proxim.rtc.session import Session

if TYPE_CHECKING:
    from proxim.rtc.connection import Connection

log = logging.getLogger(__name__)

CONNECT_TIME = {"host": 15.0, "guest": 35.0}
"""Seconds that an attempt to connect may take. Each retry may take half as long again."""

REPAIR_DELAY = {"host": 2.5, "guest": 5.0}
"""Seconds until a connection that the other side has closed is replaced. The host acts first."""

RETURN_DELAY = 0.5
"""Seconds that a broken connection has to recover once the other side is back online."""

MAX_RETRIES = 4
"""Retries before the other side is unreachable, until a person or the other side tries again."""

MAX_REOPENED = 3
"""How often the host opens the main channel again on a connection that still works."""

REOPEN_DELAY = 0.5
"""Seconds before the host does so."""

MAX_WAITING = 256
"""Signals of the other side that may wait."""

REFRESH_TIME = 10.0
"""Seconds to wait for fresh ICE servers; the earlier ones may still work."""


class Connector:
    """Connects to the other side of a session: a task that does one action after the other.

    ``channel`` is for the program. ``connections`` is the module that ``load`` returns.
    """

    def __init__(self, session: Session, connections: ModuleType, *, relay_only: bool) -> None:
        self._session = session
        self._connections = connections
        self._relay_only = relay_only
        self._loop = Loop.enter()
        self._negotiation = Negotiation(session.role)
        self.channels = Channels(
            self._loop,
            is_guest=session.role == "guest",
            main_closed=partial(self._do, self._main_closed),
        )
        self.channel = Channel(self)
        self._add_action, self._actions = trio.open_memory_channel[Callable[[], Awaitable[None]]](
            math.inf
        )
        self._waiting = 0
        self._timers: dict[Callable[[], Awaitable[None]], float] = {}
        self._retries = 0
        self._reopened = 0
        self._has_started = False
        self._is_refused = False
        self._connection: Connection | None = None

    # -- for the session ----------------------------------------------------------------------

    def receive(self, rtc: Mapping[str, Any]) -> None:
        """Take a signal of the other side."""
        if self._waiting >= MAX_WAITING:
            log.warning("the other side sends faster than this one can follow")
        elif self.channels.over is None:
            self._waiting += 1
            self._do(self._receive, rtc)

    def retry(self) -> None:
        """Connect again if the two sides had given up, but not if the other one has no WebRTC."""
        if self.channels.error is not None and not self._is_refused:
            self.channels.set_error(None)
            self._do(self._begin)

    def discard(self) -> None:
        """Free the loop, in place of ``run``."""
        self._loop.leave()

    async def run(self) -> None:
        """Connect, and stay connected until the session is over, or this is cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._stop_when_over, nursery.cancel_scope)
                await self._session.wait_approved()
                nursery.start_soon(self._watch_arrivals, self._session.arrivals)
                nursery.start_soon(self.channels.refuse_files)
                await self._work()
        except Exception as error:
            # Not the text of the error: it may contain what the other side sent.
            log.error("the channel of a session failed: %s", type(error).__name__)
            self.channels.set_error(Unreachable(f"the channel failed: {error!r}"))
        finally:
            left = ConnectionLost("the program has left the node")
            self.channels.finish(self._session.over or self.channels.error or left)
            self._drop()
            self._loop.leave()

    # -- for the channel ------------------------------------------------------------------------

    async def open(self, label: str) -> DataChannel:
        """Open a data channel on the connection of the main one."""
        await self.channels.wait_open()
        connection = self._connection
        assert connection is not None
        channel: DataChannel = await self._loop.call(connection.open, label, self.channels.make)
        await wait_open(channel)
        return channel

    async def flush(self) -> None:
        """Wait until the other side has got all that was sent, or the connection is lost."""
        await trio.lowlevel.checkpoint()
        if self.channels.main is not None and self._connection is not None:
            await self._loop.call(self._connection.flush)

    async def path(self) -> Path | None:
        """Return the path of the connection, if there is one."""
        await trio.lowlevel.checkpoint()
        if self.channels.main is None or self._connection is None:
            return None
        return await self._loop.call(self._connection.path)

    # -- one action after the other -------------------------------------------------------------

    def _do(self, action: Callable[..., Awaitable[None]], *args: object) -> None:
        self._add_action.send_nowait(partial(action, *args))

    async def _work(self) -> None:
        # After the signals that came before: the other side may have begun.
        self._do(self._begin)
        while True:
            timer = min(self._timers, key=self._timers.__getitem__, default=None)
            action: Callable[[], Awaitable[None]] | None = None
            with trio.move_on_at(math.inf if timer is None else self._timers[timer]):
                action = await self._actions.receive()
            if action is None and timer is not None:
                del self._timers[timer]
                action = timer
            try:
                if action is not None:
                    await action()
            except ProximError as error:
                log.info("the channel of a session: %s", error)

    def _after(self, delay: float, action: Callable[[], Awaitable[None]]) -> None:
        """Do an action after ``delay`` seconds, in place of its earlier time."""
        self._timers[action] = trio.current_time() + delay

    async def _watch_arrivals(self, seen: int) -> None:
        while self._session.over is None:
            seen = await self._session.arrival_after(seen)
            self._do(self._check)

    async def _stop_when_over(self, scope: trio.CancelScope) -> None:
        await self._session.wait_over()
        scope.cancel()

    async def _begin(self) -> None:
        """Start a connection with all retries, unless there is one."""
        if not self._negotiation.is_connecting:
            self._retries = 0
            await self._start()

    async def _start(self) -> None:
        await self._perform(self._negotiation.start())

    async def _receive(self, rtc: Mapping[str, Any]) -> None:
        self._waiting -= 1
        await self._perform(self._negotiation.receive(rtc, trio.current_time()))

    # -- effects of the negotiation -------------------------------------------------------------

    async def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            try:
                await self._perform_one(effect)
            except ProximError:
                raise
            except Exception as error:
                # aiortc raises many kinds for descriptions that it cannot use.
                log.info("WebRTC reports an error: %s", type(error).__name__)
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
                self._fail("the other side has no WebRTC")
            case Complain(why):
                log.warning("the channel of a session: %s", why)
            case _:
                pass

    async def _connect(self, offers: bool) -> None:
        """Replace the connection by a new one, with fresh ICE servers but for the first one."""
        self._drop()
        time = CONNECT_TIME[self._session.role] * 1.5**self._retries
        self._after(time, self._timed_out)
        self._is_refused = False
        self._reopened = 0
        if self.channels.error is not None:
            self.channels.set_error(None)
        if self._has_started or not self._session.ice_servers:
            with trio.move_on_after(REFRESH_TIME), suppress(ProximError):
                await self._session.refresh_ice()
        self._has_started = True
        make = partial(
            self._connections.Connection.make,
            self._session.ice_servers,
            relay_only=self._relay_only,
            gate=self.channels.gate,
            on_state=self._on_state,
            on_channel=self.channels.take,
        )
        connection: Connection = await self._loop.call(make)
        self._connection = connection
        if offers:
            await self._call(connection.open, MAIN, self.channels.make_main)
            await self._describe(connection.offer)

    async def _describe(self, make: Callable[..., Any], *args: object) -> None:
        """Make an offer or an answer, and send it."""
        description: Description | None = await self._call(make, *args)
        if description is not None:
            await self._perform(self._negotiation.described(description))

    async def _call(self, function: Callable[..., Any], *args: object) -> Any:
        """Call the connection; return None if that takes longer than connecting may."""
        with trio.move_on_at(self._timers.get(self._timed_out, math.inf)):
            return await self._loop.call(function, *args)

    def _drop(self) -> None:
        """Close the connection, if there is one."""
        self._timers.clear()
        connection, self._connection = self._connection, None
        self.channels.set_main(None)
        if connection is not None:
            self._loop.finish(connection.close)

    def _fail(self, why: str) -> None:
        """Give up, until a person or the other side tries again."""
        self._negotiation.stop()
        self.channels.set_error(Unreachable(why))
        self._drop()

    # -- what happens to the connection -----------------------------------------------------------

    def _on_state(self, connection: Connection, state: str) -> None:
        """Note a new state of the connection, in its thread."""
        self.channels.run_in_trio(self._do, self._state_changed, connection, state)

    async def _state_changed(self, connection: Connection, state: str) -> None:
        if connection is not self._connection:
            return
        if state == "connected":
            self._timers.pop(self._timed_out, None)
            self._timers.pop(self._repair, None)
            self._retries = 0
        elif state in ("failed", "closed"):
            self.channels.set_main(None)
            # While that timer runs, it starts the next retry.
            if self._timed_out not in self._timers:
                delay = 0.0 if state == "failed" else REPAIR_DELAY[self._session.role]
                self._after(delay, self._repair)

    async def _check(self) -> None:
        """Repair the connection after the other side or the node was away."""
        if not self._session.peer_online or self._is_refused:
            return
        if not self._negotiation.is_connecting:
            await self._begin()
        elif self.channels.main is None:
            await self._perform(self._negotiation.repeat())
            if self._timed_out not in self._timers:
                self._after(RETURN_DELAY, self._repair)

    async def _repair(self) -> None:
        """Replace a broken connection. While the other side is offline, wait for its return."""
        if self.channels.main is None and self._session.peer_online and not self._is_refused:
            await self._start()

    async def _timed_out(self) -> None:
        if not self._session.peer_online:
            return  # `_check` repairs the connection once the other side is back.
        if self._retries < MAX_RETRIES:
            self._retries += 1
            await self._start()
        else:
            self._fail("the two sides can't connect to each other, after several attempts")

    async def _main_closed(self) -> None:
        if self._session.role == "host":
            self._after(REOPEN_DELAY, self._reopen)

    async def _reopen(self) -> None:
        """Open the main channel again that alone was closed, unless that happens each time."""
        connection = self._connection
        if connection is None or self.channels.main is not None:
            return
        if not await self._loop.call(connection.is_connected):
            return  # A broken connection gets a new channel when it is replaced.
        if self._reopened < MAX_REOPENED:
            self._reopened += 1
            await self._call(connection.open, MAIN, self.channels.make_main)
        else:
            self._fail("the other side closes the data channel again and again")
