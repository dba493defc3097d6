"""The outbox of one connection: what the kernel has not taken yet, and how much that may be."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable

import trio

from proxim.actors.limits import NOWHERE, Source
from proxim.net.cork import Cork
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox_totals import OutboxTotals
from proxim.net.shares import Shares

_BURST_TIME = 0.1
"""Seconds for a burst of messages to leave before they count as waiting."""

Spawn = Callable[[Callable[[], Awaitable[None]]], object]
"""Starts a task that outlives the caller; it ends when the stream is closed."""


class Outbox:
    """Writes to one stream without waiting, and queues what the kernel does not take.

    A task writes the queue for as long as there is one. ``size`` is what the queue has, in bytes;
    ``counted`` is how much of that ``OutboxTotals`` was told. The outbox also knows its bounds: in
    bytes, in messages other than signals, and its part of the bytes that all outboxes may have. The
    connection closes a client that passes one.
    """

    __slots__ = (
        "_backlog_size",
        "_cork",
        "_dequeued",
        "_keepalive",
        "_limits",
        "_message_ends",
        "_queue",
        "_shares",
        "_shrunk",
        "_source",
        "_spawn",
        "_stream",
        "_totals",
        "counted",
        "is_open",
        "size",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        limits: Limits,
        cork: Cork,
        totals: OutboxTotals,
        keepalive: Keepalive,
        spawn: Spawn,
        source: Source = NOWHERE,
    ) -> None:
        self.is_open = True
        self.size = 0
        self.counted = 0
        self._stream = stream
        self._limits = limits
        self._cork = cork
        self._totals = totals
        self._keepalive = keepalive
        self._spawn = spawn
        self._source = source
        self._queue: deque[bytes] | None = None
        self._shrunk: trio.lowlevel.ParkingLot | None = None
        self._backlog_size = 0
        # The bytes that have left the queue, and where in the stream each queued message ends.
        self._dequeued = 0
        self._message_ends: deque[int] | None = None
        self._shares: Shares | None = None

    # -- writing -----------------------------------------------------------------------------

    def write(self, data: bytes, *, is_last: bool = False) -> None:
        """Send bytes, or queue what the kernel does not take; drop them once it is closed.

        After what ``is_last`` nothing is written, and the stream is closed.
        """
        if not self.is_open:
            return
        if self._queue is None:
            if self._cork.is_in:
                self._cork.hold(self)
                self._queue = deque()
            else:
                sent = self._send_now(data, is_last=is_last)
                if sent == len(data):
                    return
                data = data[sent:]
                self._queue = deque()
                self._spawn(self._write_queue)
        self._queue.append(data)
        self.size += len(data)
        if self.counted or not self._cork.is_in:
            self._update_totals()

    def write_backlog(self, data: bytes) -> None:
        """Write a signal of a seat's backlog, which the bound in bytes does not count."""
        before = self.size
        self.write(data)
        self._backlog_size = min(self._backlog_size, before) + self.size - before

    def flush(self) -> None:
        """Give the kernel what it takes of a corked queue, and have a task write the rest."""
        assert self._queue is not None
        data, self._queue = b"".join(self._queue), None
        sent = self._send_now(data)
        self._dequeued += sent
        self.size -= sent
        if self.size:
            self._queue = deque([data[sent:]])
            self._spawn(self._write_queue)
        if self.size or self.counted:
            self._update_totals()

    def close(self) -> None:
        """Accept no more bytes; what is queued is still written."""
        self.is_open = False

    def drop_queued(self) -> None:
        """Drop all that is queued but its head, which may be partly sent."""
        if self._queue:
            first = self._queue[0]
            self._queue = deque([first])
            self.size = len(first)
            self._update_totals()

    async def wait_below(self, size: int) -> None:
        """Wait until fewer than ``size`` bytes are queued, or none can be sent any more."""
        while self._queue is not None and self.size >= size:
            self._shrunk = self._shrunk or trio.lowlevel.ParkingLot()
            await self._shrunk.park()

    async def wait_for_total_room(self) -> None:
        """Wait until there is room for a backlog in all outboxes together."""
        await self._totals.wait_for_room(self._source)

    def _send_now(self, data: bytes, *, is_last: bool = False) -> int:
        send_now = getattr(self._stream, "send_now", None)
        if send_now is None:
            return 0
        try:
            sent: int = send_now(data, is_last=is_last)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The reader gets the same error, and ends the connection.
            return len(data)
        return sent

    async def _write_queue(self) -> None:
        self._totals.stats.queueing.add(self)
        try:
            while self._queue:
                with trio.move_on_after(self._limits.write_time) as timeout:
                    await self._stream.send_all(self._queue[0])
                if timeout.cancelled_caught:
                    self._keepalive.end_now()
                    return
                size = len(self._queue.popleft())
                self.size -= size
                self._dequeued += size
                self._update_totals()
                self._notify_shrunk()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # The reader gets the same error, and ends the connection.
        finally:
            if self._queue:
                # Part of a frame may have been sent: nothing can follow it.
                self.close()
            self._queue, self._shares, self.size = None, None, 0
            self._update_totals()
            self._totals.stats.queueing.discard(self)
            self._notify_shrunk()

    def _notify_shrunk(self) -> None:
        if self._shrunk is not None:
            self._shrunk.unpark_all()

    def _update_totals(self) -> None:
        """Have all outboxes together count how much is queued here now."""
        more, self.counted = self.size - self.counted, self.size
        self._totals.add(more, self._source)

    # -- its bounds --------------------------------------------------------------------------

    def count_message(self) -> None:
        """Count the message that was written last; check soon if there are too many now."""
        self._message_ends = self._message_ends or deque()
        self._message_ends.append(self._dequeued + self.size)
        if self.has_too_many_messages():
            self._keepalive.check_outbox_after(_BURST_TIME)

    def has_too_many_messages(self) -> bool:
        """Return whether more messages than allowed are queued, signals not counted."""
        ends = self._message_ends or deque()
        while ends and ends[0] <= self._dequeued:
            ends.popleft()
        self._message_ends = ends or None
        return len(ends) > self._limits.outbox_messages

    def exceeded_limit(self) -> str | None:
        """Return the limit that the queued bytes exceed, if any; backlogs do not count."""
        if self._size_without_backlog > self._limits.outbox_size:
            return "outbox_size"
        if self.counted - self._backlog_size > self._totals.bound:
            return "max_outbox_bytes"
        return None

    def write_in_share(self, session_id: str, data: bytes) -> float:
        """Write a signal of a session, unless it exceeds the session's share of the outbox.

        Return the part of the share that is used then; infinity if the signal was not written. A
        session may queue as many bytes as stay free. So it gets half of the outbox, two sessions
        a third each, and all together never fill it.
        """
        self._shares = self._shares or Shares()
        queued = self._shares.of(session_id, self._dequeued) + len(data)
        most = min(self._limits.outbox_size, self._totals.bound)
        free = most - self._size_without_backlog - len(data)
        if queued > free:
            return math.inf
        self.write(data)
        self._shares.add(session_id, len(data), self._dequeued + self.size)
        return queued / free

    @property
    def _size_without_backlog(self) -> int:
        self._backlog_size = min(self._backlog_size, self.size)
        return self.size - self._backlog_size
