"""The deadlines of one connection, and the scope that ends its wait at the next of them."""

from __future__ import annotations

import math
from enum import Enum, auto

import trio

from proxim.net.limits import Limits

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
    """Knows when a connection sends its next ping, and when each of the peer's times is over.

    A deadline is a moment on Trio's clock; it is infinite while it does not apply.
    """

    __slots__ = (
        "_limits",
        "_ping_at",
        "_scope",
        "close_by",
        "introduce_by",
        "message_by",
        "outbox_by",
        "pong_by",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._scope = _NO_DEADLINE
        self._ping_at = self.pong_by = self.introduce_by = math.inf
        self.message_by = self.outbox_by = self.close_by = math.inf

    def start(self) -> None:
        """Start the time for the introduction and the time to the first ping."""
        now = trio.current_time()
        self.introduce_by = now + self._limits.introduction_time
        self._ping_at = now + self._limits.ping_interval

    def start_closing(self) -> None:
        """Give the peer its time to close as well, and wake a reader that pauses."""
        now = trio.current_time()
        self.close_by = now + self._limits.close_time
        self._ping_at = math.inf
        self._wake_by(now)

    def end_now(self) -> None:
        """Have the connection end at once."""
        self.close_by = -math.inf
        self._wake_by(-math.inf)

    def check_outbox_after(self, seconds: float) -> None:
        """Have the outbox checked, unless a check is pending."""
        if self.outbox_by == math.inf:
            self.outbox_by = trio.current_time() + seconds
            self._wake_by(self.outbox_by)

    def message_incomplete(self, *, is_new: bool) -> None:
        """Start the time for the rest of a message, unless it runs already."""
        if is_new or self.message_by == math.inf:
            self.message_by = trio.current_time() + self._limits.message_time
            self._wake_by(self.message_by)

    def reading_paused(self, until: float) -> None:
        """Wait longer for a pong, which cannot be read during the pause."""
        self.pong_by = max(self.pong_by, until + self._limits.pong_time)

    @property
    def is_closing(self) -> bool:
        """Whether the node has closed the connection, and only waits for the peer's close frame."""
        return self.close_by < math.inf

    def deadline_scope(self, until: float = math.inf) -> trio.CancelScope:
        """Return a scope that is cancelled at the next deadline, or at ``until``."""
        peer_times = min(self.pong_by, self.introduce_by, self.message_by, self.close_by)
        deadline = min(until, peer_times, self.outbox_by, self._ping_at)
        self._scope = trio.CancelScope(deadline=deadline)
        return self._scope

    def due(self, now: float) -> Due | None:
        """Return the most urgent of what is due, and reset its deadline; None if nothing is due."""
        if now >= self.close_by or now >= self.pong_by:
            return Due.END
        if now >= self.introduce_by:
            self.introduce_by = math.inf
            return Due.INTRODUCTION
        if now >= self.outbox_by:
            self.outbox_by = math.inf
            return Due.OUTBOX
        if now >= self.message_by:
            self.message_by = math.inf
            return Due.MESSAGE
        if now >= self._ping_at:
            # A ping does not prolong the time for the pong to an earlier one.
            self.pong_by = min(self.pong_by, now + self._limits.pong_time)
            self._ping_at = now + self._limits.ping_interval
            return Due.PING
        return None

    def _wake_by(self, moment: float) -> None:
        self._scope.deadline = min(self._scope.deadline, moment)
