"""Hints for the person at one side of a session."""

from __future__ import annotations

import math
from enum import StrEnum

MAX_NOTICES = 16
"""Notices of one kind that a session keeps; a node that repeats one silences no other."""

INTERVAL = 60.0
"""Seconds in which a notice about a signal is told once."""


class Notice(StrEnum):
    """A hint for the person at one side of a session, not an alarm.

    Those about signals are of sealed sessions, and each is told at most once a minute.
    """

    CONTESTED = "contested"
    """Another device has shown the link, after the link was used; told once for each link."""
    REPLACED = "replaced"
    """The guest came by another connection while its earlier one still stood."""
    TAMPERED = "tampered"
    """The node, or somebody between, has changed or forged something; it was dropped."""
    LATE = "late"
    """A signal came twice, or after one that was sent later; it was dropped."""
    BEFORE = "before"
    """A signal was sealed before one of the sides was reloaded; it was dropped."""
    MISSED = "missed"
    """Signals that the other side has sent did not arrive."""
    UNOPENED = "unopened"
    """A device has asked to pair, and its request was not made with the link; it is rejected."""
    KEYS_ELSEWHERE = "keys_elsewhere"
    """A device asks to pair, but another program has the keys of the link, and has to decide."""
    STRANGER = "stranger"
    """Another device has the link of a known one; its request is rejected."""
    COPIED = "copied"
    """Two devices use the grant of one: its storage was copied, and the host has forgotten it."""
    EXPIRED = "expired"
    """The time for which the host remembers the device is over."""
    FORGOTTEN = "forgotten"
    """The host has forgotten the device."""


class NoticeLog:
    """The notices of a session, from its beginning."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self._told_at: dict[Notice, float] = {}

    def __len__(self) -> int:
        return len(self._notices)

    def __getitem__(self, index: int) -> Notice:
        return self._notices[index]

    def add(self, notice: Notice) -> None:
        """Keep a notice, unless there are many of its kind."""
        if self._notices.count(notice) < MAX_NOTICES:
            self._notices.append(notice)

    def add_at(self, notice: Notice, now: float) -> None:
        """Keep a notice about a signal, unless the same was kept less than a minute ago."""
        if now - self._told_at.get(notice, -math.inf) >= INTERVAL:
            self._told_at[notice] = now
            self.add(notice)
