"""The outgoing queue: what waits in this node for one other node, and how much that may be.

Signals wait in a lane for each session, and the lanes take turns. All other messages go first, but
not before an earlier message of their own session. So a session that floods another node delays no
other session, and each session keeps its order.

At most ``WINDOW`` bytes are on their way, sent and not acknowledged. While that is so only signals
wait; so the receiver is never far behind with what goes first.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from proxim.actors.congestion import Congestion
from proxim.backends.redis import rpc

SIGNAL_BOUND = 16 * 2**20
"""Bytes of signals that may wait for one node; more are refused."""

REQUEST_BOUND = 16 * 2**20
"""Bytes of all other messages that may wait for one node; then requests are refused."""

WINDOW = 4 * 2**20
"""Bytes that may be on their way to one node."""

BATCH_MESSAGES = 512
"""Messages in a batch at most."""

BATCH_BYTES = 2**20
"""Bytes of messages from which a batch takes no more."""

STALL_TIME = 5.0
"""Seconds without an acknowledgement after which it counts as lost."""

_OVERHEAD = 256
"""Bytes that a message takes besides what it carries."""

_SHARE = 8
"""One session may have at most 1/8 of the bytes that are free."""

_FIRST_SHARE = 4
"""A session of which nothing waits may use 1/4 of the bytes that are free, for one signal."""

_HIGH = 2
"""From 1/2 of its share on, the sender is slowed down."""


class _Waiting(NamedTuple):
    """A message that waits. ``size`` is in bytes."""

    message: rpc.Message
    size: int
    is_signal: bool = False


class _Lane:
    """The messages of one session that wait: a signal, and all that is behind it."""

    __slots__ = ("queue", "size")

    def __init__(self) -> None:
        self.queue: deque[_Waiting] = deque()
        self.size = 0

    def append(self, waiting: _Waiting) -> None:
        self.queue.append(waiting)
        self.size += waiting.size


class Outgoing:
    """The messages that wait for one node. ``sent`` counts the bytes that were ever taken."""

    def __init__(self) -> None:
        self.sent = 0
        self._acknowledged = 0
        self._moved_at = -math.inf
        self._first: deque[_Waiting] = deque()
        self._lanes: dict[str, _Lane] = {}
        self._signal_size = self._request_size = 0

    # -- what waits --------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether so much waits besides signals that no request should be added."""
        return self._request_size >= REQUEST_BOUND

    def put(self, message: rpc.Message, session_id: str) -> None:
        """Add a message other than a signal."""
        waiting = _Waiting(message, _size(message))
        self._request_size += waiting.size
        lane = self._lanes.get(session_id)
        self._first.append(waiting) if lane is None else lane.append(waiting)

    def put_signal(self, message: rpc.Message, session_id: str) -> Congestion | None:
        """Add a signal, unless it exceeds the session's share. Return what its sender is told.

        The fuller the queue, the smaller the share, so that a stranger finds room.
        """
        size, lane = _size(message), self._lanes.get(session_id)
        queued = size if lane is None else lane.size + size
        free = SIGNAL_BOUND - self._signal_size - size
        if queued > free // (_FIRST_SHARE if lane is None else _SHARE):
            return Congestion.FULL
        self.put_accepted_signal(message, session_id)
        return Congestion.HIGH if queued > free // (_SHARE * _HIGH) else None

    def put_accepted_signal(self, message: rpc.Message, session_id: str) -> None:
        """Add a signal that a bound has let in: that of ``put_signal``, or of its backlog."""
        waiting = _Waiting(message, _size(message), is_signal=True)
        self._signal_size += waiting.size
        self._lanes.setdefault(session_id, _Lane()).append(waiting)

    # -- what is sent ------------------------------------------------------------------------

    def has_next(self, now: float) -> bool:
        """Return whether ``take`` would return any message."""
        return bool(self._first or (self._lanes and self._is_window_open(now)))

    def take(self, now: float) -> list[rpc.Message]:
        """Take the messages for the next batch out of the queue."""
        taken: list[rpc.Message] = []
        end = self.sent + BATCH_BYTES
        while self._first and len(taken) < BATCH_MESSAGES and self.sent < end:
            self._take(self._first, taken)
        if not self._is_window_open(now):
            return taken
        while self._lanes and len(taken) < BATCH_MESSAGES and self.sent < end:
            session_id = next(iter(self._lanes))
            lane = self._lanes.pop(session_id)
            lane.size -= self._take(lane.queue, taken)
            if lane.queue:
                self._lanes[session_id] = lane  # At the end: it is another session's turn.
        if taken:
            self._moved_at = now
        return taken

    def acknowledge(self, sent: int, now: float) -> None:
        """Note that the node has handled the first ``sent`` bytes of all that was taken."""
        self._acknowledged = max(self._acknowledged, min(sent, self.sent))
        self._moved_at = now

    def _take(self, queue: deque[_Waiting], taken: list[rpc.Message]) -> int:
        waiting = queue.popleft()
        taken.append(waiting.message)
        self.sent += waiting.size
        if waiting.is_signal:
            self._signal_size -= waiting.size
        else:
            self._request_size -= waiting.size
        return waiting.size

    def _is_window_open(self, now: float) -> bool:
        if now >= self._moved_at + STALL_TIME:
            self._acknowledged = self.sent
        return self.sent - self._acknowledged < WINDOW


def _size(message: rpc.Message) -> int:
    match message:
        case rpc.SendSignal():
            return len(message.data) + _OVERHEAD
        case rpc.Deliver():
            return len(message.message) + _OVERHEAD
        case rpc.Request():
            return len(message.fields) + _OVERHEAD
        case _:
            return _OVERHEAD
