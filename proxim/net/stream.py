"""A TCP stream on Trio's low-level calls.

It is what ``trio.SocketStream`` is, with two things more: reading waits first and calls ``recv``
once, not twice; and what is to be sent can be given to the kernel at once, without a task.
"""

from __future__ import annotations

import operator
import socket
from types import TracebackType

import trio
from trio.lowlevel import checkpoint, notify_closing, wait_readable, wait_writable

RECEIVE_BYTES = 65_536


class _Conflict:
    """Lets one task in at a time, as ``trio.abc.Stream`` promises."""

    __slots__ = ("_doing", "_taken")

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._taken = False

    def __enter__(self) -> None:
        if self._taken:
            raise trio.BusyResourceError(f"another task is already {self._doing}")
        self._taken = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._taken = False


class TcpStream(trio.abc.HalfCloseableStream):
    """A connected, non-blocking socket as a stream."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self._sending = _Conflict("sending")
        self._eof_sent = False

    @classmethod
    def detached(cls, stream: trio.SocketStream) -> TcpStream:
        """The same connection as ``stream``, which must not be used any more."""
        return cls(socket.socket(fileno=stream.socket.detach()))

    def send_now(self, data: bytes | memoryview) -> int:
        """Give the kernel what it takes at once; the number of bytes that it took.

        Raises ``BrokenResourceError`` when the peer is gone, ``ClosedResourceError`` after
        ``aclose``. Not to be called while ``send_all`` is under way.
        """
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._translated(error) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it."""
        with self._sending, memoryview(data) as rest:
            if self.socket.fileno() < 0 or self._eof_sent:
                await checkpoint()
                raise trio.ClosedResourceError("this stream was closed for sending")
            await checkpoint()
            sent = self.send_now(rest) if rest else 0
            while sent < len(rest):
                await self._wait_writable()
                with rest[sent:] as remaining:
                    sent += self.send_now(remaining)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes more."""
        with self._sending:
            if self.socket.fileno() < 0:
                await checkpoint()
                raise trio.ClosedResourceError("this stream was closed")
            await self._wait_writable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has come, at most ``max_bytes``; empty at the end."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self.socket.fileno() < 0:
            await checkpoint()
            raise trio.ClosedResourceError("this stream was closed")
        while True:
            await wait_readable(self.socket)
            try:
                return self.socket.recv(max_bytes or RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._translated(error) from error

    async def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        with self._sending:
            await checkpoint()
            if self.socket.fileno() < 0:
                raise trio.ClosedResourceError("this stream was closed")
            self._eof_sent = True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError as error:
                raise self._translated(error) from error

    async def aclose(self) -> None:
        """Close; whoever waits on the stream gets ``ClosedResourceError``."""
        self.close()
        await checkpoint()

    def close(self) -> None:
        """Close at once. What the kernel has taken is still sent."""
        if self.socket.fileno() >= 0:
            notify_closing(self.socket)
            self.socket.close()

    async def _wait_writable(self) -> None:
        await wait_writable(self.socket)

    def _translated(self, error: OSError) -> Exception:
        if self.socket.fileno() < 0:
            return trio.ClosedResourceError("this stream was closed")
        return trio.BrokenResourceError(f"the connection is broken: {error}")
