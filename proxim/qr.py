"""The QR code of a link: as SVG, as PNG, and in half blocks for a terminal."""

from __future__ import annotations

import io

import qrcode
from qrcode.image.pure import PyPNGImage
from qrcode.image.svg import SvgPathFillImage

_QUIET_ZONE = 4
"""White modules around the code (ISO/IEC 18004)."""

_BLACK_ON_WHITE = "\x1b[38;2;0;0;0;48;2;255;255;255m"
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


def terminal(link: str) -> str:
    """Return the QR code as lines of half blocks.

    The colours are explicit, since a scanner does not read the colours of a dark terminal.
    """
    blocks = io.StringIO()
    _code(link).print_ascii(out=blocks)
    lines = blocks.getvalue().replace("\xa0", " ").splitlines()
    return "\n".join(f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines)


def _code(link: str) -> qrcode.QRCode[PyPNGImage]:
    code = qrcode.QRCode(
        error_correction=qrcode.ERROR_CORRECT_M, border=_QUIET_ZONE, image_factory=PyPNGImage
    )
    code.add_data(link)
    code.make(fit=True)
    return code
