"""Checks the names of devices (protocol: Guest → node).

A person approves a device by its displayed name. So a name must not control the screen, hide a part
of itself, change the reading order, or cover the text beside it.
"""

from __future__ import annotations

import unicodedata

MAX_MARKS = 2
"""Combining marks in a row; more of them cover the lines above and below."""

_UNWANTED = {
    "Cc": "a control character",
    "Cf": "an invisible or bidirectional character",
    "Cs": "half a surrogate pair",
    "Co": "a private-use character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
"""Unicode categories that a name may not contain; bidirectional controls are in ``Cf``."""

_MARKS = {"Mn", "Me"}
"""Marks drawn over the preceding character. Spacing marks (``Mc``) have a width of their own."""


def normalised(name: str) -> str:
    """Return the name in NFC (Unicode Standard Annex 15), so that equal names are equal text."""
    return unicodedata.normalize("NFC", name)


def fault(text: str) -> str | None:
    """Return what is not allowed in a name or an id, in words; None if it may be displayed."""
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        if category in _UNWANTED:
            return f"{_UNWANTED[category]} (U+{ord(char):04X})"
        marks = marks + 1 if category in _MARKS else 0
        if marks > MAX_MARKS:
            return f"more than {MAX_MARKS} combining marks in a row"
    return None
