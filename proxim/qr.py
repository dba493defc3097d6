"""The QR code of a link: as SVG, as PNG, and for a terminal.

Each raises ``ValueError`` if the link is too long for a QR code.
"""

from __future__ import annotations

import io
from itertools import groupby, zip_longest

import qrcode
from qrcode.exceptions import DataOverflowError
from qrcode.image.pure import PyPNGImage
from qrcode.image.svg import SvgPathFillImage

QUIET_ZONE = 4
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


class TerminalCode:
    """The QR code of a link for a terminal, which has room for more or fewer white modules around.

    With ``half_blocks`` two modules share a character; without, each is two spaces, coloured.
    Error correction L, since a screen has no stains and a terminal has few rows.
    """

    def __init__(self, link: str, *, half_blocks: bool = True) -> None:
        code = _code(link, qrcode.ERROR_CORRECT_L)
        code.border = 0
        self._modules = code.get_matrix()
        self._half_blocks = half_blocks

    def size(self, quiet_zone: int) -> tuple[int, int]:
        """Return the columns and rows with this many white modules on each side."""
        side = len(self._modules) + 2 * quiet_zone
        return (side, (side + 1) // 2) if self._half_blocks else (2 * side, side)

    def lines(self, quiet_zone: int = QUIET_ZONE) -> list[str]:
        """Return the rows.

        The colours are explicit, since a scanner does not read the colours of a dark terminal.
        """
        side = len(self._modules) + 2 * quiet_zone
        margin, blank = [False] * quiet_zone, [False] * side
        rows = [
            *[blank] * quiet_zone,
            *(margin + row + margin for row in self._modules),
            *[blank] * quiet_zone,
        ]
        if not self._half_blocks:
            return [_coloured(row) for row in rows]
        pairs = zip_longest(rows[::2], rows[1::2], fillvalue=blank)
        return [_halves(upper, lower) for upper, lower in pairs]


def _coloured(row: list[bool]) -> str:
    runs = ((dark, len(list(run))) for dark, run in groupby(row))
    return "".join(_BACKGROUNDS[dark] + "  " * length for dark, length in runs) + _RESET


def _halves(upper: list[bool], lower: list[bool]) -> str:
    blocks = (
        f" {HALF_BLOCKS}"[above + 2 * below] for above, below in zip(upper, lower, strict=True)
    )
    return f"{_BLACK_ON_WHITE}{''.join(blocks)}{_RESET}"


def _code(link: str, correction: int = qrcode.ERROR_CORRECT_M) -> qrcode.QRCode[PyPNGImage]:
    code = qrcode.QRCode(error_correction=correction, border=QUIET_ZONE, image_factory=PyPNGImage)
    code.add_data(link)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError):
        raise ValueError("the link is too long for a QR code") from None
    return code
