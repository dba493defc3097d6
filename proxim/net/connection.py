"""One WebSocket: its reader, its outbox, its keepalive (protocol: Transport, Close codes)."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable

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

Spawn = Callable[[Callable[[], Awaitable[None]]], None]
"""Starts a task that outlives its connection by nothing."""

_NO_ALARM = trio.CancelScope()

_INTRODUCTIONS = (wire.Register, wire.PairRequest, wire.Resume)


class SocketConnection:
    """A client, as the actors see it: somebody to ``tell`` things, who may hold seats.

    ``run`` reads until the socket ends, and is the only place that waits. What is told is given to
    the kernel at once; when more waits than ``outbox_bytes`` the client is too slow and is closed
    with 4001, so that it holds up nobody. ``spawn`` starts the task that such a backlog needs.
    """

    __slots__ = (
        "_alarm",
        "_cork",
        "_cut_at",
        "_frames",
        "_gone",
        "_introduce_by",
        "_is_gone",
        "_limits",
        "_ping_at",
        "_pong_by",
        "_request",
        "_router",
        "_spawn",
        "_ws",
        "owner",
        "seats",
    )

    def __init__(self, router: Router, limits: Limits, cork: Cork, spawn: Spawn) -> None:
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self._router = router
        self._limits = limits
        self._cork = cork
        self._spawn = spawn
        self._frames: list[str | bytes] = []
        self._request: _Request | None = None
        self._alarm = _NO_ALARM
        self._introduce_by = self._ping_at = self._pong_by = self._cut_at = math.inf
        self._is_gone = False
        self._gone: trio.Event | None = None

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

    async def run(self, stream: trio.abc.Stream, handshake: bytes, welcome: wire.Welcome) -> None:
        """Answer the handshake, and serve the client until the socket ends, whoever ends it."""
        now = trio.current_time()
        self._introduce_by = now + self._limits.introduction_time
        self._ping_at = now + self._limits.ping_interval
        self._ws = LeanWebSocket(
            stream, self._limits, self._cork, start_soon=self._spawn, cut=self._cut
        )
        try:
            self._cork.put_in()
            self._ws.write_raw(handshake)
            self.tell(welcome)
            self._cork.draw()
            while await self._read():
                if self._request is not None:
                    await self._answer(*self._request)
            self._router.left(self)
            if self._ws.has_ended:
                await self._ws.finish()
        finally:
            self._ws.give_up()
            self._router.left(self)
            self._is_gone = True
            if self._gone is not None:
                self._gone.set()

    async def gone(self) -> None:
        """Wait until ``run`` has come to its end."""
        if not self._is_gone:
            self._gone = self._gone or trio.Event()
            await self._gone.wait()

    def _cut(self) -> None:
        """End it without another word: half a frame stands on the wire."""
        self._cut_at = self._alarm.deadline = -math.inf

    async def _read(self) -> bool:
        """Take what comes until there is a request, with one alarm for all that may be overdue.

        False when it is over: at the end of what the peer sends, or of its time.
        """
        self._request = None
        if self._frames and not self._relay():
            return True
        with trio.CancelScope(deadline=self._next_alarm()) as self._alarm:
            goes_on = await self._ws.read_while(self._arrived)
            return goes_on or self._request is not None
        return not self._is_lost(trio.current_time())

    def _arrived(self, frames: list[str | bytes]) -> bool:
        self._frames = frames
        return self._relay()

    def _relay(self) -> bool:
        """Relay the signals at the head of what was read; false where a request stands next.

        It may have to wait for an actor, and nothing behind it may overtake it.
        """
        frames, self._frames = self._frames, []
        now, several = trio.current_time(), len(frames) > 1
        if several:
            self._cork.put_in()
        try:
            for number, frame in enumerate(frames, start=1):
                if self._cut_at < math.inf:
                    break  # It was closed meanwhile.
                try:
                    message = _decode(frame)
                    if type(message) is not wire.Signal:
                        self._request, self._frames = (frame, message), frames[number:]
                        return False
                    self._router.relay(self, message, now)
                except Exception as error:
                    self._refuse(frame, error)
        finally:
            if several:
                self._cork.draw()
        return True

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
