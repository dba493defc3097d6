"""Checks the names of devices (protocol: Guest → node).

A person approves a device by its displayed name. So a name must be visible, and must not control
the screen, hide a part of itself, change the reading order, or cover the text beside it.
"""

from __future__ import annotations

import re
import unicodedata

import idna

MAX_MARKS = 2
"""Combining marks in a row; more of them cover the lines above and below."""

_INVISIBLE = "an invisible or bidirectional character"
_UNWANTED = {
    "Cc": "a control character",
    "Cf": _INVISIBLE,
    "Cs": "half a surrogate pair",
    "Co": "a private-use character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
"""Unicode categories that a name may not contain; bidirectional controls are in ``Cf``."""

_NOT_VISIBLE = "no visible character"

_MARKS = {"Mn", "Me"}
"""Marks drawn over the preceding character. Spacing marks (``Mc``) have a width of their own."""

_IGNORABLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt): drawn as nothing at all."""

_BLANK = {"\u2800", "\U0001d159", "\U00013441", "\U00013442"}
"""Characters without ink: an empty Braille pattern, a null notehead, and hieroglyphic blanks."""

_PICTOGRAPHS = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf"
    "\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605"
    "\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734"
    "\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf"
    "\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f"
    "\U0001f18e\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f23a\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d"
    "\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff"
    "\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f\U0001f888-\U0001f88f"
    "\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff"
    "\U0001fc00-\U0001fffd"
)
"""Extended_Pictographic (Unicode 16, emoji-data.txt), which Python does not know."""

_JOINERS = "\u200c\u200d"
_EMOJI_BEFORE = re.compile(rf"[{_PICTOGRAPHS}][\ufe0f\U0001f3fb-\U0001f3ff]?\Z")
_EMOJI = re.compile(rf"[{_PICTOGRAPHS}]")
_PRESENTED = re.compile(rf"[{_PICTOGRAPHS}0-9#*]")
"""What the presentation selectors U+FE0E and U+FE0F may follow: an emoji, or a keycap's key."""


def normalised(name: str) -> str:
    """Return the name in NFC (Unicode Standard Annex 15), so that equal names are equal text."""
    return unicodedata.normalize("NFC", name)


def fault(text: str) -> str | None:
    """Return what is not allowed in a name or an id, in words; None if it may be displayed."""
    if text.isascii() and text.isprintable():
        return None if text.strip() else _NOT_VISIBLE
    marks = 0
    is_visible = False
    for at, char in enumerate(text):
        category = unicodedata.category(char)
        if category in _UNWANTED or _IGNORABLE.match(char):
            if not _is_needed(text, at):
                return f"{_UNWANTED.get(category, _INVISIBLE)} (U+{ord(char):04X})"
        elif category[0] in "LNPS" and char not in _BLANK:
            is_visible = True
        marks = marks + 1 if category in _MARKS else 0
        if marks > MAX_MARKS:
            return f"more than {MAX_MARKS} combining marks in a row"
    return None if is_visible else _NOT_VISIBLE


def _is_needed(text: str, at: int) -> bool:
    """Return whether an invisible character changes how the characters beside it are drawn."""
    if text[at] in "\ufe0e\ufe0f":
        return _PRESENTED.match(text, at - 1, at) is not None if at else False
    return text[at] in _JOINERS and (_joins_emoji(text, at) or _joins_letters(text, at))


def _joins_emoji(text: str, at: int) -> bool:
    """Return whether a joiner stands between two emoji (Unicode Standard Annex 29, GB11)."""
    before = _EMOJI_BEFORE.search(text, max(0, at - 2), at)
    return text[at] == "\u200d" and before is not None and bool(_EMOJI.match(text, at + 1))


def _joins_letters(text: str, at: int) -> bool:
    """Return whether a script needs the joiner there (RFC 5892, A.1 and A.2)."""
    try:
        return idna.valid_contextj(text, at)
    except ValueError:
        return False  # A character beside it that this version of Unicode does not have.


def without_faults(text: str) -> str:
    """Return the text in NFC, without the characters that ``fault`` does not allow."""
    before = None
    while before != text:
        # A character that goes may be what another one needed beside it.
        before, text = text, normalised(_allowed(text))
    return text


def _allowed(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for at, char in enumerate(text):
        category = unicodedata.category(char)
        if (category in _UNWANTED or _IGNORABLE.match(char)) and not _is_needed(text, at):
            continue
        marks = marks + 1 if category in _MARKS else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)
