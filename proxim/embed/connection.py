"""The connection of a host in the node's own process: like any other, but without a socket.

The host's messages are encoded, measured, decoded, paced and routed like frames of a socket.
Messages that the application does not read are bounded like an outbox.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from proxim.actors.connection import Owner
from proxim.actors.log import log_crash
from proxim.actors.relay import leave_seats
from proxim.actors.router import Router
from proxim.actors.seat import Seat
from proxim.client.base_connection import BaseConnection, draw_qr
from proxim.client.host_session import HostSession
from proxim.client.ice import IceRefresher
from proxim.net.limits import Limits
from proxim.portal.futures import in_own_thread
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage, ConnectionLost, InternalError, RequestError

if TYPE_CHECKING:
    from proxim.client.sealed_host import NewSecret

log = logging.getLogger(__name__)

StartSoon = Callable[[Callable[[], Awaitable[object]]], None]


class LocalConnection(BaseConnection):
    """Connects one ``HostSession`` of the SDK to the node in its process.

    It is the ``Connection`` of the actors, too. ``session`` is set once the session was created.
    """

    address = None
    networks = ()
    """There is no address, and no limit by address applies."""

    def __init__(
        self,
        router: Router,
        limits: Limits,
        ice: IceRefresher,
        start_soon: StartSoon,
        new_secret: NewSecret | None = None,
    ) -> None:
        super().__init__(ice, limits.outbox_size)
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.session: HostSession | None = None
        self._router = router
        self._limits = limits
        self._start_soon = start_soon
        self._new_secret = new_secret
        self._turn = trio.Lock()
        self._full_at = -math.inf
        self._failure: ConnectionLost | None = None

    # -- what the actors call ----------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is closed; it then holds no seat."""
        return self._failure is not None

    @property
    def has_left(self) -> bool:
        """Whether the application reads no answer any more."""
        return self.closed

    def tell(self, message: wire.NodeMessage) -> None:
        """Give a message to the session, and to the request that waits for it."""
        if self.closed:
            return
        if isinstance(message, wire.SessionCreated):
            session_id = message.session.session_id
            secret = None if self._new_secret is None else self._new_secret(session_id)
            self.session = HostSession(self, message.session, secret)
            self.session._set_link(message)
        elif self.session is not None:
            self.session._handle(message)
        self.settle(message)

    def tell_backlog(self, message: wire.NodeMessage) -> None:
        """Send a signal of the seat's backlog. An embedded host never resumes, so it has none."""
        self.tell(message)

    async def wait_for_room(self) -> None:
        """Return at once: an embedded host is never sent a backlog."""
        await trio.lowlevel.checkpoint()

    def close(self, code: int, reason: str) -> None:
        """Free the seat, and end the session for the application with ``ConnectionLost``."""
        if self.closed:
            return
        self._failure = ConnectionLost(reason, close_code=code)
        leave_seats(self)
        if self.session is not None:
            self.session._finish(self._failure)
        self.fail_calls(self._failure)

    # -- what the session calls --------------------------------------------------------------

    def start_soon(self, task: Callable[[], Awaitable[object]]) -> None:
        """Run a task until the node has stopped."""
        if self._failure is not None:
            raise self._failure
        self._start_soon(task)

    def abandon(self, session_id: str) -> None:
        """Free the seat of the session, which the guest sees go offline."""
        self.close(1000, "this side has left the session")

    def check_size(self, message: wire.ClientMessage) -> None:
        """Raise ``BadMessage`` if a message is larger than the node accepts."""
        self._check_size(codec.encode(message))

    def _check_size(self, frame: bytes) -> None:
        limits = self._limits
        most = limits.message_size if self.seats else limits.message_size_unseated
        if len(frame) > most:
            raise BadMessage(f"the message has {len(frame)} bytes; at most {most} are allowed")

    async def draw(self, link: str) -> str:
        """Return the QR code of a link, as SVG. No thread is left, as one of Trio's would be."""
        return await in_own_thread(draw_qr, link)

    async def _send(self, request: wire.ClientMessage) -> None:
        """Route a message as if it had come in a frame, as soon as the rate limit permits it."""
        frame = codec.encode(request)
        self._check_size(frame)
        message = codec.decode_client(frame)
        rate = self._limits.messages
        async with self._turn:
            if self._full_at >= trio.current_time() + rate.window:
                await trio.sleep_until(rate.next_at(self._full_at))
            self._full_at = max(self._full_at, trio.current_time()) + rate.interval
            if self._failure is not None:
                raise self._failure
            try:
                await self._router.route(self, message)
            except RequestError:
                raise
            except Exception as error:
                log_crash(log, "a request of the application failed", error)
                raise InternalError("the node failed at this request") from error
