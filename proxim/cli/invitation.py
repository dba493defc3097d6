"""The invitation of a host: its QR code with the text beside or below it, as the window allows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple, NoReturn

import click
import trio

from proxim import qr
from proxim.cli.panel import Drawing, first_fitting, height
from proxim.cli.terminal import Reporter
from proxim.cli.words import wrap

BESIDE_COLUMNS = 28
"""Columns that a text beside a code needs."""

TOO_LONG = "The link is too long for a QR code."

_GAP = "  "
QUIET_ZONES = (qr.QUIET_ZONE, 2, 1)
"""White modules around the code, the best first; scanners still read a code with the last."""


class Way(NamedTuple):
    """A way to use a link without the code: ``phrase`` says how, ``line`` is to be copied."""

    phrase: str
    line: str


def code_of(link: str) -> qr.TerminalCode | None:
    """Return the QR code of a link in the characters of the output; None for too long a link."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        qr.HALF_BLOCKS.encode(encoding)
    except UnicodeEncodeError:
        half_blocks = False
    else:
        half_blocks = True
    try:
        return qr.TerminalCode(link, half_blocks=half_blocks)
    except ValueError:
        return None


def too_small(columns: int, rows: int, window: tuple[int, int]) -> str:
    """Return the sentence for a window that has not these columns and rows."""
    return (
        f"The QR code needs a window of {columns} columns and {rows} rows. "
        f"This one has {window[0]} and {window[1]}."
    )


class Invitation:
    """A view: a link as a QR code and as a command, and the time for which it works.

    ``about`` are sentences on the link; ``left`` returns the time left, as text. With ``has_keys``
    the person can press L, so that a small window shows the code without the link.
    """

    shows_link = False

    def __init__(
        self,
        link: str,
        ways: list[Way],
        about: list[str],
        left: Callable[[], str],
        *,
        has_keys: bool,
    ) -> None:
        self._link = link
        self._code = code_of(link)
        self._ways = ways
        self._about = about
        self._left = left
        self._has_keys = has_keys

    def press(self, key: str) -> None:
        """Take a key: L shows the link, or the code again."""
        if key in ("l", "L"):
            self.shows_link = not self.shows_link

    def text(self) -> str:
        """Return the code and the link for a file or a pipe."""
        code = [] if self._code is None else [*self._code.lines(), ""]
        return "\n".join([*code, *self._paragraphs([], has_code=bool(code), has_link=True)])

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the code with its text, or the link if there is no room for the code."""
        layouts = self._without_code(columns, rows, notes)
        if not self.shows_link:
            layouts = chain(self._layouts(columns, notes), layouts)
        return first_fitting(map(Drawing, layouts), columns, rows)

    def _without_code(self, columns: int, rows: int, notes: list[str]) -> Iterator[list[str]]:
        """Yield the link with less and less beside it, for a smaller and smaller window."""
        problem, size = self._problem(columns, rows)
        first = "Press L to show the QR code." if self.shows_link else problem
        for about in (self._about, []):
            text = self._paragraphs(notes, about=about, has_code=False, has_link=True)
            yield wrap("\n".join([first, "", *text]), columns)
        # The link stands last: where a window is smaller than that, its first rows are hidden.
        left = f"The link expires in {self._left()}"
        for lines in ([*notes, size, left], [size, left], [left], []):
            yield wrap("\n".join([*lines, self._link]), columns)

    def _layouts(self, columns: int, notes: list[str]) -> Iterator[list[str]]:
        """Yield the layouts that are narrow enough, the best first."""
        if self._code is None:
            return
        full, short = (
            "\n".join(self._paragraphs(notes, has_code=True, has_link=has_link))
            for has_link in (True, False)
        )
        fitting = [each for each in QUIET_ZONES if self._code.size(each)[0] <= columns]
        for quiet_zone in fitting:
            yield _below(self._code.lines(quiet_zone), full, columns)
        if not self._has_keys:
            return
        for quiet_zone in fitting:
            room = columns - self._code.size(quiet_zone)[0] - len(_GAP)
            if room >= BESIDE_COLUMNS:
                yield _beside(self._code, quiet_zone, short, room)
        for quiet_zone in fitting:
            yield _below(self._code.lines(quiet_zone), short, columns)

    def _problem(self, columns: int, rows: int) -> tuple[str, str]:
        """Return why there is no code in a window of this size, and the same in fewer words."""
        if self._code is None:
            return TOO_LONG, TOO_LONG
        wide, high = self._code.size(QUIET_ZONES[-1])
        text = "\n".join(self._paragraphs([], has_code=True, has_link=not self._has_keys))
        if self._has_keys:
            wide += len(_GAP) + BESIDE_COLUMNS
            high = max(high, len(wrap(text, BESIDE_COLUMNS)))
        else:
            high = height(_below(self._code.lines(QUIET_ZONES[-1]), text, wide), wide)
        size = f"The QR code needs {wide} columns and {high} rows."
        return too_small(wide, high, (columns, rows)), size

    def _paragraphs(
        self, notes: list[str], *, about: list[str] | None = None, has_code: bool, has_link: bool
    ) -> list[str]:
        """Return the lines below or beside the code; an empty one between paragraphs."""
        lines = ["Scan this code with the other device."] if has_code else []
        for way in self._ways if has_link else []:
            phrase = f"Or {way.phrase}" if lines else way.phrase.capitalize()
            lines += [f"{phrase}:", f"  {way.line}"]
        for sentence in [*(self._about if about is None else about), *notes]:
            lines += ["", sentence]
        if not has_link:
            lines += ["", "Press L to show the link."]
        return [*lines, "", f"Waiting. The link expires in {self._left()}"]


def _below(code: list[str], text: str, columns: int) -> list[str]:
    return [*code, *wrap(f"\n{text}", columns)]


def _beside(code: qr.TerminalCode, quiet_zone: int, text: str, room: int) -> list[str]:
    blank = " " * code.size(quiet_zone)[0]
    rows, lines = code.lines(quiet_zone), wrap(text, room)
    high = max(len(rows), len(lines))
    rows += [blank] * (high - len(rows))
    lines += [""] * (high - len(lines))
    return [f"{row}{_GAP}{line}".rstrip() for row, line in zip(rows, lines, strict=True)]


async def press_keys(reporter: Reporter, *presses: Callable[[str], object]) -> NoReturn:
    """Pass the keys that a person presses to all of these, until cancelled."""
    while reporter.has_keys and (key := await reporter.keyboard.key()) is not None:
        for press in presses:
            press(key)
        reporter.screen.refresh()
    await trio.sleep_forever()


class Waiting:
    """A view: what a guest waits for. ``code`` is the number that its host needs, if any."""

    def __init__(self, code: str | None, left: Callable[[], str]) -> None:
        self._code = code
        self._left = left

    def text(self) -> str:
        """Return the number, printed once."""
        return f"{self._number()}Waiting for approval."

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the number and the time left."""
        text = f"{self._number(bold=True)}Waiting for approval. {self._left()} left."
        texts = ("\n".join([text, *notes]), text, text.replace("\n\n", "\n"))
        return first_fitting((Drawing(wrap(each, columns)) for each in texts), columns, rows)

    def _number(self, *, bold: bool = False) -> str:
        if self._code is None:
            return ""
        number = click.style(self._code, bold=True) if bold else self._code
        return f"Type this number on the other device:\n\n    {number}\n\n"
