"""A TCP stream on Trio's low-level calls.

It is what ``trio.SocketStream`` is, with three things more: reading waits first and calls ``recv``
once, not twice; what is to be sent can be given to the kernel at once, without a task; and what
comes can be taken by a plain call, while the task that reads sleeps on.
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
    """A connected, non-blocking socket as a stream; with a ``poller``, that reads for it."""

    __slots__ = ("_eof_sent", "_poller", "_reader", "_sending", "_take", "socket")

    def __init__(self, sock: socket.socket, poller: Poller | None = None) -> None:
        sock.setblocking(False)
        # On some systems this fails where the peer has left already; reading will say so.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self._poller = poller
        self._reader: trio.lowlevel.Task | None = None
        self._take: Callable[[bytes], bool] = _nothing
        self._sending = _Conflict("sending")
        self._eof_sent = False

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

    async def read_while(self, take: Callable[[bytes], bool]) -> None:
        """Call ``take`` with each piece that comes, as long as it returns true.

        An empty piece is the end, and the last. Without a task switch for each, where there is a
        poller. May be cancelled without loss. Raises as ``receive_some`` does, and what ``take``
        raises.
        """
        if self._poller is None or self.socket.fileno() < 0:
            while take(await self.receive_some(RECEIVE_BYTES)):
                pass
            return
        if self._reader is not None:
            raise trio.BusyResourceError("another task is already reading")
        # Who is cancelled already may find the poller's set closed, for the same reason.
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self._poller.watch(self.socket.fileno(), self._read_now)
        except OSError as error:
            raise self._translated(error) from error
        # Only now: until the task sleeps nobody may try to wake it.
        self._reader, self._take = trio.lowlevel.current_task(), take
        await trio.lowlevel.wait_task_rescheduled(self._stop_watching)

    def _read_now(self) -> None:
        """What the poller calls when there is something to be read."""
        try:
            if self._take(self.socket.recv(RECEIVE_BYTES)):
                return
        except BlockingIOError:
            return
        except OSError as error:
            self._wake_reader(Error(self._translated(error)))
        except BaseException as error:
            self._wake_reader(Error(error))
        else:
            self._wake_reader(Value(None))

    def _wake_reader(self, outcome: Outcome[None]) -> None:
        # While `take` was called, the stream may have been closed, and the task woken by that.
        if (reader := self._reader) is not None:
            self._stop_watching(None)
            trio.lowlevel.reschedule(reader, outcome)

    def _stop_watching(self, _: object) -> trio.lowlevel.Abort:
        assert self._poller is not None
        self._reader, self._take = None, _nothing
        self._poller.forget(self.socket.fileno())
        return trio.lowlevel.Abort.SUCCEEDED

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
            self._wake_reader(Error(trio.ClosedResourceError("this stream was closed")))
            notify_closing(self.socket)
            self.socket.close()

    async def _wait_writable(self) -> None:
        await wait_writable(self.socket)

    def _translated(self, error: OSError) -> Exception:
        if self.socket.fileno() < 0:
            return trio.ClosedResourceError("this stream was closed")
        return trio.BrokenResourceError(f"the connection is broken: {error}")


def _nothing(data: bytes) -> bool:
    """Stands where nobody reads."""
    raise AssertionError("nobody reads")
