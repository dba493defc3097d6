"""The width of text on a terminal, and lines that break between words."""

from __future__ import annotations

import shutil
from typing import IO

import click


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
    sequences.
    """
    lines = []
    for paragraph in text.split("\n"):
        if paragraph.startswith("  ") or _columns_of(paragraph) <= columns:
            lines.append(paragraph)
            continue
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and _columns_of(longer) > columns:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


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
