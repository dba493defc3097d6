"""One WebSocket: its reader, its outbox, its keepalive (protocol: Transport, Close codes)."""

from __future__ import annotations

import logging
import math

import trio

from proxim.actors.crash import log_crash
from proxim.actors.router import Router
from proxim.actors.seat import Owner, Seat
from proxim.core import codec
from proxim.core import messages as wire
from proxim.core.errors import BadMessage, InternalError, RequestError
from proxim.net.limits import Limits
from proxim.net.websocket import Cork, LeanWebSocket

log = logging.getLogger(__name__)

_Request = tuple[str | bytes, wire.ClientMessage]

_INTRODUCTIONS = (wire.Register, wire.PairRequest, wire.Resume)


class SocketConnection:
    """A client, as the actors see it: somebody to ``tell`` things, who may hold seats.

    ``run`` reads until the socket ends, and is the only place that waits. What is told is given to
    the kernel at once; when more waits than ``outbox_bytes`` the client is too slow and is closed
    with 4001, so that it holds up nobody.
    """

    __slots__ = (
        "_alarm",
        "_cork",
        "_cut_at",
        "_frames",
        "_introduce_by",
        "_limits",
        "_ping_at",
        "_pong_by",
        "_router",
        "_ws",
        "gone",
        "owner",
        "seats",
    )

    def __init__(self, router: Router, limits: Limits, cork: Cork) -> None:
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.gone = trio.Event()
        self._router = router
        self._limits = limits
        self._cork = cork
        self._frames: list[str | bytes] = []
        self._alarm = trio.CancelScope()
        self._introduce_by = self._ping_at = self._pong_by = self._cut_at = math.inf

    # -- what the actors call ----------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._ws.closed is not None

    def tell(self, message: wire.NodeMessage) -> None:
        """Send a message, or queue it."""
        self._ws.write_text(codec.encode(message))
        if self._ws.unsent > self._limits.outbox_bytes:
            self._ws.forget_unsent()
            self.close(4001, "too slow: more waits here than may")

    async def room(self) -> None:
        """Wait until half of the outbox is free; a backlog fits in there."""
        await self._ws.wait_unsent_below(self._limits.outbox_bytes // 2)

    def close(self, code: int, reason: str) -> None:
        """Close with ``code`` once what was told is written; nothing more is told or heard.

        The seats are left at once, so that what comes for them now is kept or refused there.
        """
        if not self.closed:
            self._ws.say_goodbye(code, reason)
            self._cut_at = self._alarm.deadline = trio.current_time() + self._limits.close_time
            self._router.left(self)

    # -- its life ----------------------------------------------------------------------------

    async def run(self, stream: trio.abc.Stream, welcome: wire.Welcome) -> None:
        """Serve the client until the socket ends, whoever ends it."""
        now = trio.current_time()
        self._introduce_by = now + self._limits.introduction_time
        self._ping_at = now + self._limits.ping_interval
        try:
            async with trio.open_nursery() as nursery:
                self._ws = LeanWebSocket(
                    stream,
                    self._limits,
                    self._cork,
                    start_soon=nursery.start_soon,
                    cut=nursery.cancel_scope.cancel,
                )
                try:
                    self.tell(welcome)
                    peer_is_done = await self._read()
                    self._router.left(self)
                    if peer_is_done:
                        await self._ws.finish()
                finally:
                    # While the nursery is open: what is told later must not want a task of it.
                    self._ws.give_up()
                    self._router.left(self)
                nursery.cancel_scope.cancel()
        finally:
            self.gone.set()

    async def _read(self) -> bool:
        """Take what comes, with one alarm for all that may be overdue.

        True at the end of what the peer sends, False when it had its time and is to be cut off.
        """
        while True:
            request: _Request | None = None
            with trio.CancelScope(deadline=self._next_alarm()) as self._alarm:
                while (request := self._relay_until_request()) is None:
                    self._frames = await self._ws.receive()
                    if not self._frames:
                        return True
            if request is not None:
                await self._answer(*request)
            elif self._is_lost(trio.current_time()):
                return False

    def _relay_until_request(self) -> _Request | None:
        """Relay the signals at the head of what was read; the first other message, if any.

        A request may have to wait for an actor, and nothing behind it may overtake it.
        """
        corked = len(self._frames) > 1
        if corked:
            self._cork.put_in()
        try:
            while self._frames and not self.closed:
                frame = self._frames.pop(0)
                try:
                    message = _decode(frame)
                    if not isinstance(message, wire.Signal):
                        return frame, message
                    self._router.relay(self, message)
                except Exception as error:
                    self._refuse(frame, error)
        finally:
            if corked:
                self._cork.draw()
        self._frames.clear()
        return None

    async def _answer(self, frame: str | bytes, message: wire.ClientMessage) -> None:
        if isinstance(message, _INTRODUCTIONS):
            self._introduce_by = math.inf
        try:
            await self._router.route(self, message)
        except Exception as error:
            self._refuse(frame, error)

    def _refuse(self, frame: str | bytes, error: Exception) -> None:
        if not isinstance(error, RequestError):
            log_crash(log, "a request failed; the connection goes on", error)
            error = InternalError("the node failed at this request")
        address = codec.address_of(frame)
        error.session_id = error.session_id or address.session_id
        self.tell(codec.error_message(error, address.ref))

    # -- what may be overdue -----------------------------------------------------------------

    def _next_alarm(self) -> float:
        pong_by = math.inf if self._ws.has_ponged else self._pong_by
        return min(self._introduce_by, self._ping_at, pong_by, self._cut_at)

    def _is_lost(self, now: float) -> bool:
        """Do what is due. True when the peer had its time and the connection is to be cut."""
        if now >= self._cut_at or (now >= self._pong_by and not self._ws.has_ponged):
            return True
        if now >= self._introduce_by:
            self._introduce_by = math.inf
            self.close(4002, "idle: no register, pair_request or resume in time")
        if now >= self._ping_at:
            self._ws.write_ping()
            self._pong_by = now + self._limits.pong_time
            self._ping_at = now + self._limits.ping_interval
        return False


def _decode(frame: str | bytes) -> wire.ClientMessage:
    if isinstance(frame, bytes):
        raise BadMessage("a message is one text frame; this one was binary")
    return codec.decode_client(frame)
