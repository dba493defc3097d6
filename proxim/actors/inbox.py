"""The inbox of an actor: a memory channel whose envelopes are counted."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import trio

from proxim.actors.seat import Envelope
from proxim.actors.stats import Stats
from proxim.session import events as ev

TIME_PASSED = Envelope(ev.TimePassed())
"""What a timer puts into an inbox; it is no request, and not counted."""

INBOX_BOUND = 256
"""Envelopes in one inbox from which ``Actor.post`` refuses more; ``ask`` and ``notify`` always fit.
"""

_HIGH = 32
"""Envelopes from which the senders of signals are slowed down, since each may have 64 KiB."""


class Inbox:
    """The envelopes that wait for one actor, in order; ``stats`` counts those of all actors.

    It has no bound, since ``HostLeft`` and ``GuestLeft`` must always fit; ``Actor.post`` has one.
    """

    __slots__ = ("_receive", "_send", "_stats")

    def __init__(self, stats: Stats) -> None:
        self._send, self._receive = trio.open_memory_channel[Envelope](math.inf)
        self._stats = stats

    def __len__(self) -> int:
        """Return how many envelopes wait."""
        return self._receive.statistics().current_buffer_used

    @property
    def is_full(self) -> bool:
        """Whether so many envelopes wait that no request should be added."""
        return len(self) >= INBOX_BOUND

    @property
    def is_high(self) -> bool:
        """Whether so many envelopes wait that the senders of signals should be slowed down."""
        return len(self) > _HIGH

    def __aiter__(self) -> AsyncIterator[Envelope]:
        """Iterate over the envelopes until ``close``; those that waited then come first."""
        return self._receive

    def put(self, envelope: Envelope) -> None:
        """Put an envelope in."""
        self._send.send_nowait(envelope)
        self._stats.queued += envelope is not TIME_PASSED

    def note_taken(self, envelope: Envelope) -> None:
        """Note that the actor has taken an envelope."""
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
