"""``proxim qr``: a link as a QR code, on the terminal or in a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from proxim import qr
from proxim.cli.invitation import QUIET_ZONES, TOO_LONG, code_of, too_small
from proxim.cli.terminal import is_terminal
from proxim.protocol.errors import InvalidLink
from proxim.protocol.link import parse_link


@click.command("qr")
@click.argument("link")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write an SVG file.")
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Write a PNG file.")
def command(link: str, svg: Path | None, png: Path | None) -> None:
    """Draw LINK as a QR code on the terminal, or write it to files."""
    try:
        link = str(parse_link(link))
    except InvalidLink as error:
        raise click.UsageError(str(error)) from None
    try:
        if svg is not None:
            svg.write_text(qr.svg(link), encoding="utf-8", newline="\n")
        if png is not None:
            png.write_bytes(qr.png(link))
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if svg is None and png is None:
        click.echo(_draw(link), color=True)


def _draw(link: str) -> str:
    """Return the QR code with as much white around as the window allows, or else the link."""
    window = shutil.get_terminal_size()
    code, problem = code_of(link), TOO_LONG
    if code is not None:
        for quiet_zone in QUIET_ZONES:
            columns, rows = code.size(quiet_zone)
            # The prompt of the shell takes the last row.
            if not is_terminal() or (columns <= window.columns and rows < window.lines):
                return "\n".join(code.lines(quiet_zone))
        columns, rows = code.size(QUIET_ZONES[-1])
        problem = too_small(columns, rows + 1, window)
    return f"{problem}\nThe link is:\n  {link}"
