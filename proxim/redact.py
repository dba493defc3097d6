"""How a struct that holds secrets is shown, since what is shown ends up in logs and tracebacks."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

MASK = "********"
"""What is shown of a secret that is set."""


def quote(text: object) -> str:
    """What an error repeats of what it turns away: before an @ there may be a password."""
    return repr(text) if "@" not in str(text) else "what was given, which has an @,"


def represent(struct: msgspec.Struct, secrets: Collection[str]) -> str:
    """What ``repr`` shows of a struct: what is not as by default, with the secrets masked."""
    shown = [
        f"{field.name}={MASK if field.name in secrets else repr(value)}"
        for field in msgspec.structs.fields(struct)
        if (value := getattr(struct, field.name)) != field.default
    ]
    return f"{type(struct).__name__}({', '.join(shown)})"
