"""Checks how deeply a message is nested (protocol: Transport).

Nearly every message has so few brackets that counting them is enough. Only if there are more, or
lists, are the brackets matched, in time proportional to the length of the text.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate

MAX_DEPTH = 32
"""Levels of objects and arrays, the message itself included."""

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_KEY_OR_BRACKET = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|[\[\]{}]')

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""A bracket as a signed byte: one level down, or one level up."""


def is_too_deep(text: str) -> bool:
    """Return whether valid JSON is nested more than ``MAX_DEPTH`` deep."""
    # Messages rarely have lists, and their objects begin early: neither search reads far.
    if "[" not in text and text.count("{", 0, text.rfind("{")) < MAX_DEPTH:
        return False
    brackets = _STRING.sub("", text).encode().translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(array("b", brackets)), default=0) > MAX_DEPTH


def too_deep_field(text: str) -> str:
    """Return the field of the message that is nested too deeply, or an empty string."""
    depth, field = 0, ""
    for found in _KEY_OR_BRACKET.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                break
        elif found[0] in ("]", "}"):
            depth -= 1
        elif found[2] and depth == 1:
            field = found[1]
    return field
