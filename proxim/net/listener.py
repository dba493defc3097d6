"""The listener: accepts connections, and lets none of them harm another or the node.

Each connection has a task, a guard and time limits of its own. What it begins with decides what
it becomes: a WebSocket, or one HTTP request and its answer.
"""

from __future__ import annotations

import errno
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus

import trio

from proxim.actors.crash import log_crash
from proxim.actors.router import Router
from proxim.core.messages import Welcome
from proxim.groups import leaves
from proxim.net.connection import SocketConnection
from proxim.net.http import BadRequest, Request, Response, read_request
from proxim.net.limits import Limits
from proxim.net.parting import part
from proxim.net.site import Site, only
from proxim.net.stream import TcpStream
from proxim.net.upgrade import refuse_upgrade, upgrade
from proxim.net.websocket import Cork

log = logging.getLogger(__name__)

_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
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
        self._complained_at = -_COMPLAINT_INTERVAL

    async def accept(self, listener: trio.SocketListener) -> None:
        """Accept until cancelled. Running out of file descriptors is waited out."""
        async with listener, trio.open_nursery() as nursery:
            while True:
                try:
                    stream = _lean(await listener.accept())
                except OSError as error:
                    if error.errno not in _OUT_OF_RESOURCES:
                        raise
                    self._complain(error)
                    await trio.sleep(_ACCEPT_PAUSE)
                else:
                    nursery.start_soon(self.serve, stream)

    async def close_all(self, code: int, reason: str) -> None:
        """Close every WebSocket, and wait until all are gone."""
        leaving = list(self.connections)
        for connection in leaving:
            connection.close(code, reason)
        for connection in leaving:
            await connection.gone.wait()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises nothing, whatever the peer does."""
        try:
            if self._tls is not None:
                stream = await self._secure(stream, self._tls)
            await self._converse(stream)
        except Exception as error:
            strange = [leaf for leaf in leaves(error) if not isinstance(leaf, _OF_THE_PEER)]
            if strange:
                log_crash(log, "a connection crashed; the others go on", strange[0])
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _secure(self, stream: trio.abc.Stream, tls: ssl.SSLContext) -> trio.abc.Stream:
        secured = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        with trio.move_on_after(self._limits.tls_time):
            await secured.do_handshake()
            return secured
        raise trio.BrokenResourceError("no TLS handshake in time")

    async def _converse(self, stream: trio.abc.Stream) -> None:
        try:
            request = await read_request(stream, self._limits)
        except BadRequest as error:
            await self._respond(stream, Response(error.status, f"{error}\n"))
            return
        response = self._answer(request)
        if response is None:
            await self._serve_websocket(stream, request)
        else:
            await self._respond(stream, response, head_only=request.method == "HEAD")

    def _answer(self, request: Request) -> Response | None:
        """The response to a request, or None where a WebSocket is the answer."""
        if request.path != "/ws":
            return self._site.answer(request)
        if request.method not in ("GET", "HEAD"):
            return only("GET, HEAD")
        if self._is_draining():
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "The node is going away.\n")
        return refuse_upgrade(request)

    async def _serve_websocket(self, stream: trio.abc.Stream, request: Request) -> None:
        with trio.fail_after(self._limits.write_time):
            await upgrade(stream, request)
        connection = SocketConnection(self._router, self._limits, self._cork)
        self.connections.add(connection)
        try:
            await connection.run(stream, self._welcome())
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


def _lean(stream: trio.abc.Stream) -> trio.abc.Stream:
    return TcpStream.detached(stream) if isinstance(stream, trio.SocketStream) else stream
