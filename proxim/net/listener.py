"""The listener: accepts connections, and keeps each of them from harming another or the node.

Each connection has its own task, error handler and time limits. Its first request is either a
WebSocket handshake, or answered as plain HTTP.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus

import trio
from msgspec import structs

from proxim.actors.limits import NOWHERE, NetworkLimit, NodeLimits, Source
from proxim.actors.log import log_crash
from proxim.actors.router import Router
from proxim.exception_groups import leaves
from proxim.net import descriptors, poller
from proxim.net.access import Access, is_for_loopback
from proxim.net.closing import close_now
from proxim.net.connection import SocketConnection
from proxim.net.cork import Cork
from proxim.net.frames import text_frame
from proxim.net.http import BadRequest, Request, Response, read_request, respond
from proxim.net.limits import Limits
from proxim.net.outbox_totals import OutboxTotals
from proxim.net.poller import Poller
from proxim.net.site import Site, method_not_allowed
from proxim.net.stats import NetStats
from proxim.net.stream import TcpStream
from proxim.net.upgrade import handshake_answer, refuse_upgrade
from proxim.protocol import codec
from proxim.protocol.messages import Welcome

log = logging.getLogger(__name__)

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_NOTHING_TO_ACCEPT = {
    *(errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.ECONNRESET),
    *(errno.EPROTO, errno.EPERM, errno.ENETDOWN),
    *(errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOPROTOOPT, errno.EOPNOTSUPP),
}
"""Errors of ``accept`` to ignore: no client waits, or it has left (accept(2)).

On Windows EWOULDBLOCK is not EAGAIN, and a client that has left is ECONNRESET.
"""
_ACCEPT_BATCH = 64
_MOST_REFUSED = 64
"""Connections beyond the limits of their address that may be open at once, to be answered."""
_ACCEPT_PAUSE = 0.1
_WARNING_INTERVAL = 30.0

_CAUSED_BY_PEER = (
    OSError,
    trio.TooSlowError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
"""Errors that a peer causes by leaving. They are not logged."""

_HSTS = ("Strict-Transport-Security", "max-age=31536000")
"""For a year, browsers use only https for this host name (RFC 6797)."""

_LIMIT_OF = {
    HTTPStatus.REQUEST_TIMEOUT: "head_time",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head_size",
}


class Listener:
    """Accepts sockets and serves each in a task. ``connections`` are the open WebSockets.

    With ``tls`` it serves TLS; see ``renew_certificate``.
    """

    def __init__(
        self,
        router: Router,
        site: Site,
        *,
        welcome: Callable[[], Welcome],
        is_draining: Callable[[], bool],
        limits: Limits,
        access: Access,
        stats: NetStats,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.connections: set[SocketConnection] = set()
        self._router = router
        self._site = site
        self._welcome = welcome
        self._is_draining = is_draining
        self._limits = limits
        self._access = access
        soft_limit, _ = descriptors.limits()
        self._max_connections = limits.max_connections or descriptors.for_connections(soft_limit)
        self._tls = tls
        self._stats = stats
        self._cork = Cork()
        self._outbox_totals = OutboxTotals(limits.max_outbox_bytes, stats)
        self._refusals = router.stats.refusals
        self._refused = 0
        self._poller: Poller | None = None
        # Without a limit of its own: its ``room`` keeps a part of ``max_connections`` free.
        self._websockets = NetworkLimit(0)
        self._nursery: trio.Nursery
        self._ended = trio.lowlevel.ParkingLot()
        self._warned_at = -_WARNING_INTERVAL

    async def run(
        self,
        sockets: Sequence[socket.socket],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept on listening ``sockets`` until cancelled, then close them."""
        async with trio.open_nursery() as self._nursery:
            if poller.IS_AVAILABLE:
                self._poller = Poller(lambda: self._router.stats.queued > 0)
                self._nursery.start_soon(self._poller.run)
            for each in sockets:
                self._nursery.start_soon(self.accept, each)
            task_status.started()
            await trio.sleep_forever()

    def renew_certificate(self, tls: ssl.SSLContext) -> None:
        """Use another context for the handshakes from now on; open connections keep theirs."""
        self._tls = tls

    async def accept(self, listening: socket.socket) -> None:
        """Accept on one socket; pause while the process is out of file descriptors."""
        with listening:
            while True:
                await trio.lowlevel.wait_readable(listening)
                try:
                    for _ in range(_ACCEPT_BATCH):
                        accepted, peer = listening.accept()
                        stream = TcpStream(accepted, self._poller)
                        self._nursery.start_soon(self.serve, stream, peer[0])
                except OSError as error:
                    if error.errno in _OUT_OF_RESOURCES:
                        self._warn(error)
                        await trio.sleep(_ACCEPT_PAUSE)
                    elif error.errno not in _NOTHING_TO_ACCEPT:
                        raise

    async def close_all(self, code: int, reason: str) -> None:
        """Close every WebSocket, and wait until all have ended."""
        for connection in self.connections:
            connection.close(code, reason)
        while self.connections:
            await self._ended.park()

    def plug(self, connected: socket.socket) -> None:
        """Serve a socket whose other end is in this process: without TLS and without an address."""
        stream = TcpStream(connected, self._poller)
        self._nursery.start_soon(partial(self.serve, stream, is_inside=True))

    async def serve(
        self, stream: trio.abc.Stream, peer: str | None = None, *, is_inside: bool = False
    ) -> None:
        """Serve one connection to its end. Raises nothing, whatever the peer does.

        ``peer`` is its IP address, if it has one. ``is_inside`` says that it needs no TLS.
        """
        slot = ConnectionSlot(self._router.limits)
        connection: SocketConnection | None = None
        was_refused = False
        try:
            if not self._access.is_proxy(peer):
                slot.take(self._access.source(peer))
            was_refused = slot.is_refused
            self._refused += was_refused
            if was_refused and self._refused > _MOST_REFUSED:
                # To answer it would hold a file descriptor for a while.
                self._refusals["connections_per_address"] += 1
                return
            if self._tls is not None and not is_inside:
                stream = await self._do_tls_handshake(stream, self._tls)
            connection = await self._handle_request(stream, peer, slot)
            if connection is not None:
                await connection.run()
        except Exception as error:
            _log_crash(error)
        finally:
            if connection is not None:
                self.connections.discard(connection)
                self._websockets.release(slot.source)
                if self._ended:
                    self._ended.unpark_all()
            slot.release()
            self._refused -= was_refused
            await close_now(stream)

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        """Start a task for a connection; if it crashes, the other connections go on."""

        async def guarded() -> None:
            try:
                await work()
            except Exception as error:
                _log_crash(error)

        self._nursery.start_soon(guarded)

    async def _do_tls_handshake(
        self, stream: trio.abc.Stream, tls: ssl.SSLContext
    ) -> trio.abc.Stream:
        secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        with trio.move_on_after(self._limits.tls_time):
            await secured.do_handshake()
            return secured
        self._refusals["tls_time"] += 1
        raise trio.BrokenResourceError("no TLS handshake in time")

    async def _handle_request(
        self, stream: trio.abc.Stream, peer: str | None, slot: ConnectionSlot
    ) -> SocketConnection | None:
        """Read the request and answer it; return the connection if it is a WebSocket now.

        The memory for the request is free when this returns.
        """
        if slot.is_refused:
            self._refusals["connections_per_address"] += 1
            await respond(stream, _too_many("from your address"), self._limits)
            return None
        try:
            request = await read_request(stream, self._limits)
        except BadRequest as error:
            self._refusals[_LIMIT_OF.get(error.status, "not_http")] += 1
            await respond(stream, error.response, self._limits)
            return None
        request = self._site.without_prefix(request)
        response = self._answer(request, peer)
        if response is None:
            response = self._take_slot(request, peer, slot)
        if response is None:
            return self._open(stream, handshake_answer(request), slot.source)
        if self._tls is not None and not is_for_loopback(request):
            # Not for localhost, where it would bind what others serve there on other ports.
            response = structs.replace(response, headers=(*response.headers, _HSTS))
        await respond(stream, response, self._limits, head_only=request.method == "HEAD")
        return None

    def _answer(self, request: Request, peer: str | None) -> Response | None:
        """Return the response to a request; None if it becomes a WebSocket."""
        if request.path != "/ws":
            if request.is_absolute and not self._access.is_for_node(request):
                return Response(HTTPStatus.NOT_FOUND, "Not found: this is not a proxy.\n")
            is_local = self._access.is_local(peer, request)
            return self._site.answer(request, is_local=is_local)
        if request.method not in ("GET", "HEAD"):
            return method_not_allowed()
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "The node is shutting down.\n")
        return refuse_upgrade(request) or self._access.refuse(request)

    def _take_slot(
        self, request: Request, peer: str | None, slot: ConnectionSlot
    ) -> Response | None:
        """Check the limits on WebSockets; return 503 if one is reached (protocol: Limits).

        A client behind a proxy gets its slot only here, since its address stands in the request.
        """
        if self._access.is_proxy(peer):
            slot.take(self._access.source_behind(peer, request))
            if slot.is_refused:
                self._refusals["connections_per_address"] += 1
                return _too_many("from your address")
        else:
            self._access.notice_unlisted_proxy(peer, request)
        most = self._websockets.room(slot.source, self._max_connections)
        if len(self.connections) >= most:
            self._refusals["max_connections"] += 1
            return _too_many("on this node")
        return None

    def _open(self, stream: trio.abc.Stream, handshake: bytes, source: Source) -> SocketConnection:
        connection = SocketConnection(
            stream,
            self._router,
            self._limits,
            self._cork,
            self._outbox_totals,
            self._spawn,
            source,
        )
        connection.open(handshake + text_frame(codec.encode(self._welcome())))
        self.connections.add(connection)
        self._websockets.acquire(source)
        self._stats.opened += 1
        return connection

    def _warn(self, error: OSError) -> None:
        if trio.current_time() - self._warned_at >= _WARNING_INTERVAL:
            self._warned_at = trio.current_time()
            log.warning("connections cannot be accepted at the moment: %s", error.strerror)


class ConnectionSlot:
    """One connection's slot in the limits of its address and of the networks around that."""

    __slots__ = ("_addresses", "_networks", "is_refused", "source")

    def __init__(self, limits: NodeLimits) -> None:
        self._addresses = limits.connections
        self._networks = limits.connection_networks
        self.source = NOWHERE
        self.is_refused = False

    def take(self, source: Source) -> None:
        """Take the slot once the source is known, unless its address or network has too many."""
        self.is_refused = self._addresses.is_full(source.address) or self._networks.is_full(source)
        if not self.is_refused:
            self._addresses.acquire(source.address)
            self._networks.acquire(source)
            self.source = source

    def release(self) -> None:
        """Free the slot; the connection has ended."""
        self._addresses.release(self.source.address)
        self._networks.release(self.source)


def _too_many(where: str) -> Response:
    return Response(HTTPStatus.SERVICE_UNAVAILABLE, f"Too many connections {where}.\n")


def _log_crash(error: Exception) -> None:
    crashes = [leaf for leaf in leaves(error) if not isinstance(leaf, _CAUSED_BY_PEER)]
    if crashes:
        log_crash(log, "a connection crashed; the others go on", crashes[0])
