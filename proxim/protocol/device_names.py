"""What a device may call itself (protocol: Guest → node).

A person decides by what is shown, so that a name must not act on a screen, hide a part of itself,
change the order in which it is read, or cover what stands beside it.
"""

from __future__ import annotations

import unicodedata

MAX_MARKS = 2
"""Combining marks in a row; more of them pile up over the lines around."""

_UNWANTED = {
    "Cc": "a control character",
    "Cf": "an invisible or bidirectional character",
    "Cs": "half a surrogate pair",
    "Co": "a private-use character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
"""Categories of Unicode that no name may have; all bidirectional controls are of ``Cf``."""

_MARKS = {"Mn", "Me"}
"""Marks that are written over what stands before them. Others (``Mc``) have room of their own."""


def normalised(name: str) -> str:
    """The name in NFC (Unicode Standard Annex 15): one way to write what looks the same."""
    return unicodedata.normalize("NFC", name)


def fault(text: str) -> str | None:
    """What a name or an id has that it may not have, in words; None if it may be shown."""
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        if category in _UNWANTED:
            return f"{_UNWANTED[category]} (U+{ord(char):04X})"
        marks = marks + 1 if category in _MARKS else 0
        if marks > MAX_MARKS:
            return f"more than {MAX_MARKS} combining marks in a row"
    return None
