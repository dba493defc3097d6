"""The QR code of a link: as SVG, as PNG, and for a terminal.

Each function raises ``ValueError`` if the link is too long for a QR code.
"""

from __future__ import annotations

import io
from itertools import groupby

import qrcode
from qrcode.exceptions import DataOverflowError
from qrcode.image.pure import PyPNGImage
from qrcode.image.svg import SvgPathFillImage

_QUIET_ZONE = 4
"""White modules around the code (ISO/IEC 18004)."""

HALF_BLOCKS = "▀▄█"
"""The characters of a code in half blocks, which not every terminal has."""

_BLACK_ON_WHITE = "\x1b[38;2;0;0;0;48;2;255;255;255m"
_BACKGROUNDS = ("\x1b[48;2;255;255;255m", "\x1b[48;2;0;0;0m")
_RESET = "\x1b[0m"


def svg(link: str) -> str:
    """Return the QR code as a standalone SVG document, black on white on any background."""
    image = _code(link).make_image(image_factory=SvgPathFillImage)
    return image.to_string(encoding="unicode")


def png(link: str, *, module_pixels: int = 10) -> bytes:
    """Return the QR code as a PNG file, each module ``module_pixels`` wide."""
    code = _code(link)
    code.box_size = module_pixels
    buffer = io.BytesIO()
    code.make_image().save(buffer)
    return buffer.getvalue()


def terminal(link: str, *, half_blocks: bool = True) -> str:
    """Return the QR code as lines of half blocks, or of spaces, four for each half block.

    The colours are explicit, since a scanner does not read the colours of a dark terminal.
    """
    if not half_blocks:
        rows = (
            [(dark, list(run)) for dark, run in groupby(row)] for row in _code(link).get_matrix()
        )
        return "\n".join(
            "".join(_BACKGROUNDS[dark] + "  " * len(run) for dark, run in runs) + _RESET
            for runs in rows
        )
    blocks = io.StringIO()
    _code(link).print_ascii(out=blocks)
    lines = blocks.getvalue().replace("\xa0", " ").splitlines()
    return "\n".join(f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines)


def _code(link: str) -> qrcode.QRCode[PyPNGImage]:
    code = qrcode.QRCode(
        error_correction=qrcode.ERROR_CORRECT_M, border=_QUIET_ZONE, image_factory=PyPNGImage
    )
    code.add_data(link)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError):
        raise ValueError("the link is too long for a QR code") from None
    return code
