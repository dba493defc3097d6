"""One WebSocket: its reader, its outbox, its keepalive (protocol: Transport, Close codes)."""

from __future__ import annotations

import logging
from collections import deque

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from proxim.actors.crash import log_crash
from proxim.actors.router import Router
from proxim.actors.seat import Owner, Seat
from proxim.core import codec
from proxim.core import messages as wire
from proxim.core.errors import BadMessage, InternalError, RequestError
from proxim.net.limits import Limits

log = logging.getLogger(__name__)

_INTRODUCTIONS = (wire.Register, wire.PairRequest, wire.Resume)


class SocketConnection:
    """A client, as the actors see it: somebody to ``tell`` things, who may hold seats.

    ``run`` reads until the socket ends, and is the only place that waits. What is told goes into
    the outbox, which a task of its own writes; when more waits there than ``outbox_bytes``, the
    client is too slow and is closed with 4001, so that it holds up nobody.
    """

    def __init__(
        self, ws: WebSocketConnection, stream: trio.abc.Stream, router: Router, limits: Limits
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.gone = trio.Event()
        self._ws = ws
        self._stream = stream
        self._router = router
        self._limits = limits
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._news = trio.Event()
        self._closing: tuple[int, str] | None = None
        self._introduced = False

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._closing is not None

    # -- what the actors call ----------------------------------------------------------------

    def tell(self, message: wire.NodeMessage) -> None:
        """Put a message into the outbox."""
        if self._closing is not None:
            return
        frame = codec.encode(message)
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        self._news.set()
        if self._outbox_bytes > self._limits.outbox_bytes:
            self._outbox.clear()
            self.close(4001, "too slow: more waits here than may")

    def close(self, code: int, reason: str) -> None:
        """Close with ``code`` once the outbox is written; nothing more is told or heard.

        The seats are left at once, so that what comes for them now is kept or refused there.
        """
        if self._closing is None:
            self._closing = (code, reason)
            self._news.set()
            self._router.left(self)

    # -- its life ----------------------------------------------------------------------------

    async def run(self, welcome: wire.Welcome) -> None:
        """Serve the client until the socket ends, whoever ends it."""
        self.tell(welcome)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._keep_alive)
                await self._write()
                nursery.cancel_scope.cancel()
        finally:
            self.close(1011, "")
            self.gone.set()

    async def _read(self) -> None:
        while True:
            try:
                frame = await self._ws.get_message()
            except ConnectionClosed:
                self.close(1000, "")
                return
            if self._closing is None:
                await self._receive(frame)

    async def _receive(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, bytes):
                raise BadMessage("a message is one text frame; this one was binary")
            message = codec.decode_client(frame)
            self._introduced = self._introduced or isinstance(message, _INTRODUCTIONS)
            await self._router.route(self, message)
        except RequestError as error:
            self._refuse(frame, error)
        except Exception as error:
            log_crash(log, "a request failed; the connection goes on", error)
            self._refuse(frame, InternalError("the node failed at this request"))

    def _refuse(self, frame: str | bytes, error: RequestError) -> None:
        address = codec.address_of(frame)
        error.session_id = error.session_id or address.session_id
        self.tell(codec.error_message(error, address.ref))

    async def _write(self) -> None:
        """Write what is told, in order; return when the connection is closed or broken."""
        while True:
            while self._outbox:
                frame = self._outbox.popleft()
                self._outbox_bytes -= len(frame)
                if not await self._send(frame):
                    return
            if self._closing is not None:
                with trio.move_on_after(self._limits.close_time):
                    await self._ws.aclose(*self._closing)
                return
            self._news = trio.Event()
            await self._news.wait()

    async def _send(self, frame: bytes) -> bool:
        with trio.move_on_after(self._limits.write_time):
            try:
                await self._ws.send_message(frame.decode())
            except ConnectionClosed:
                return False
            return True
        # Half a frame may stand on the wire, and nothing can follow it.
        await trio.aclose_forcefully(self._stream)
        return False

    async def _keep_alive(self) -> None:
        await trio.sleep(self._limits.introduction_time)
        if not self._introduced:
            self.close(4002, "idle: no register, pair_request or resume in time")
        while True:
            await trio.sleep(self._limits.ping_interval)
            with trio.move_on_after(self._limits.pong_time) as patience:
                try:
                    await self._ws.ping()
                except ConnectionClosed:
                    return
            if patience.cancelled_caught:
                await trio.aclose_forcefully(self._stream)
                return
