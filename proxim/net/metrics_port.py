"""A second address for what concerns the operator alone: one HTTP request for each connection.

It has its own door, so that what stands open to the world never leads here, and no WebSocket.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import trio

from proxim.actors.crash import log_crash
from proxim.net.closing import lingering_close
from proxim.net.http import BadRequest, Request, Response, read_request
from proxim.net.limits import Limits

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Connections that are served at a time; others wait in the kernel."""

_PAUSE = 0.1
"""Seconds after which it is tried again to accept, where the system had no room for more."""

Answer = Callable[[Request], Response]


async def serve_aside(listening: socket.socket, answer: Answer, limits: Limits) -> None:
    """Answer every request on one listening socket, which is closed in the end, until cancelled."""
    room = trio.Semaphore(AT_ONCE)

    async def serve(stream: trio.SocketStream) -> None:
        try:
            with trio.move_on_after(limits.head_time + limits.write_time):
                await _respond(stream, answer, limits)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # Who asked has left.
        except Exception as error:
            log_crash(log, "a request for metrics crashed; the others go on", error)
        finally:
            room.release()
            await trio.aclose_forcefully(stream)

    door = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    async with door, trio.open_nursery() as nursery:
        while True:
            await room.acquire()
            nursery.start_soon(serve, await _accept(door))


async def _accept(door: trio.SocketListener) -> trio.SocketStream:
    while True:
        try:
            return await door.accept()
        except OSError:
            await trio.sleep(_PAUSE)


async def _respond(stream: trio.SocketStream, answer: Answer, limits: Limits) -> None:
    head_only = False
    try:
        request = await read_request(stream, limits)
        head_only = request.method == "HEAD"
        response = answer(request)
    except BadRequest as error:
        response = Response(error.status, f"{error}\n")
    await stream.send_all(response.encode(head_only=head_only))
    await lingering_close(stream, limits.linger_time)
