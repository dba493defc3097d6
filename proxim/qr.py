"""The QR code of a link: as SVG, as PNG, and in half blocks for a terminal."""

from __future__ import annotations

import io

import qrcode
from qrcode.image.pure import PyPNGImage
from qrcode.image.svg import SvgPathFillImage

_QUIET_ZONE = 4
"""Modules of white around the code (ISO/IEC 18004)."""

_BLACK_ON_WHITE = "\x1b[38;2;0;0;0;48;2;255;255;255m"
_RESET = "\x1b[0m"
_HALF_BLOCKS = {
    (False, False): " ",
    (True, False): "▀",
    (False, True): "▄",
    (True, True): "█",
}


def svg(link: str) -> str:
    """The code as a standalone SVG document, black on white wherever it is put."""
    image = _code(link).make_image(image_factory=SvgPathFillImage)
    return image.to_string(encoding="unicode")


def png(link: str, *, module_pixels: int = 10) -> bytes:
    """The code as a PNG file, each module ``module_pixels`` wide."""
    code = _code(link)
    code.box_size = module_pixels
    buffer = io.BytesIO()
    code.make_image().save(buffer)
    return buffer.getvalue()


def terminal(link: str) -> str:
    """The code as lines of half blocks.

    Black on white in explicit colours, since a scanner reads no code in the colours of a dark
    terminal. Two modules stand above each other in one character.
    """
    rows = _code(link).get_matrix()
    if len(rows) % 2:
        rows = [*rows, [False] * len(rows[0])]
    lines = (
        "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )
    return "\n".join(f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines)


def _code(link: str) -> qrcode.QRCode[PyPNGImage]:
    code = qrcode.QRCode(
        error_correction=qrcode.ERROR_CORRECT_M, border=_QUIET_ZONE, image_factory=PyPNGImage
    )
    code.add_data(link)
    code.make(fit=True)
    return code
