"""The help of a setting."""

from __future__ import annotations

from typing import NamedTuple, get_args, get_type_hints


class Metavar(NamedTuple):
    """What the help shows as the value of an option: a unit, or the kind of text."""

    name: str


class Help(NamedTuple):
    """The help of a setting; ``metavar`` is for a type that has no ``Metavar``.

    The value of a secret is never shown: not in an error, and not by ``proxim config show``.
    """

    text: str
    metavar: str = ""
    is_secret: bool = False
    flag_value: str | None = None
    """The value of its option without a value."""


def secrets_of(settings: type) -> frozenset[str]:
    """Return the names of the secret fields of a class."""
    kinds = get_type_hints(settings, include_extras=True).items()
    return frozenset(
        name
        for name, kind in kinds
        if any(isinstance(extra, Help) and extra.is_secret for extra in get_args(kind))
    )
