"""The messages that have come over a data channel, and wait for the program."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

from proxim.protocol.errors import ProximError

if TYPE_CHECKING:
    from proxim.rtc.gate import Gate

Message = str | bytes


class Inbox:
    """Messages that wait to be received. ``error`` is raised once there are none."""

    def __init__(self, gate: Gate) -> None:
        self.error: ProximError | None = None
        self._gate = gate
        self._messages = deque[tuple[Message, int]]()
        self._changed = trio.lowlevel.ParkingLot()

    def put(self, message: Message, size: int) -> None:
        """Add a message, for which the gate has counted ``size``."""
        self._messages.append((message, size))
        # All, since a task may only wait, and not take it.
        self._changed.unpark_all()

    def fail(self, error: ProximError | None) -> None:
        """Set ``error``, and wake the tasks that wait."""
        self.error = error
        self._changed.unpark_all()

    async def get(self) -> Message:
        """Return the next message. Raises ``error``."""
        await self.wait_ready()
        return self.get_nowait()

    def get_nowait(self) -> Message:
        """Return the next message. Raises ``trio.WouldBlock`` if there is none, or ``error``."""
        if not self._messages:
            raise trio.WouldBlock if self.error is None else self.error
        message, size = self._messages.popleft()
        self._gate.remove(size)
        return message

    async def wait_ready(self) -> None:
        """Wait until there is a message, or ``error`` is set."""
        await trio.lowlevel.checkpoint()
        while not self._messages and self.error is None:
            await self._changed.park()

    @property
    def is_empty(self) -> bool:
        """Whether no message waits."""
        return not self._messages

    def clear(self) -> None:
        """Drop the messages that wait."""
        while self._messages:
            self._gate.remove(self._messages.popleft()[1])
