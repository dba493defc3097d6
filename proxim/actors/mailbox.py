"""A mailbox: what is sent to one task, in order, and until when the task waits for it.

It does for an actor what Trio's memory channel in a cancel scope of its own would do, and keeps
their contract. Why not those: they are made for any number of senders and receivers, and of the
7 kB that a pending session took they were more than 3 (``bench/sessions.py``). A mailbox has one
receiver, is unbounded, and knows one deadline; that takes about 200 bytes.
"""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import trio

from proxim.actors.timers import Timer, Timers

_T = TypeVar("_T")


class Mailbox(Generic[_T]):
    """A queue with one receiver. ``timers`` wake the receiver when it has waited long enough."""

    __slots__ = ("_closed", "_items", "_receiver", "_timer", "_timers")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._timer: Timer | None = None
        self._items: list[_T] = []
        self._receiver: trio.lowlevel.Task | None = None
        self._closed = False

    def __len__(self) -> int:
        """How many wait to be received."""
        return len(self._items)

    @trio.lowlevel.enable_ki_protection
    def send_nowait(self, item: _T) -> None:
        """Put something in. Raises ``trio.ClosedResourceError`` after ``close``."""
        if self._closed:
            raise trio.ClosedResourceError
        self._items.append(item)
        self.wake()

    def receive_nowait(self) -> _T:
        """What came first. Raises ``trio.WouldBlock`` when there is nothing."""
        if not self._items:
            raise trio.WouldBlock
        return self._items.pop(0)

    async def receive(self, until: float = math.inf) -> _T | None:
        """What came first; None when nothing has come until that moment (on Trio's clock).

        After ``close`` the rest can be received, then this raises ``trio.EndOfChannel``. Always a
        checkpoint. When it is cancelled, nothing is lost. Raises ``trio.BusyResourceError`` when
        another task receives.
        """
        if self._receiver is not None:
            raise trio.BusyResourceError("a mailbox has one receiver")
        if self._items or self._closed:
            await trio.lowlevel.checkpoint()
        else:
            self._timer = self._timers.reset(self._timer, until, self)
            self._receiver = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        if self._items:
            return self._items.pop(0)
        if self._closed:
            raise trio.EndOfChannel
        return None

    @trio.lowlevel.enable_ki_protection
    def close(self) -> None:
        """Nothing more can be sent. What was sent before can still be received."""
        self._closed = True
        if self._timer is not None:
            self._timers.stop(self._timer)
            self._timer = None
        self.wake()

    @trio.lowlevel.enable_ki_protection
    def wake(self) -> None:
        """Let the receiver, if one waits, look for itself: its time has come, or something else."""
        # Who is woken takes nothing with it; so what a woken receiver was to get is not lost when
        # it is cancelled, and a second waking before it runs is none.
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            trio.lowlevel.reschedule(receiver)

    def _abort(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._receiver = None
        return trio.lowlevel.Abort.SUCCEEDED
