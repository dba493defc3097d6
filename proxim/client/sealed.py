"""The signals of one side of a sealed session: sealed below ``send``, opened above ``receive``.

Import this module only when a session is sealed: it imports ``cryptography``.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import trio

from proxim import clock
from proxim.client.notices import Notice
from proxim.protocol import messages as wire
from proxim.protocol.errors import PeerOffline, ProximError, RequestError, SessionOver
from proxim.protocol.messages import Reason, Status
from proxim.sealing.peer import Sealed, SealedPeer

if TYPE_CHECKING:
    from proxim.client.session import ClientSession

MAX_WAITING = 256
"""Signals that may wait until they can be sealed; then ``send`` waits, or raises."""

PATIENCE = 10.0
"""Seconds to wait for the other side's hello (sealing: Hellos)."""

_LARGEST = {"s": 1, "e": "e" * 11, "n": 2**53 - 1}
_TAG_BYTES = 16


class SealedSignals:
    """Seals what a session sends, once both sides are there and agree on an epoch.

    Until then what is to be sent waits here. So a side that was reloaded misses nothing. At
    ``ends_at``, a moment of the wall clock, the session ends, whatever the node says. Nothing is
    sent before ``may_send`` has returned true. ``when_opened`` is called when something opens.
    With ``hears_first`` nothing but hellos is sent before something has opened.
    """

    def __init__(
        self,
        session: ClientSession,
        peer: SealedPeer,
        ends_at: float | None,
        *,
        may_send: Callable[[], Awaitable[bool]] | None = None,
        when_opened: Callable[[], None] | None = None,
        hears_first: bool = False,
    ) -> None:
        self._session = session
        self._peer = peer
        self._may_send = may_send
        self._when_opened = when_opened
        self._has_heard = not hears_first
        self._waiting: deque[msgspec.Raw] = deque()
        self._hellos: deque[Sealed] = deque()
        self._added = 0
        self._sent = 0
        # A side has come back, so a new epoch is to begin with a hello.
        self._expects_hello = False
        # This side has come back, and could not say hello since the other side is offline.
        self._owes_hello = False
        self._impatient_at = math.inf
        self._changed = trio.lowlevel.ParkingLot()
        session._connection.start_soon(self._run)
        if ends_at is not None:
            session._connection.start_soon(partial(self._end_on_time, ends_at))

    async def _end_on_time(self, ends_at: float) -> None:
        await clock.sleep_until(clock.now() + ends_at - time.time())
        self._session._abandon(SessionOver(Status.EXPIRED, Reason.EXPIRED))

    # -- for the session ------------------------------------------------------------------------

    def start(self) -> None:
        """Say hello: this side has come back."""
        if self._session.peer_online:
            self._expects_hello = self._owes_hello = False
            self._say(self._peer.start())
        else:
            # Hellos of each reconnect would fill what the node keeps for that side.
            self._expects_hello = self._owes_hello = True

    def begin(self) -> None:
        """Begin right after the approval; say hello only if a later program goes on."""
        if not self._peer.is_ready and not self._expects_hello:
            self.start()
        elif not self._has_heard:
            self._impatient_at = trio.current_time() + PATIENCE

    def echo(self) -> None:
        """Let the other side hear that this side is there, if they agree on an epoch."""
        if (echo := self._peer.echo()) is not None:
            self._hellos.append(echo)
            self.wake()

    def peer_came_back(self) -> None:
        """Say the hello that this side owes; else wait for that of the other side."""
        if self._owes_hello:
            self.start()
        else:
            self.expect_hello()

    def expect_hello(self) -> None:
        """Wait for a hello of the other side for a time, and then say one."""
        self._owes_hello, self._expects_hello = False, True
        self._impatient_at = trio.current_time() + PATIENCE

    def wake(self) -> None:
        """Look again at the session, which has changed."""
        self._changed.unpark_all()

    async def send(self, data: msgspec.Raw) -> None:
        """Seal and send a value, or keep it until that is possible.

        Raises ``BadMessage`` if it is too large, and ``PeerOffline`` if too much waits for the
        other side: nothing was sent then.
        """
        self._session._connection.check_size(self._signal(_stand_in(data)))
        while len(self._waiting) >= MAX_WAITING and self._session.over is None:
            if not self._session.peer_online:
                why = "nothing was sent: too many signals wait for the other side"
                raise PeerOffline(why, session_id=self._session.session_id)
            await self._changed.park()
        if self._session.over is not None:
            raise self._session.over
        self._waiting.append(data)
        self._added += 1
        number = self._added
        self.wake()
        await trio.lowlevel.checkpoint()
        # A program that ends its connection next has sent this.
        while self._sent < number and self._can_seal and self._session.over is None:
            await self._changed.park()

    def receive(self, data: msgspec.Raw) -> msgspec.Raw | None:
        """Return the value that the other side has sealed; None if there is none for this side."""
        epoch, now = self._peer.epoch_id, trio.current_time()
        received = self._peer.receive(data, now)
        if received.notice is not None:
            self._session._notices.add_at(Notice(received.notice.value), now)
        else:
            self._has_heard = True
            if self._when_opened is not None:
                self._when_opened()
        if received.missed:
            self._session._notices.add_at(Notice.MISSED, now)
        if received.notice is not None or received.missed:
            self._session._changed.unpark_all()
        if received.send is not None:
            self._say(received.send)
        if self._peer.epoch_id != epoch:
            self._expects_hello = self._owes_hello = False
        self.wake()
        return received.data

    # -- the task that sends --------------------------------------------------------------------

    @property
    def _has_company(self) -> bool:
        return self._session.peer_online and self._session._connection.online

    @property
    def _can_seal(self) -> bool:
        is_ready = self._peer.is_ready and self._has_heard
        return is_ready and not self._expects_hello and self._has_company

    @property
    def _retry_at(self) -> float:
        is_waiting = self._expects_hello or not (self._peer.is_ready and self._has_heard)
        return self._impatient_at if is_waiting and self._has_company else math.inf

    def _say(self, hello: Sealed) -> None:
        self._hellos.append(hello)
        self._impatient_at = trio.current_time() + PATIENCE
        self.wake()

    async def _run(self) -> None:
        when_online = self._session._connection.when_online
        when_online.add(self.wake)
        try:
            if self._may_send is None or await self._may_send():
                await self._send_all()
        finally:
            when_online.discard(self.wake)

    async def _send_all(self) -> None:
        while self._session.over is None:
            if self._hellos:
                await self._transmit(self._hellos.popleft())
            elif self._waiting and self._can_seal:
                await self._transmit(self._peer.seal(self._waiting.popleft()))
                self._sent += 1
                self.wake()
            elif trio.current_time() >= self._retry_at:
                self.start()
            else:
                with trio.move_on_at(self._retry_at):
                    await self._changed.park()

    async def _transmit(self, data: Sealed) -> None:
        try:
            await self._session._connection.send_one_way(self._signal(data))
        except RequestError as error:
            self._session._earlier_error = error
        except ProximError:
            # The connection is lost for good, and the session says so.
            await trio.lowlevel.checkpoint()

    def _signal(self, data: Sealed) -> wire.Signal:
        raw = msgspec.Raw(msgspec.json.encode(data))
        return wire.Signal(session_id=self._session.session_id, data=raw)


def _stand_in(data: msgspec.Raw) -> Sealed:
    """Return a value of the size that the sealed ``data`` will have at most."""
    return {**_LARGEST, "c": "c" * (-(-(len(data) + _TAG_BYTES) * 4 // 3))}
