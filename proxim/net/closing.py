"""The lingering close, by which the last bytes sent arrive."""

from __future__ import annotations

import contextlib

import trio


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
