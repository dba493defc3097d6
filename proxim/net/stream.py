"""A TCP stream on Trio's low-level calls.

It differs from ``trio.SocketStream`` in three ways. Reading waits first, so that it calls ``recv``
once and not twice. Bytes can be sent by a plain call, without a task. And a plain call can take
what arrives, while the task that reads sleeps on.
"""

from __future__ import annotations

import contextlib
import operator
import socket
from collections.abc import Callable
from types import TracebackType

import trio
from outcome import Error, Outcome, Value
from trio.lowlevel import checkpoint, notify_closing, wait_readable, wait_writable

from proxim.net.poller import Poller

RECEIVE_BYTES = 65_536


class _Conflict:
    """Raises ``BusyResourceError`` for a second task, as ``trio.abc.Stream`` promises."""

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
    """A connected socket as a stream; with a ``poller``, that reads for it."""

    __slots__ = ("_eof_sent", "_poller", "_reader", "_sending", "_take", "socket")

    def __init__(self, sock: socket.socket, poller: Poller | None = None) -> None:
        sock.setblocking(False)
        # On some systems this fails if the peer has left already; reading will fail as well.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self._poller = poller
        self._reader: trio.lowlevel.Task | None = None
        self._take: Callable[[bytes], bool] = _no_reader
        self._sending = _Conflict("sending")
        self._eof_sent = False

    def send_now(self, data: bytes | memoryview) -> int:
        """Send what the kernel takes at once; return the number of bytes sent.

        Raises ``BrokenResourceError`` if the peer has left, ``ClosedResourceError`` after
        ``aclose``. Must not be called while ``send_all`` runs.
        """
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._translate(error) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``."""
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
        """Wait until the kernel takes more bytes."""
        with self._sending:
            if self.socket.fileno() < 0:
                await checkpoint()
                raise trio.ClosedResourceError("this stream was closed")
            await self._wait_writable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, at most ``max_bytes``; empty at the end."""
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
                raise self._translate(error) from error

    async def read_while(self, take: Callable[[bytes], bool]) -> None:
        """Call ``take`` with the bytes of each read, as long as it returns true.

        Empty bytes are the end of the stream. With a poller, no read needs a task switch. Nothing
        is lost on cancellation. Raises what ``receive_some`` and ``take`` raise.
        """
        if self._poller is None or self.socket.fileno() < 0:
            while take(await self.receive_some(RECEIVE_BYTES)):
                pass
            return
        if self._reader is not None:
            raise trio.BusyResourceError("another task is already reading")
        # What cancelled this task may have closed the poller as well.
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self._poller.watch(self.socket.fileno(), self._read_now)
        except OSError as error:
            raise self._translate(error) from error
        # Set last: the task may be woken only once it sleeps.
        self._reader, self._take = trio.lowlevel.current_task(), take
        await trio.lowlevel.wait_task_rescheduled(self._stop_watching)

    def _read_now(self) -> None:
        """Read once, and hand it on; the poller calls this when the socket is readable."""
        try:
            if self._take(self.socket.recv(RECEIVE_BYTES)):
                return
        except BlockingIOError:
            return
        except OSError as error:
            self._wake_reader(Error(self._translate(error)))
        except BaseException as error:
            self._wake_reader(Error(error))
        else:
            self._wake_reader(Value(None))

    def _wake_reader(self, outcome: Outcome[None]) -> None:
        # `take` may have closed the stream, which wakes the task.
        if (reader := self._reader) is not None:
            self._stop_watching(None)
            trio.lowlevel.reschedule(reader, outcome)

    def _stop_watching(self, _: object) -> trio.lowlevel.Abort:
        assert self._poller is not None
        self._reader, self._take = None, _no_reader
        self._poller.unwatch(self.socket.fileno())
        return trio.lowlevel.Abort.SUCCEEDED

    async def send_eof(self) -> None:
        """Shut down the sending side."""
        with self._sending:
            await checkpoint()
            if self.socket.fileno() < 0:
                raise trio.ClosedResourceError("this stream was closed")
            self._eof_sent = True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError as error:
                raise self._translate(error) from error

    async def aclose(self) -> None:
        """Close; a task that waits on the stream gets ``ClosedResourceError``."""
        self.close()
        await checkpoint()

    def close(self) -> None:
        """Close without waiting. The kernel still sends what it has taken."""
        if self.socket.fileno() >= 0:
            self._wake_reader(Error(trio.ClosedResourceError("this stream was closed")))
            notify_closing(self.socket)
            self.socket.close()

    async def _wait_writable(self) -> None:
        await wait_writable(self.socket)

    def _translate(self, error: OSError) -> Exception:
        if self.socket.fileno() < 0:
            return trio.ClosedResourceError("this stream was closed")
        return trio.BrokenResourceError(f"the connection is broken: {error}")


def _no_reader(data: bytes) -> bool:
    raise AssertionError("no task reads from this stream")
