"""The questions of a host, and what a person may type as their answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import click

from proxim.cli.keyboard import ESCAPE
from proxim.cli.panel import Drawing, first_fitting
from proxim.cli.quiet import QuietVisits
from proxim.cli.terminal import Reporter, cut, quoted
from proxim.cli.words import wrap
from proxim.client import Remember
from proxim.client.prompt import CODE
from proxim.protocol.messages import DeviceInfo

_CLAIMS = "The device calls itself (not verified):"

_PLAIN_COLUMNS = 72
"""Columns of a name where there is no window."""

_LENGTH = 3
_DIGITS = tuple("0123456789")
_ERASING = ("\x7f", "\b")
_ENTER = ("\n", "\r")


class Declined(Exception):
    """The person declined."""


class Offer:
    """The offer to remember a device, which the person takes by a key; it is off at first."""

    def __init__(self, wish: Remember, *, is_taken: bool = False) -> None:
        self.wish = wish
        self.is_taken = is_taken

    def text(self) -> str:
        """Return what happens once the person has taken the offer."""
        how = " and comes in without a question" if self.wish.policy == "auto" else ""
        return f"{quoted(self.wish.name)} is remembered for {self._days()}{how}."

    def line(self) -> str:
        """Return the choice that a person sees, with the key."""
        how = ", and let it in without a question" if self.wish.policy == "auto" else ""
        box = "x" if self.is_taken else " "
        return f"[{box}] Remember {quoted(self.wish.name)} for {self._days()}{how} (R)"

    def _days(self) -> str:
        return f"{self.wish.days:g} day{'' if self.wish.days == 1 else 's'}"


class NumberQuestion:
    """A view: the question whether a device may connect, and the field for its number.

    ``left`` returns the time left, as text. ``offer`` is to remember the device, which R takes or
    leaves. The field shows, and takes keys, once it is open.
    """

    def __init__(
        self, device: DeviceInfo, left: Callable[[], str], offer: Offer | None = None
    ) -> None:
        self._device = device
        self._left = left
        self._offer = offer
        self.digits = ""
        self.is_open = False
        self._is_short = False

    def press(self, key: str) -> str | None:
        """Take a key. Return the number once Enter is pressed after its digits.

        Raises ``Declined`` for Esc. Ignores every other key, and a 0 that no number begins with.
        After Enter behind fewer digits the question says how many the number has.
        """
        if key == ESCAPE:
            raise Declined
        self._is_short = key in _ENTER and len(self.digits) < _LENGTH
        if key in _ENTER and len(self.digits) == _LENGTH:
            return self.digits
        if key in ("r", "R") and self._offer is not None:
            self._offer.is_taken = not self._offer.is_taken
        elif key in _ERASING:
            self.digits = self.digits[:-1]
        elif key in _DIGITS and len(self.digits) < _LENGTH and (self.digits or key != "0"):
            self.digits += key
        return None

    def text(self) -> str:
        """Return the question for a person who types lines."""
        is_taken = self._offer is not None and self._offer.is_taken
        remembered = f"{self._offer.text()}\n" if self._offer is not None and is_taken else ""
        return (
            "\nA device asks to pair. Did you just scan the code?\n"
            f"Type the number that the device shows, or n to decline.\n{remembered}{self.claims()}"
        )

    def claims(self) -> str:
        """Return what the device says of itself, without a question."""
        return "\n".join([_CLAIMS, *self._claims(_PLAIN_COLUMNS)])

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the question; the device's claims stand away from the field.

        A small window has no claims, then no empty lines, and then no notes: the field and the time
        stay.
        """
        drawings = (
            self._drawing(columns, notes, has_gaps=True, has_claims=True),
            self._drawing(columns, notes, has_gaps=True, has_claims=False),
            self._drawing(columns, notes, has_gaps=False, has_claims=False),
            self._drawing(columns, [], has_gaps=False, has_claims=False),
        )
        return first_fitting(drawings, columns, rows)

    def _drawing(
        self, columns: int, notes: list[str], *, has_gaps: bool, has_claims: bool
    ) -> Drawing:
        gap = [""] if has_gaps else []
        lines = wrap(
            "A device asks to pair. Did you just scan the code?\n"
            "Type the number that the device shows.",
            columns,
        )
        field = f"> {self.digits}" if self.is_open else ""
        cursor = (len(lines) + len(gap), len(field))
        lines += [*gap, click.style(field, bold=True), *gap]
        keys = "The number has three digits." if self._is_short else "Enter approves, Esc declines."
        lines += wrap(f"{keys} {self._left()} left.", columns)
        if self._offer is not None:
            lines += [*gap, *wrap(self._offer.line(), columns)]
        if has_claims:
            lines += [*gap, *wrap(_CLAIMS, columns), *self._claims(columns)]
        lines += wrap("\n".join([*gap, *notes]), columns) if notes else gap
        return Drawing(lines, cursor)

    def _claims(self, columns: int) -> list[str]:
        """Return the name and the id of the device, cut to two lines."""
        return [
            f"  {quoted(self._device.name, columns - 4)}",
            f"  id {cut(self._device.id, columns - 5)}",
        ]


async def ask_number(question: NumberQuestion, reporter: Reporter) -> str | None:
    """Return the number that the person types, or None if they decline."""
    await reporter.keyboard.settle()
    if not reporter.has_keys:
        return await _read_number(reporter)
    question.is_open = True
    reporter.screen.refresh()
    while (key := await reporter.keyboard.key()) is not None:
        try:
            number = question.press(key)
        except Declined:
            return None
        if number is not None:
            return number
        reporter.screen.refresh()
    return None


async def _read_number(reporter: Reporter) -> str | None:
    while (line := await reporter.keyboard.line()) is not None:
        typed = line.strip().lower()
        if typed in ("n", "no"):
            return None
        if CODE.fullmatch(typed):
            return typed
        reporter.report("code_required", "That is not a number of three digits.")
    return None


class Expired:
    """A view: the link has expired, so that its code is not shown any more."""

    def __init__(self, *, has_keys: bool) -> None:
        self._has_keys = has_keys

    def text(self) -> str:
        """Return the same, printed below the code."""
        end = ", or Esc to end" if self._has_keys else ""
        return f"This link has expired. Press Enter for a new one{end}."

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return how to get a new link."""
        return Drawing(wrap("\n".join([self.text(), *notes]), columns))


class Told(Protocol):
    """Something that a person is told beside a view."""

    def report(self, reporter: Reporter) -> None:
        """Tell the person, or the program."""


async def wants_new_link(reporter: Reporter, told: Told | None, quiet: QuietVisits) -> bool:
    """Say that the link has expired, and return whether the person wants a new one.

    ``told`` is said beside it, and what waits in ``quiet``.
    """
    reporter.present("lapsed", quiet.beside(Expired(has_keys=reporter.has_keys)))
    if told is not None:
        told.report(reporter)
    await reporter.keyboard.settle()
    if not reporter.has_keys:
        return await reporter.keyboard.line() is not None
    while (key := await reporter.keyboard.key()) not in (None, ESCAPE):
        if key in _ENTER:
            return True
        quiet.press(key or "")
    return False
