"""A client's connection: a reader, an outbox and a keepalive (protocol: Transport)."""

from __future__ import annotations

import trio

from proxim.actors.congestion import Congestion
from proxim.actors.connection import Owner
from proxim.actors.limits import NOWHERE, Source
from proxim.actors.relay import leave_seats
from proxim.actors.router import Router
from proxim.actors.seat import Seat
from proxim.net.closing import peer_has_closed
from proxim.net.cork import Cork
from proxim.net.frames import text_frame
from proxim.net.keepalive import Due, Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox import Outbox, Spawn
from proxim.net.outbox_totals import OutboxTotals
from proxim.net.reader import ClientRequest, Read, Reader
from proxim.net.websocket import NodeWebSocket
from proxim.protocol import codec
from proxim.protocol import messages as wire

_SHARED_FROM = 1 / 8
"""From this used part of the outbox on, each of a client's several sessions has its own share."""

_SLOW_DOWN_FROM = 0.5
"""From this used part of a session's share on, the senders of its signals are slowed down."""

_ROOM_TIME = 10.0
"""Seconds for which a connection waits for room in all outboxes together; then it is closed."""


class SocketConnection:
    """Connects one client's WebSocket to the router and the actors.

    ``run`` is the connection's task. ``spawn`` starts another, which writes what the kernel does
    not take at once. ``tell`` never waits.
    """

    __slots__ = (
        "_cork",
        "_keepalive",
        "_limits",
        "_outbox",
        "_router",
        "_totals",
        "_ws",
        "address",
        "networks",
        "owner",
        "seats",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        router: Router,
        limits: Limits,
        cork: Cork,
        totals: OutboxTotals,
        spawn: Spawn,
        source: Source = NOWHERE,
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.address, self.networks = source
        self._router = router
        self._limits = limits
        self._cork = cork
        self._totals = totals
        self._keepalive = Keepalive(limits)
        self._outbox = Outbox(stream, limits, cork, totals, self._keepalive, spawn, source)
        self._ws = NodeWebSocket(stream, limits, self._outbox, self._keepalive)

    # -- its life ----------------------------------------------------------------------------

    def open(self, greeting: bytes) -> None:
        """Send ``greeting``, the answer to the handshake and the welcome, in one write.

        Not by ``tell``, whose check of the outbox would allocate a deque for every connection.
        """
        self._keepalive.start()
        self._ws.set_max_message_size(self._limits.message_size_unseated)
        self._outbox.write(greeting)

    async def run(self) -> None:
        """Serve the client until its socket ends, or its time is over."""
        stats = self._totals.stats
        reader = Reader(
            self, self._ws, self._keepalive, self._router, self._limits, self._cork, stats
        )
        try:
            while (result := await reader.read()) is not Read.CLOSED:
                if isinstance(result, ClientRequest):
                    await self._answer(result, reader)
                    if reader.has_more:
                        await trio.lowlevel.checkpoint()  # The other clients have their turn.
                elif result is Read.ASKING:
                    await reader.answered()
                elif not self._meet_deadlines():
                    break
            # Before the closing handshake, which may take a while; after an error, in ``finally``.
            leave_seats(self)
            if self._ws.peer_has_ended:
                await self._ws.finish()
        finally:
            self._ws.stop_sending()
            stats.count_close(self._ws.closed)
            leave_seats(self)

    async def _answer(self, request: ClientRequest, reader: Reader) -> None:
        """Have the router answer a request, and send its refusal if it is refused."""
        try:
            await self._router.route(self, request.message)
        except Exception as error:
            reader.refuse(request.frame, error)

    def _meet_deadlines(self) -> bool:
        """Do what is due by now; false if the connection has to end."""
        now, refusals = trio.current_time(), self._router.stats.refusals
        while (due := self._keepalive.due(now)) is not None:
            match due:
                case Due.END:
                    return False
                case Due.PING:
                    self._ws.send_ping()
                case Due.INTRODUCTION:
                    refusals["introduction_time"] += 1
                    self.close(4002, "idle: no register, pair_request or resume in time")
                case Due.MESSAGE:
                    refusals["message_time"] += 1
                    self.close(1008, "a message took too long")
                case Due.OUTBOX:
                    if self._outbox.has_too_many_messages():
                        self._close_slow_client()
        return True

    # -- what the actors call ----------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or about to be."""
        return not self._outbox.is_open

    @property
    def has_left(self) -> bool:
        """Whether the client has closed its socket.

        One that has only sent a close frame still reads its answers.
        """
        return self.closed or peer_has_closed(self._ws.stream)

    def tell(self, message: wire.NodeMessage) -> Congestion | None:
        """Send a message, or queue it; close a client for which too much is queued.

        If the client has several sessions, each of them has its share of the outbox for signals.
        """
        outbox = self._outbox
        if (
            outbox.size
            and outbox.size > self._limits.outbox_size * _SHARED_FROM
            and isinstance(message, wire.Signal)
            and len(self.seats) > 1
        ):
            return self._tell_in_share(message)
        outbox.write(text_frame(codec.encode(message)))
        if outbox.size and (
            outbox.size > self._limits.outbox_size
            or outbox.counted > self._totals.bound
            or not isinstance(message, wire.Signal)
        ):
            self._check_outbox(message)
        return None

    def _tell_in_share(self, signal: wire.Signal) -> Congestion | None:
        used = self._outbox.write_in_share(signal.session_id, text_frame(codec.encode(signal)))
        if used > 1:
            self._router.stats.refusals["outbox_size"] += 1
            return Congestion.FULL
        return Congestion.HIGH if used > _SLOW_DOWN_FROM else None

    def tell_backlog(self, message: wire.NodeMessage) -> None:
        """Send a signal of the seat's backlog, which the outbox limit does not count."""
        self._outbox.write_backlog(text_frame(codec.encode(message)))

    async def wait_for_room(self) -> None:
        """Wait until half of the outbox is free; ``tell_backlog`` may exceed its bound.

        It may exceed the bound of all outboxes as well. So close if those stay nearly full: the
        backlog is kept, and the client comes back for it.
        """
        await self._outbox.wait_below(self._limits.outbox_size // 2)
        with trio.move_on_after(_ROOM_TIME) as waiting:
            await self._outbox.wait_for_total_room()
        if waiting.cancelled_caught and not self.closed:
            self._router.stats.refusals["max_outbox_bytes"] += 1
            self.close(1012, "too much waits for all clients together; connect again")

    def close(self, code: int, reason: str) -> None:
        """Close with ``code`` once the outbox is written; nothing more is told or heard.

        The seats are left at once, so that their sessions keep or refuse what comes for them.
        """
        if not self.closed:
            self._ws.send_close(code, reason)
            self._keepalive.start_closing()
            leave_seats(self)

    def _check_outbox(self, message: wire.NodeMessage) -> None:
        if not isinstance(message, wire.Signal):
            self._outbox.count_message()
        if (limit := self._outbox.exceeded_limit()) is not None:
            self._close_slow_client(limit)

    def _close_slow_client(self, limit: str = "outbox_size") -> None:
        """Close a client that reads too slowly with 4001, so that it delays no other."""
        if not self.closed:
            self._router.stats.refusals[limit] += 1
            self._outbox.drop_queued()
            self.close(4001, "too slow: too much is waiting to be sent")
