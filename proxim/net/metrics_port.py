"""The metrics port: a second address for the operator, with one HTTP request per connection.

Its listener shares nothing with the public one and accepts no WebSockets, so that no public
request can reach it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import trio

from proxim.actors.log import log_crash
from proxim.net.http import BadRequest, Request, Response, read_request, respond
from proxim.net.limits import Limits

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
"""Connections that are served at a time; others wait in the kernel."""

_RETRY_AFTER = 0.1
"""Seconds to wait when the system is out of resources for another connection."""

Answer = Callable[[Request], Response]


async def serve_metrics(listening: socket.socket, answer: Answer, limits: Limits) -> None:
    """Answer every request on one listening socket until cancelled, then close it."""
    free = trio.Semaphore(MAX_CONNECTIONS)

    async def serve(stream: trio.SocketStream) -> None:
        try:
            await _answer_request(stream, answer, limits)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # The client has left.
        except Exception as error:
            log_crash(log, "a request for metrics crashed; the others go on", error)
        finally:
            free.release()
            await trio.aclose_forcefully(stream)

    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    async with listener, trio.open_nursery() as nursery:
        while True:
            await free.acquire()
            nursery.start_soon(serve, await _accept(listener))


async def _accept(listener: trio.SocketListener) -> trio.SocketStream:
    while True:
        try:
            return await listener.accept()
        except OSError:
            await trio.sleep(_RETRY_AFTER)


async def _answer_request(stream: trio.SocketStream, answer: Answer, limits: Limits) -> None:
    try:
        request = await read_request(stream, limits)
    except BadRequest as error:
        await respond(stream, error.response, limits)
    else:
        await respond(stream, answer(request), limits, head_only=request.method == "HEAD")
