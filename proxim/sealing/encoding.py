"""Bytes as text, and fields as bytes (sealing: Notation)."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Literal, TypeVar

import msgspec

from proxim.protocol.tokens import encode

Role = Literal["g", "h"]
"""The guest, or the host."""

Draw = Callable[[int], bytes]
"""Returns so many random bytes; for example ``secrets.token_bytes``."""

KEY_BYTES = 32
"""Bytes of each key, secret, seed and salt."""

NO_KEY = bytes(KEY_BYTES)
"""Stands for a key in a hello that answers none."""

_LABEL = b"proxim seal 1"
_T = TypeVar("_T")


class DoesNotOpen(Exception):
    """The text is not what the peer sealed: another key or purpose, altered, or not valid."""


def info(name: str, *fields: bytes) -> bytes:
    """Return ``I(name, fields…)``: each part after its length, so that no two lists are equal."""
    parts = (_LABEL, name.encode(), *fields)
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def decode(text: str, size: int | None = None) -> bytes:
    """Return the bytes of strict base64url without padding, ``size`` of them if it is given.

    Raises ``DoesNotOpen`` for any text that ``encode`` does not write.
    """
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        raise DoesNotOpen from None
    # Python skips characters that are not base64, and unused bits.
    if encode(raw) != text or size not in (None, len(raw)):
        raise DoesNotOpen
    return raw


def padded(content: object, size: int) -> bytes:
    """Return a value as JSON of exactly ``size`` bytes, padded with spaces."""
    text = msgspec.json.encode(content)
    if len(text) > size:
        raise ValueError(f"{len(text)} bytes of JSON do not fit into {size}")
    return text.ljust(size)


def unpadded(text: bytes, size: int, kind: type[_T]) -> _T:
    """Return the value of JSON with exactly ``size`` bytes. Raises ``DoesNotOpen``."""
    if len(text) != size:
        raise DoesNotOpen
    return read(text, kind)


def read(text: bytes, kind: type[_T]) -> _T:
    """Return the value of JSON. Raises ``DoesNotOpen``."""
    try:
        # msgspec does not look at the bytes of a `Raw`, so they are decoded before.
        return msgspec.json.decode(text.decode(), type=kind)
    # msgspec raises the last one for JSON that is nested too deeply.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DoesNotOpen from None
