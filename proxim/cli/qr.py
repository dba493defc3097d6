"""``proxim qr``: a link as a QR code, on the terminal or in a file."""

from __future__ import annotations

from pathlib import Path

import click

from proxim import qr
from proxim.cli.terminal import draw_qr
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
        code = draw_qr(link) or f"The QR code does not fit here. The link is:\n  {link}"
        click.echo(code, color=True)
