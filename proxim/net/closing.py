"""The end of a connection: a close that loses no bytes, and whether the peer has closed."""

from __future__ import annotations

import contextlib
import select
import socket
import sys

import trio

from proxim.net.stream import TcpStream


async def lingering_close(stream: trio.abc.Stream, linger_time: float) -> None:
    """Close a stream once the peer has closed it, or after ``linger_time`` seconds.

    Closing a socket with unread bytes resets the connection, and the peer loses what was just
    sent. So this shuts down the sending side and reads on. Raises nothing, whatever the peer does.
    """
    try:
        if isinstance(stream, trio.abc.HalfCloseableStream):
            with trio.move_on_after(linger_time):
                await stream.send_eof()
                while await stream.receive_some(4096):
                    pass
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
        pass  # The peer is gone, or another task is reading.
    finally:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.aclose()


async def close_now(stream: trio.abc.Stream) -> None:
    """Close a stream without waiting for the peer, even if the task is cancelled."""
    if isinstance(stream, TcpStream):
        stream.close()
    else:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)


def peer_has_closed(stream: trio.abc.Stream) -> bool:
    """Return whether the peer has closed its side of the socket, under TLS, too.

    On Linux this is seen even if bytes from before still wait to be read.
    """
    transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if not isinstance(transport, TcpStream):
        return False
    try:
        if sys.platform == "linux":
            poll = select.poll()
            poll.register(transport.socket, select.POLLRDHUP)
            return bool(poll.poll(0))
        return not transport.socket.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except (OSError, ValueError):
        return True  # The socket is broken, or closed here.
