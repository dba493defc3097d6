"""The inbox of an actor, and what lies in it: events in envelopes, some with a receipt."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import trio

from proxim.actors.stats import Stats
from proxim.protocol.errors import RequestError
from proxim.session import events as ev
from proxim.session.events import Event

if TYPE_CHECKING:
    from proxim.actors.connection import Connection
    from proxim.actors.seat import Seat


class Receipt:
    """Tells when an envelope has been handled.

    ``refusal`` says why it was refused, if it was; who asked tells the client.
    """

    __slots__ = ("_done", "_on_refusal", "is_set", "refusal")

    def __init__(self) -> None:
        self.is_set = False
        self.refusal: RequestError | None = None
        self._done: trio.Event | None = None
        self._on_refusal: Callable[[RequestError], None] | None = None

    def set(self) -> None:
        """Wake the tasks that wait."""
        self.is_set = True
        self._on_refusal = None  # It may hold what the client sent, for as long as the receipt.
        if self._done is not None:
            self._done.set()

    def refuse(self, refusal: RequestError) -> None:
        """Note the refusal, and tell who asked."""
        self.refusal = refusal
        tell = self._on_refusal
        self.set()
        if tell is not None:
            tell(refusal)

    def on_refusal(self, tell: Callable[[RequestError], None]) -> None:
        """Call ``tell`` with the first refusal of the envelope; it must not raise."""
        if not self.is_set:
            self._on_refusal = tell
        elif self.refusal is not None:
            tell(self.refusal)

    async def wait(self) -> None:
        """Wait until the receipt is set."""
        if self.is_set:
            await trio.lowlevel.checkpoint()
            return
        if self._done is None:
            self._done = trio.Event()
        await self._done.wait()


class Envelope(NamedTuple):
    """An event on its way to an actor.

    ``sender`` gets the reply, with ``ref``. ``seat`` is the sender's seat, if it holds one.
    ``receipt`` is set when the envelope has been handled.
    """

    event: Event
    sender: Connection | None = None
    ref: str | None = None
    seat: Seat | None = None
    receipt: Receipt | None = None

    @property
    def is_refused(self) -> bool:
        """Whether a sender that waits for the receipt was refused, as after ``SAVE_TIMEOUT``."""
        return self.receipt is not None and self.receipt.refusal is not None


TIME_PASSED = Envelope(ev.TimePassed())
"""What a timer puts into an inbox; it is no request, and not counted."""

INBOX_BOUND = 256
"""Envelopes in one inbox from which ``Actor.post`` refuses more; ``ask`` and ``notify`` always fit.
"""

IN_A_ROW = 16
"""Envelopes that an actor handles in a row; then the other tasks have their turn."""

_HIGH = 32
"""Envelopes from which the senders of signals are slowed down, since each may have 64 KiB."""


class Inbox:
    """The envelopes that wait for one actor, in order; ``stats`` counts those of all actors.

    It has no bound, since ``HostLeft`` and ``GuestLeft`` must always fit; ``Actor.post`` has one.
    """

    __slots__ = ("_receive", "_send", "_stats", "_waiting")

    def __init__(self, stats: Stats) -> None:
        self._waiting = 0
        # Not `open_memory_channel[Envelope]`, which makes an object for each call.
        self._send: trio.MemorySendChannel[Envelope]
        self._send, self._receive = trio.open_memory_channel(math.inf)
        self._stats = stats

    def __len__(self) -> int:
        """Return how many envelopes wait, without one that was handed to the actor's task."""
        return self._receive.statistics().current_buffer_used

    @property
    def is_full(self) -> bool:
        """Whether so many envelopes wait that no request should be added."""
        return self._waiting >= INBOX_BOUND and len(self) >= INBOX_BOUND

    @property
    def is_high(self) -> bool:
        """Whether so many envelopes wait that the senders of signals should be slowed down."""
        return self._waiting > _HIGH and len(self) > _HIGH

    def __aiter__(self) -> AsyncIterator[Envelope]:
        """Iterate over the envelopes until ``close``; those that waited then come first."""
        return self._receive

    def in_a_row(self, first: Envelope) -> Iterator[Envelope]:
        """Yield ``first`` and what waits behind it, at most ``IN_A_ROW`` envelopes.

        So they need one step of the actor's task and not one each.
        """
        yield first
        for _ in range(IN_A_ROW - 1):
            if not self._waiting:
                break
            yield self._receive.receive_nowait()

    def put(self, envelope: Envelope) -> None:
        """Put an envelope in."""
        self._send.send_nowait(envelope)
        self._waiting += 1
        self._stats.queued += envelope is not TIME_PASSED

    def note_taken(self, envelope: Envelope) -> None:
        """Note that the actor has taken an envelope."""
        self._waiting -= 1
        self._stats.queued -= envelope is not TIME_PASSED

    def drain(self) -> list[Envelope]:
        """Empty the inbox; return its envelopes, without ``TIME_PASSED``."""
        envelopes = [self._receive.receive_nowait() for _ in range(len(self))]
        for each in envelopes:
            self.note_taken(each)
        return [each for each in envelopes if each is not TIME_PASSED]

    def close(self) -> None:
        """Take no more envelopes."""
        self._send.close()
