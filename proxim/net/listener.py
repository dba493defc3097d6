"""The listener: accepts connections, and lets none of them harm another or the node.

Each connection has a task, a guard and time limits of its own. What it begins with decides what
it becomes: a WebSocket, or one HTTP request and its answer.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

import trio

from proxim.actors.crash import log_crash
from proxim.actors.limits import Places
from proxim.actors.router import Router
from proxim.exception_groups import leaves
from proxim.net import descriptors, poller
from proxim.net.access import Access
from proxim.net.closing import lingering_close
from proxim.net.connection import SocketConnection
from proxim.net.frames import text_frame
from proxim.net.http import BadRequest, Request, Response, read_request
from proxim.net.limits import Limits
from proxim.net.outbox import Cork
from proxim.net.poller import Poller
from proxim.net.site import Site, method_not_allowed
from proxim.net.stream import TcpStream
from proxim.net.upgrade import accept, refuse_upgrade
from proxim.protocol import codec
from proxim.protocol.messages import Welcome

log = logging.getLogger(__name__)

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_NOTHING_TO_ACCEPT = {
    *(errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.ECONNRESET),
    *(errno.EPROTO, errno.EPERM, errno.ENETDOWN),
    *(errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOPROTOOPT, errno.EOPNOTSUPP),
}
"""Nobody waits, or who did is gone or kept out by the system (accept(2)).

Windows has numbers of its own: EWOULDBLOCK is not EAGAIN, and a peer that is gone is ECONNRESET.
"""
_ACCEPTED_AT_ONCE = 64
_ACCEPT_PAUSE = 0.1
_COMPLAINT_INTERVAL = 30.0

_OF_THE_PEER = (
    OSError,
    trio.TooSlowError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
"""What a peer can bring about by leaving: no news to anybody else."""


_LIMIT_OF = {
    HTTPStatus.REQUEST_TIMEOUT: "head_time",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head_size",
}


class Listener:
    """Serves one port. ``connections`` are the WebSockets that are open, ``stats`` their sums.

    ``places`` are those that an address has for connections of any kind.
    """

    def __init__(
        self,
        router: Router,
        site: Site,
        *,
        welcome: Welcome,
        is_draining: Callable[[], bool],
        limits: Limits,
        access: Access,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.connections: set[SocketConnection] = set()
        self._router = router
        self._site = site
        self._welcome = text_frame(codec.encode(welcome))
        self._is_draining = is_draining
        self._limits = limits
        self._access = access
        self.places = Places(limits.connections_per_address)
        self._most = limits.max_connections or descriptors.for_connections(descriptors.limits()[0])
        self._tls = tls
        self._cork = Cork()
        self.stats = self._cork.stats
        self._refusals = router.census.refusals
        self._poller: Poller | None = None
        self._nursery: trio.Nursery
        self._complained_at = -_COMPLAINT_INTERVAL

    async def run(
        self,
        sockets: Sequence[socket.socket],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept on listening ``sockets``, which are closed in the end, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            if poller.IS_AVAILABLE:
                self._poller = Poller()
                self._nursery.start_soon(self._poller.run)
            for each in sockets:
                self._nursery.start_soon(self.accept, each)
            task_status.started()
            await trio.sleep_forever()

    async def accept(self, listening: socket.socket) -> None:
        """Accept on one socket. Running out of file descriptors is waited out."""
        with listening:
            while True:
                await trio.lowlevel.wait_readable(listening)
                try:
                    for _ in range(_ACCEPTED_AT_ONCE):
                        accepted, peer = listening.accept()
                        stream = TcpStream(accepted, self._poller)
                        self._nursery.start_soon(self.serve, stream, peer[0])
                except OSError as error:
                    if error.errno in _OUT_OF_RESOURCES:
                        self._complain(error)
                        await trio.sleep(_ACCEPT_PAUSE)
                    elif error.errno not in _NOTHING_TO_ACCEPT:
                        raise

    def secure_with(self, tls: ssl.SSLContext) -> None:
        """Do the TLS handshakes from now on with this; connections that are open go on."""
        self._tls = tls

    async def close_all(self, code: int, reason: str) -> None:
        """Close every WebSocket, and wait until all are gone."""
        leaving = list(self.connections)
        for connection in leaving:
            connection.close(code, reason)
        for connection in leaving:
            await connection.wait_ended()

    async def serve(self, stream: trio.abc.Stream, peer: str | None = None) -> None:
        """Serve one connection to its end. Raises nothing, whatever the peer does.

        ``peer`` is its IP address, where it has one.
        """
        place = Place(self.places)
        connection: SocketConnection | None = None
        try:
            if not self._access.is_proxy(peer):
                place.take(self._access.address(peer))
            if self._tls is not None:
                stream = await self._secure(stream, self._tls)
            connection = await self._converse(stream, peer, place)
            if connection is not None:
                await connection.run()
        except Exception as error:
            _log_strange(error)
        finally:
            if connection is not None:
                self.connections.discard(connection)
            place.give_back()
            if isinstance(stream, TcpStream):
                stream.close()
            else:
                with trio.CancelScope(shield=True):
                    await trio.aclose_forcefully(stream)

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        """Start a task for a connection; what goes wrong there is no harm to the others."""

        async def guarded() -> None:
            try:
                await work()
            except Exception as error:
                _log_strange(error)

        self._nursery.start_soon(guarded)

    async def _secure(self, stream: trio.abc.Stream, tls: ssl.SSLContext) -> trio.abc.Stream:
        secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        with trio.move_on_after(self._limits.tls_time):
            await secured.do_handshake()
            return secured
        self._refusals["tls_time"] += 1
        raise trio.BrokenResourceError("no TLS handshake in time")

    async def _converse(
        self, stream: trio.abc.Stream, peer: str | None, place: Place
    ) -> SocketConnection | None:
        """Read the request and answer it; what becomes of it, if that is a WebSocket.

        What the head took is let go of when this returns.
        """
        if place.is_refused:
            self._refusals["connections_per_address"] += 1
            await self._respond(stream, _too_many_of("your address"))
            return None
        try:
            request = await read_request(stream, self._limits)
        except BadRequest as error:
            self._refusals[_LIMIT_OF.get(error.status, "not_http")] += 1
            await self._respond(stream, Response(error.status, f"{error}\n"))
            return None
        response = self._answer(request, peer)
        if response is None:
            response = self._place(request, peer, place)
        if response is None:
            return self._open(stream, accept(request), place.owner)
        await self._respond(stream, response, head_only=request.method == "HEAD")
        return None

    def _answer(self, request: Request, peer: str | None) -> Response | None:
        """The response to a request, or None where a WebSocket is the answer."""
        if request.path != "/ws":
            is_local = self._access.is_local(peer, request)
            return self._site.answer(request, is_local=is_local)
        if request.method not in ("GET", "HEAD"):
            return method_not_allowed("GET, HEAD")
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "The node is going away.\n")
        return refuse_upgrade(request) or self._access.refuse(request)

    def _place(self, request: Request, peer: str | None, place: Place) -> Response | None:
        """Take a place for a WebSocket. 503 when there is none (protocol: Limits)."""
        if self._access.is_proxy(peer):
            place.take(self._access.address_behind(peer, request))
            if place.is_refused:
                self._refusals["connections_per_address"] += 1
                return _too_many_of("your address")
        if len(self.connections) >= self._most:
            self._refusals["max_connections"] += 1
            return _too_many_of("all")
        return None

    def _open(
        self, stream: trio.abc.Stream, handshake: bytes, address: str | None
    ) -> SocketConnection:
        connection = SocketConnection(
            stream, self._router, self._limits, self._cork, self._spawn, address
        )
        connection.open(handshake + self._welcome)
        self.connections.add(connection)
        self.stats.opened += 1
        return connection

    async def _respond(
        self, stream: trio.abc.Stream, response: Response, *, head_only: bool = False
    ) -> None:
        with trio.move_on_after(self._limits.write_time):
            await stream.send_all(response.encode(head_only=head_only))
            await lingering_close(stream, self._limits.linger_time)

    def _complain(self, error: OSError) -> None:
        if trio.current_time() - self._complained_at >= _COMPLAINT_INTERVAL:
            self._complained_at = trio.current_time()
            log.warning("no connection can be accepted for now: %s", error.strerror)


class Place:
    """One connection's place among those of its address."""

    __slots__ = ("_places", "is_refused", "owner")

    def __init__(self, places: Places) -> None:
        self._places = places
        self.owner: str | None = None
        self.is_refused = False

    def take(self, address: str | None) -> None:
        """Take it, once it is known whose connection this is. It may be refused."""
        self.is_refused = self._places.is_full(address)
        if not self.is_refused:
            self._places.take(address)
            self.owner = address

    def give_back(self) -> None:
        """The connection is gone."""
        self._places.give_back(self.owner)


def _too_many_of(whom: str) -> Response:
    return Response(HTTPStatus.SERVICE_UNAVAILABLE, f"Too many connections of {whom}.\n")


def _log_strange(error: Exception) -> None:
    strange = [leaf for leaf in leaves(error) if not isinstance(leaf, _OF_THE_PEER)]
    if strange:
        log_crash(log, "a connection crashed; the others go on", strange[0])
