"""A TCP stream on Trio's low-level calls.

It differs from ``trio.SocketStream`` in three ways. Reading waits first, so that it calls ``recv``
once and not twice. Bytes can be sent by a plain call, without a task. And a plain call can take
what arrives, while the task that reads sleeps on.
"""

from __future__ import annotations

import contextlib
import math
import operator
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import trio
from outcome import Error, Outcome, Value
from trio.lowlevel import checkpoint, notify_closing, wait_readable

from proxim.actors.timers import Timer
from proxim.net.poller import Poller

RECEIVE_BYTES = 65_536

# Linux only.
_MORE: int = getattr(socket, "MSG_MORE", 0)

_Result = TypeVar("_Result")


class TcpStream(trio.abc.HalfCloseableStream):
    """A connected socket as a stream. With a ``poller``, the poller reads for it.

    The poller goes on watching the socket between two reads, and stops only when bytes arrive that
    no task wants yet: they wait in the kernel.
    """

    __slots__ = (
        "_has_sent_eof",
        "_is_watched",
        "_max_bytes",
        "_poller",
        "_stream",
        "_take",
        "_task",
        "_timer",
        "socket",
    )

    def __init__(self, sock: socket.socket, poller: Poller | None = None) -> None:
        sock.setblocking(False)
        # On some systems this fails if the peer has left already; reading will fail as well.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self._poller = poller
        self._is_watched = self._has_sent_eof = False
        self._max_bytes = RECEIVE_BYTES
        self._task: trio.lowlevel.Task | None = None
        self._take: Callable[[bytes], object] = _no_task_reads
        self._stream: trio.SocketStream | None = None
        self._timer: Timer | None = None

    def send_now(self, data: bytes | memoryview, *, is_last: bool = False) -> int:
        """Send what the kernel takes at once; return the number of bytes sent.

        Data that ``is_last`` leaves in one packet with the end of what is sent.

        Raises ``BrokenResourceError`` if the peer has left, ``ClosedResourceError`` after
        ``aclose``. Must not be called while ``send_all`` runs.
        """
        try:
            if not is_last:
                return self.socket.send(data)
            sent = self.socket.send(data, _MORE)
            if sent == len(data):
                # Without this, ``close`` drops the data if something unread is left.
                self._has_sent_eof = True
                self.socket.shutdown(socket.SHUT_WR)
            return sent
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._translate(error) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``."""
        await (await self._trio_stream()).send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes more bytes."""
        await (await self._trio_stream()).wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Shut down the sending side."""
        if self._stream is not None:
            await self._stream.send_eof()
            return
        await checkpoint()
        self._has_sent_eof = True
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise self._translate(error) from error

    async def _trio_stream(self) -> trio.SocketStream:
        """Return Trio's stream on this socket, which waits; most connections never need it."""
        if self._stream is None:
            if self.socket.fileno() < 0 or self._has_sent_eof:
                await checkpoint()
                raise trio.ClosedResourceError("this stream was closed")
            self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(self.socket))
        return self._stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, at most ``max_bytes``; empty at the end."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self.socket.fileno() < 0:
            await checkpoint()
            raise trio.ClosedResourceError("this stream was closed")
        if self._poller is not None:
            return await self._read_by(self._poller, bytes, max_bytes or RECEIVE_BYTES)
        while True:
            await wait_readable(self.socket)
            try:
                return self.socket.recv(max_bytes or RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._translate(error) from error

    def receive_now(self) -> bytes:
        """Return what has arrived already; empty if nothing has, or the peer has left.

        Reading again tells which. No task may read at the same time.
        """
        try:
            return self.socket.recv(RECEIVE_BYTES)
        except OSError:
            return b""

    @property
    def is_polled(self) -> bool:
        """Whether a poller reads for this stream; only then it has a ``deadline``."""
        return self._poller is not None

    @property
    def deadline(self) -> float:
        """The moment on Trio's clock at which ``read_until`` gives up; at first infinite."""
        return math.inf if self._timer is None else self._timer.moment

    @deadline.setter
    def deadline(self, moment: float) -> None:
        assert self._poller is not None
        if self.socket.fileno() >= 0:
            self._timer = self._poller.timers.reset(self._timer, moment, self)

    def wake(self) -> None:
        """Have ``read_until`` give up: the deadline has come."""
        if self._task is not None and self._take is not bytes:
            self._wake_task(Value(None))

    async def read_until(self, take: Callable[[bytes], _Result | None]) -> _Result | None:
        """Call ``take`` with the bytes of each read until it has a result, and return that.

        It has none while it returns None. Empty bytes are the end of the stream. With a poller, no
        read needs a task switch, and the call returns None at the ``deadline``. No bytes are lost
        on cancellation. Raises what ``receive_some`` and ``take`` raise.
        """
        if self._poller is not None and self.socket.fileno() >= 0:
            return await self._read_by(self._poller, take, RECEIVE_BYTES)
        while (result := take(await self.receive_some(RECEIVE_BYTES))) is None:
            pass
        return result

    async def _read_by(
        self, poller: Poller, take: Callable[[bytes], _Result | None], max_bytes: int
    ) -> _Result:
        if self._task is not None:
            raise trio.BusyResourceError("another task is already reading")
        # What cancelled this task may have closed the poller as well.
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._is_watched:
            try:
                poller.watch(self.socket.fileno(), self._read_now)
            except OSError as error:
                raise self._translate(error) from error
            self._is_watched = True
        self._max_bytes = max_bytes
        # Set last: the task may be woken only once it sleeps.
        self._task, self._take = trio.lowlevel.current_task(), take
        result: _Result = await trio.lowlevel.wait_task_rescheduled(self._stop_reading)
        return result

    def _read_now(self) -> bool:
        """Read once, hand it on, and return whether that woke the task that reads.

        The poller calls this when the socket is readable.
        """
        if self._task is None:
            self._stop_watching()
            return False
        try:
            if (result := self._take(self.socket.recv(self._max_bytes))) is None:
                return False
        except BlockingIOError:
            return False
        except OSError as error:
            self._wake_task(Error(self._translate(error)))
        except BaseException as error:
            self._wake_task(Error(error))
        else:
            self._wake_task(Value(result))
        return True

    def _wake_task(self, outcome: Outcome[Any]) -> None:
        # `take` may have closed the stream, which wakes the task.
        if (task := self._task) is not None:
            self._stop_reading(None)
            trio.lowlevel.reschedule(task, outcome)

    def _stop_reading(self, _: object) -> trio.lowlevel.Abort:
        self._task, self._take = None, _no_task_reads
        return trio.lowlevel.Abort.SUCCEEDED

    def _stop_watching(self) -> None:
        if self._is_watched:
            assert self._poller is not None
            self._is_watched = False
            self._poller.unwatch(self.socket.fileno())

    async def aclose(self) -> None:
        """Close; a task that waits on the stream gets ``ClosedResourceError``."""
        self.close()
        await checkpoint()

    def close(self) -> None:
        """Close without waiting. The kernel still sends what it has taken."""
        if self.socket.fileno() >= 0:
            if self._task is not None:
                self._wake_task(Error(trio.ClosedResourceError("this stream was closed")))
            self._stop_watching()
            if self._timer is not None:
                self.deadline = math.inf
            if self._poller is None or self._stream is not None:
                notify_closing(self.socket)  # Otherwise no task waits for the socket itself.
            self.socket.close()

    def _translate(self, error: OSError) -> Exception:
        if self.socket.fileno() < 0:
            return trio.ClosedResourceError("this stream was closed")
        return trio.BrokenResourceError(f"the connection is broken: {error}")


def _no_task_reads(data: bytes) -> object:
    raise AssertionError("no task reads from this stream")
