"""What happens to the sessions of a node, for an application to follow."""

from __future__ import annotations

from collections import deque
from weakref import WeakSet

import trio
from msgspec import Struct

from proxim.protocol.messages import SessionInfo, Status

BOUND = 256
"""Events that wait for one reader; what comes past that it misses."""


class Paired(Struct, frozen=True):
    """A session was approved: its two sides may talk."""

    session: SessionInfo


class Ended(Struct, frozen=True):
    """A session has ended; ``session.reason`` says why."""

    session: SessionInfo


class Missed(Struct, frozen=True):
    """The reader was too slow for ``count`` events, which stood here. ``Node.sessions`` has all."""

    count: int


NodeEvent = Paired | Ended | Missed


class EventReader:
    """One reader's events, from when it was made until the node has stopped.

    An async iterator. Nobody waits for a reader: what it does not fetch in time it misses, and
    is told so by a ``Missed`` in the place of what is missing.
    """

    def __init__(self) -> None:
        self._waiting: deque[NodeEvent] = deque()
        self._missed = 0
        self._is_over = False
        self._changed = trio.Event()

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> NodeEvent:
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def next(self) -> NodeEvent | None:
        """The next event, or None once the node has stopped and all has been read."""
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            if self._is_over:
                return None
            await self._changed.wait()
        return self.take()

    def take(self) -> NodeEvent | None:
        """The next event, or None where none waits."""
        event = self._waiting.popleft() if self._waiting else None
        if self._missed:
            # There is room again, and they were the last that came.
            self._waiting.append(Missed(self._missed))
            self._missed = 0
        return event

    def put(self, event: NodeEvent) -> None:
        """Hand an event over, or count it as missed."""
        if len(self._waiting) < BOUND:
            self._waiting.append(event)
        else:
            self._missed += 1
        self._wake()

    def finish(self) -> None:
        """There will be no more."""
        self._is_over = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Events:
    """All readers of a node's events. Who drops its reader is no reader any more."""

    def __init__(self) -> None:
        self._readers: WeakSet[EventReader] = WeakSet()
        self._is_over = False

    def read(self) -> EventReader:
        """A new reader, of what happens from now on."""
        reader = EventReader()
        if self._is_over:
            reader.finish()
        self._readers.add(reader)
        return reader

    def notify(self, session: SessionInfo) -> None:
        """A session was approved, or has ended."""
        event = Paired(session) if session.status is Status.APPROVED else Ended(session)
        for reader in self._readers:
            reader.put(event)

    def finish(self) -> None:
        """The node has stopped."""
        self._is_over = True
        for reader in self._readers:
            reader.finish()
