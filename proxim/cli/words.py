"""The width of text on a terminal, and lines that break between words."""

from __future__ import annotations

import shutil
from typing import IO

import click

PEER = "< "
"""The beginning of a line with words of the other side. No other line begins with it."""

_PEER_GOES_ON = "<   "
"""The beginning of each further row of such a line."""


def width(text: str) -> int:
    """Return the columns that a text without escape sequences takes."""
    from rich.cells import cell_len

    return cell_len(text)


def start(text: str, columns: int) -> str:
    """Return as much of the beginning of ``text`` as fits."""
    from rich.cells import chop_cells

    return chop_cells(text, columns)[0]


def wrap(text: str, columns: int) -> list[str]:
    """Return the lines of ``text``, broken between words where they are wider than ``columns``.

    An indented line is one to copy, such as a command, and stays whole. The text may have escape
    sequences. Each row with words of the other side is marked, so that none looks like a line of
    this program.
    """
    lines = []
    for paragraph in text.split("\n"):
        if paragraph.startswith(PEER):
            lines += _wrap_peer(paragraph, columns)
        elif paragraph.startswith("  ") or _columns_of(paragraph) <= columns:
            lines.append(paragraph)
        else:
            lines += _break(paragraph, columns)
    return lines


def _break(text: str, columns: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and _columns_of(longer) > columns:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def _wrap_peer(line: str, columns: int) -> list[str]:
    """Return the marked rows of a line of the other side.

    A word that is wider than the window is broken, since the terminal would break it without a
    mark. Blank characters other than the space make whole sentences such a word.
    """
    if _columns_of(line) <= columns:
        return [line]
    room = max(2, columns - len(_PEER_GOES_ON))
    broken = _break(line.removeprefix(PEER), room)
    first, *others = [row for part in broken for row in rows_of(part, room)]
    return [PEER + first, *(_PEER_GOES_ON + row for row in others)]


def _columns_of(text: str) -> int:
    return width(click.unstyle(text))


def fitting(text: str, stream: IO[str] | None) -> str:
    """Return a text for a stream, its lines broken between words if that is a terminal.

    An application without a console has no stream.
    """
    if stream is None or not stream.isatty():
        return text
    return "\n".join(wrap(text, shutil.get_terminal_size().columns))


def rows_of(line: str, columns: int) -> list[str]:
    """Return the rows into which a terminal breaks a line without escape sequences."""
    from rich.cells import chop_cells

    return chop_cells(line, columns) or [""]
