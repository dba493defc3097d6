"""Events of a node's sessions, for the application that embeds it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from weakref import WeakSet

import trio
from msgspec import Struct

from proxim.protocol.messages import SessionInfo, Status

BOUND = 256
"""Events that wait for one reader; the reader misses further ones."""


class Paired(Struct, frozen=True):
    """A session was approved."""

    session: SessionInfo


class Ended(Struct, frozen=True):
    """A session has ended; ``session.reason`` says why."""

    session: SessionInfo


class Missed(Struct, frozen=True):
    """The reader was too slow, and missed ``count`` events. ``Node.sessions`` has the state."""

    count: int


NodeEvent = Paired | Ended | Missed


class EventReader:
    """Iterates over the events from its creation until the node has stopped.

    The node does not wait for a reader. A reader that is too slow gets a ``Missed`` in the place of
    the events that it missed.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._waiting: deque[NodeEvent] = deque()
        self._missed = 0

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> NodeEvent:
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def next(self) -> NodeEvent | None:
        """Return the next event, or None once the node has stopped and all events were read."""
        await trio.lowlevel.checkpoint()
        while not self._waiting and not self._events.is_over:
            await self._events.changed.park()
        return self.take()

    def take(self) -> NodeEvent | None:
        """Return the next event, or None if there is none now."""
        event = self._waiting.popleft() if self._waiting else None
        if self._missed:
            # There is room again, and the missed events were the last ones.
            self._waiting.append(Missed(self._missed))
            self._missed = 0
        return event

    def put(self, event: NodeEvent) -> None:
        """Queue an event, or count it as missed."""
        if len(self._waiting) < BOUND:
            self._waiting.append(event)
        else:
            self._missed += 1


class Events:
    """Passes the events of a node to its readers, as long as they are referenced."""

    def __init__(self) -> None:
        self.is_over = False
        self.changed = trio.lowlevel.ParkingLot()
        self._readers: WeakSet[EventReader] = WeakSet()

    def read(self) -> EventReader:
        """Return a reader of the events from now on."""
        reader = EventReader(self)
        self._readers.add(reader)
        return reader

    def announce(self, describe: Callable[[], SessionInfo]) -> None:
        """Pass on that a session was approved, or has ended."""
        if not self._readers:
            return
        session = describe()
        event = Paired(session) if session.status is Status.APPROVED else Ended(session)
        for reader in self._readers:
            reader.put(event)
        self.changed.unpark_all()

    def finish(self) -> None:
        """End all readers after the events that wait, since the node has stopped."""
        self.is_over = True
        self.changed.unpark_all()
