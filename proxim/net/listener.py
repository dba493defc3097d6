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
from proxim.actors.router import Router
from proxim.core.messages import Welcome
from proxim.groups import leaves
from proxim.net import poller
from proxim.net.connection import SocketConnection
from proxim.net.http import BadRequest, Request, Response, read_request
from proxim.net.limits import Limits
from proxim.net.parting import part
from proxim.net.poller import Poller
from proxim.net.site import Site, only
from proxim.net.stream import TcpStream
from proxim.net.upgrade import accept, refuse_upgrade
from proxim.net.websocket import Cork

log = logging.getLogger(__name__)

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_NOTHING_TO_ACCEPT = {errno.EAGAIN, errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN}
"""Nobody waits, or who did is gone or kept out by the system (accept(2))."""
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


class Listener:
    """Serves one port. ``connections`` are the WebSockets that are open."""

    def __init__(
        self,
        router: Router,
        site: Site,
        *,
        welcome: Callable[[], Welcome],
        is_draining: Callable[[], bool],
        limits: Limits,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.connections: set[SocketConnection] = set()
        self._router = router
        self._site = site
        self._welcome = welcome
        self._is_draining = is_draining
        self._limits = limits
        self._tls = tls
        self._cork = Cork()
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
                        accepted, _ = listening.accept()
                        self._nursery.start_soon(self.serve, TcpStream(accepted, self._poller))
                except OSError as error:
                    if error.errno in _OUT_OF_RESOURCES:
                        self._complain(error)
                        await trio.sleep(_ACCEPT_PAUSE)
                    elif error.errno not in _NOTHING_TO_ACCEPT:
                        raise

    async def close_all(self, code: int, reason: str) -> None:
        """Close every WebSocket, and wait until all are gone."""
        leaving = list(self.connections)
        for connection in leaving:
            connection.close(code, reason)
        for connection in leaving:
            await connection.gone()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises nothing, whatever the peer does."""
        try:
            if self._tls is not None:
                stream = await self._secure(stream, self._tls)
            handshake = await self._converse(stream)
            if handshake:
                await self._serve_websocket(stream, handshake)
        except Exception as error:
            _log_strange(error)
        finally:
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
        raise trio.BrokenResourceError("no TLS handshake in time")

    async def _converse(self, stream: trio.abc.Stream) -> bytes:
        """Read the request and answer it; the answer is left to who gets it, if it is a WebSocket.

        What the head took is let go of when this returns.
        """
        try:
            request = await read_request(stream, self._limits)
        except BadRequest as error:
            await self._respond(stream, Response(error.status, f"{error}\n"))
            return b""
        response = self._answer(request)
        if response is None:
            return accept(request)
        await self._respond(stream, response, head_only=request.method == "HEAD")
        return b""

    def _answer(self, request: Request) -> Response | None:
        """The response to a request, or None where a WebSocket is the answer."""
        if request.path != "/ws":
            return self._site.answer(request)
        if request.method not in ("GET", "HEAD"):
            return only("GET, HEAD")
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "The node is going away.\n")
        return refuse_upgrade(request)

    async def _serve_websocket(self, stream: trio.abc.Stream, handshake: bytes) -> None:
        connection = SocketConnection(self._router, self._limits, self._cork, self._spawn)
        self.connections.add(connection)
        try:
            await connection.run(stream, handshake, self._welcome())
        finally:
            self.connections.discard(connection)

    async def _respond(
        self, stream: trio.abc.Stream, response: Response, *, head_only: bool = False
    ) -> None:
        with trio.move_on_after(self._limits.write_time):
            await stream.send_all(response.encode(head_only=head_only))
            await part(stream, self._limits.part_time)

    def _complain(self, error: OSError) -> None:
        if trio.current_time() - self._complained_at >= _COMPLAINT_INTERVAL:
            self._complained_at = trio.current_time()
            log.warning("no connection can be accepted for now: %s", error.strerror)


def _log_strange(error: Exception) -> None:
    strange = [leaf for leaf in leaves(error) if not isinstance(leaf, _OF_THE_PEER)]
    if strange:
        log_crash(log, "a connection crashed; the others go on", strange[0])
