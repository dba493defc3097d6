"""How to leave so that the last word arrives."""

from __future__ import annotations

import contextlib

import trio


async def part(stream: trio.abc.Stream, patience: float) -> None:
    """Close a stream after what was sent last.

    To close a socket with bytes unread resets the connection, and takes what was just sent with
    it. So this says that nothing more comes, and reads on for at most ``patience`` seconds, until
    the peer has closed too. Raises nothing, whatever the peer does.
    """
    try:
        if isinstance(stream, trio.abc.HalfCloseableStream):
            with trio.move_on_after(patience):
                await stream.send_eof()
                while await stream.receive_some(4096):
                    pass
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
        pass  # The peer is gone, or somebody else is reading.
    finally:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.aclose()
