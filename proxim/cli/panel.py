"""What changes in place at the end of a terminal's output: a code, a question, a countdown."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple, Protocol

import click

from proxim.cli.words import rows_of, width


class Drawing(NamedTuple):
    """Lines for a window, and where its cursor stands: a line and a column, or the end."""

    lines: list[str]
    cursor: tuple[int, int] | None = None


class View(Protocol):
    """Something that a person sees, for any size of the window."""

    def text(self) -> str:
        """Return what is printed, once, where there is no window."""
        ...

    def draw(self, columns: int, rows: int, notes: list[str]) -> Drawing:
        """Return the lines for a window of this size, with what was said meanwhile."""
        ...


class Panel:
    """Draws one drawing over the one before. Only what differs is written."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._flush = write
        self._written = ""
        self._rows: list[str] = []
        self._row = 0
        self._size = (0, 0)

    def draw(self, view: View, notes: list[str]) -> None:
        """Draw a view; anew if the size of the window has changed, which may have broken lines."""
        columns, lines = size = shutil.get_terminal_size()
        drawing = view.draw(columns, lines, notes)
        rows, cursor = _place(drawing, columns)
        # Rows above the window cannot be reached.
        hidden = max(0, len(rows) - lines)
        rows, cursor = rows[hidden:], (max(0, cursor[0] - hidden), cursor[1])
        if self._rows and size != self._size:
            self.forget()
            self._write("\x1b[2J\x1b[H")
        if len(rows) == len(self._rows):
            self._update(rows, columns)
        else:
            self._erase()
            self._write(_join(rows, columns))
            self._row = len(rows) - 1
        self._rows, self._size = rows, size
        self._move(*cursor)
        self._send()

    def forget(self) -> None:
        """Draw the next view below what another program has written meanwhile."""
        self._rows, self._row = [], 0

    def erase(self) -> None:
        """Remove the drawing. The cursor is then where its first line was."""
        self._erase()
        self._send()

    def _erase(self) -> None:
        if self._rows:
            self._move(0, 0)
            self._write("\x1b[J")
        self.forget()

    def _update(self, rows: list[str], columns: int) -> None:
        for number, (new, old) in enumerate(zip(rows, self._rows, strict=True)):
            if new != old:
                self._move(number, 0)
                # Erasing at the right edge would remove the last character.
                rest = "\x1b[K" if _width(new) < columns else ""
                self._write(f"{new}{rest}")

    def _move(self, row: int, column: int) -> None:
        distance = row - self._row
        vertical = f"\x1b[{abs(distance)}{'A' if distance < 0 else 'B'}" if distance else ""
        self._write(f"\r{vertical}" + (f"\x1b[{column}C" if column else ""))
        self._row = row

    def _write(self, text: str) -> None:
        self._written += text

    def _send(self) -> None:
        # In one piece, or a terminal would show the steps.
        if self._written:
            self._flush(self._written)
        self._written = ""


def first_fitting(drawings: Iterable[Drawing], columns: int, rows: int) -> Drawing:
    """Return the first of the drawings that fits into a window of this size, or the last one."""
    drawing = Drawing([])
    for drawing in drawings:
        if height(drawing.lines, columns) <= rows:
            break
    return drawing


def height(lines: list[str], columns: int) -> int:
    """Return the rows that lines take in a window of this width."""
    return len(_place(Drawing(lines), columns)[0])


def _width(line: str) -> int:
    return width(click.unstyle(line))


def _place(drawing: Drawing, columns: int) -> tuple[list[str], tuple[int, int]]:
    """Return the rows of a drawing, and the row and column of its cursor."""
    rows: list[str] = []
    first = []
    for line in drawing.lines:
        first.append(len(rows))
        rows += [line] if _width(line) <= columns else rows_of(line, columns)
    if drawing.cursor is None:
        return rows, (len(rows) - 1, min(_width(rows[-1]), columns - 1))
    return rows, (first[drawing.cursor[0]], drawing.cursor[1])


def _join(rows: list[str], columns: int) -> str:
    """Return the text of rows. Those of one long line stay one, to be copied as one."""
    text = rows[0]
    for before, row in pairwise(rows):
        text += row if _width(before) == columns and row else f"\r\n{row}"
    return text
