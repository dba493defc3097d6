"""Hide secrets in the output of ``repr`` and in errors, which end up in logs."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

MASK = "********"
"""Replaces the value of a secret."""


def quote(text: object) -> str:
    """Return ``repr(text)`` for an error; a text with an @ may be a URL with a password."""
    return repr(text) if "@" not in str(text) else "the value (hidden, since it has an @)"


def represent(struct: msgspec.Struct, secrets: Collection[str]) -> str:
    """Return the ``repr`` of a struct: fields that differ from the default, secrets masked."""
    fields = [
        f"{field.name}={MASK if field.name in secrets else repr(value)}"
        for field in msgspec.structs.fields(struct)
        if (value := getattr(struct, field.name)) != field.default
    ]
    return f"{type(struct).__name__}({', '.join(fields)})"
