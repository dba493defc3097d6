"""JSON values as an application sends and receives them."""

from __future__ import annotations

import json

import msgspec

from proxim.protocol.errors import BadMessage


def decode(data: msgspec.Raw) -> object:
    """Decode a value. The node has checked that it is JSON, but not its numbers."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        # A number such as 1e999; the standard library decodes it as infinity.
        return json.loads(bytes(data), parse_int=_parse_int)


def _parse_int(digits: str) -> int | float:
    """Parse an integer; a very long one as a float, since Python refuses thousands of digits."""
    return int(digits) if len(digits) < 1000 else float(digits)


def encode(value: object) -> bytes:
    """Return a value as JSON. Raises ``BadMessage`` if it is not a JSON value."""
    try:
        text = msgspec.json.encode(value)
        if b"null" in text:
            # msgspec encodes NaN and infinity, which JSON does not have, as null.
            json.dumps(value, allow_nan=False, skipkeys=True, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadMessage(f"not a JSON value: {error}") from None
    return text
