"""Tables for a person: as a table where it fits, else a paragraph for each row."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from proxim.cli.terminal import cell, printable
from proxim.cli.words import wrap

WIDE = 200
"""Columns of a table if the output is not a terminal."""

_MEASURED = 10_000
"""Columns of a terminal that is wide enough for every table."""


def open_console() -> Console:
    """Return a console. A program that reads its output gets whole words and addresses."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def fits(table: Table, console: Console) -> bool:
    """Return whether each row of a table fits into one line."""
    options = console.options.update_width(_MEASURED)
    return console.measure(table, options=options).maximum <= console.width


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of texts, which may come from a node or a device; an empty text is left out."""
    console = open_console()
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(cell, row))
    if fits(table, console):
        console.print(table)
        return
    for first, *others in rows:
        named = zip(headings[1:], others, strict=True)
        text = ", ".join(f"{name.lower()} {printable(value)}" for name, value in named if value)
        for line in [printable(first), *(f"  {line}" for line in wrap(text, console.width - 2))]:
            click.echo(line)
