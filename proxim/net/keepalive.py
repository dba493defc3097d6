"""The deadlines of one connection, and what ends its wait at the next of them."""

from __future__ import annotations

import math
from enum import Enum, auto

import trio

from proxim.net.limits import Limits
from proxim.net.stream import TcpStream

_NO_DEADLINE = trio.CancelScope()


class Due(Enum):
    """What a connection has to do, since a deadline has passed."""

    END = auto()
    """End at once: the peer has not answered a ping or a close, or takes no bytes."""
    INTRODUCTION = auto()
    """Close: the client has not introduced itself."""
    MESSAGE = auto()
    """Close: a message has begun and is still incomplete."""
    OUTBOX = auto()
    """Check whether too many messages are waiting in the outbox."""
    PING = auto()
    """Send a ping."""


class Keepalive:
    """Knows all deadlines of one connection, and which of them comes next.

    A deadline is a moment on Trio's clock; it is infinite while it does not apply.
    """

    __slots__ = (
        "_close_by",
        "_introduce_by",
        "_limits",
        "_message_by",
        "_outbox_by",
        "_ping_at",
        "_pong_by",
        "_wait",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._wait: trio.CancelScope | TcpStream = _NO_DEADLINE
        self._ping_at = self._pong_by = self._introduce_by = math.inf
        self._message_by = self._outbox_by = self._close_by = math.inf

    def start(self) -> None:
        """Start the time for the introduction and the time to the first ping."""
        now = trio.current_time()
        self._introduce_by = now + self._limits.introduction_time
        self._ping_at = now + self._limits.ping_interval

    def introduced(self) -> None:
        """End the time for the introduction."""
        self._introduce_by = math.inf

    def start_closing(self) -> None:
        """Give the peer its time to close as well, and wake a reader that pauses."""
        now = trio.current_time()
        self._close_by = now + self._limits.close_time
        self._ping_at = math.inf
        self.wake_by(now)

    def end_now(self) -> None:
        """Have the connection end at once."""
        self._close_by = -math.inf
        self.wake_by(-math.inf)

    def check_outbox_after(self, seconds: float) -> None:
        """Have the outbox checked, unless a check is pending."""
        if self._outbox_by == math.inf:
            self._outbox_by = trio.current_time() + seconds
            self.wake_by(self._outbox_by)

    def message_incomplete(self, *, is_new: bool) -> None:
        """Start the time for the rest of a message, unless it runs already."""
        if is_new or self._message_by == math.inf:
            self._message_by = trio.current_time() + self._limits.message_time
            self.wake_by(self._message_by)

    def message_complete(self) -> None:
        """End the time for the rest of a message."""
        self._message_by = math.inf

    def pong_received(self) -> None:
        """End the time for a pong."""
        self._pong_by = math.inf

    def reading_paused(self, until: float) -> None:
        """Wait longer for a pong, which cannot be read during the pause."""
        self._pong_by = max(self._pong_by, until + self._limits.pong_time)

    @property
    def is_closing(self) -> bool:
        """Whether the node has closed the connection, and only waits for the peer's close frame."""
        return self._close_by < math.inf

    def deadline_scope(self, until: float = math.inf) -> trio.CancelScope:
        """Return a scope that is cancelled at the next deadline, or at ``until``."""
        self._wait = scope = trio.CancelScope(deadline=self._next(until))
        return scope

    def set_deadline(self, stream: TcpStream, until: float = math.inf) -> None:
        """Have a wait for a stream end as ``deadline_scope`` does, with less effort."""
        self._wait = stream
        stream.deadline = self._next(until)

    def _next(self, until: float) -> float:
        peer_times = min(self._pong_by, self._introduce_by, self._message_by, self._close_by)
        return min(until, peer_times, self._outbox_by, self._ping_at)

    def due(self, now: float) -> Due | None:
        """Return the most urgent of what is due, and reset its deadline; None if nothing is due."""
        if now >= self._close_by or now >= self._pong_by:
            return Due.END
        if now >= self._introduce_by:
            self._introduce_by = math.inf
            return Due.INTRODUCTION
        if now >= self._outbox_by:
            self._outbox_by = math.inf
            return Due.OUTBOX
        if now >= self._message_by:
            self._message_by = math.inf
            return Due.MESSAGE
        if now >= self._ping_at:
            # A ping does not prolong the time for the pong to an earlier one.
            self._pong_by = min(self._pong_by, now + self._limits.pong_time)
            self._ping_at = now + self._limits.ping_interval
            return Due.PING
        return None

    def wake_by(self, moment: float) -> None:
        """Have the wait end at ``moment``, if not earlier."""
        self._wait.deadline = min(self._wait.deadline, moment)
