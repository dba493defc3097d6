"""The questions of a host, and what a person may type as their answer."""

from __future__ import annotations

from collections.abc import Callable

import click

from proxim.cli.keyboard import ESCAPE
from proxim.cli.panel import Drawing, first_fitting
from proxim.cli.terminal import Reporter, cut, quoted
from proxim.cli.words import wrap
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


class NumberQuestion:
    """A view: the question whether a device may connect, and the field for its number.

    ``left`` returns the time left, as text. The field shows, and takes keys, once it is open.
    """

    def __init__(self, device: DeviceInfo, left: Callable[[], str]) -> None:
        self._device = device
        self._left = left
        self.digits = ""
        self.is_open = False

    def press(self, key: str) -> str | None:
        """Take a key. Return the number once Enter is pressed after its digits.

        Raises ``Declined`` for Esc. Ignores every other key, and a 0 that no number begins with.
        """
        if key == ESCAPE:
            raise Declined
        if key in _ENTER and len(self.digits) == _LENGTH:
            return self.digits
        if key in _ERASING:
            self.digits = self.digits[:-1]
        elif key in _DIGITS and len(self.digits) < _LENGTH and (self.digits or key != "0"):
            self.digits += key
        return None

    def text(self) -> str:
        """Return the question for a person who types lines."""
        return (
            "\nA device asks to pair. Did you just scan the code?\n"
            f"Type the number that the device shows, or n to decline.\n{self.claims()}"
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
        lines += wrap(f"Enter approves, Esc declines. {self._left()} left.", columns)
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


async def wants_new_link(reporter: Reporter) -> bool:
    """Say that the link has expired, and return whether the person wants a new one."""
    reporter.present("lapsed", Expired(has_keys=reporter.has_keys))
    await reporter.keyboard.settle()
    if not reporter.has_keys:
        return await reporter.keyboard.line() is not None
    while (key := await reporter.keyboard.key()) not in (None, ESCAPE):
        if key in _ENTER:
            return True
    return False
