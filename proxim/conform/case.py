"""A case: what the node does, what the client has to do, and which section says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, NamedTuple

Script = Callable[[Any], Awaitable[None]]
"""Plays a case on a ``Stage``, that of a sealed case on a ``SealedStage``."""


class Role(StrEnum):
    """The role of the client under test."""

    GUEST = "guest"
    HOST = "host"


class CaseEnded(Exception):
    """The script cannot go on."""


class Nonconforming(CaseEnded):
    """The client did not do what the protocol says; the text says what, and what would be right."""


class NotSupported(CaseEnded):
    """The client says that it cannot do what the case asks for."""


class Case(NamedTuple):
    """One case.

    ``section`` is a heading of docs/reference/protocol.md or, with ``page``, of another page.
    ``summary`` is one sentence about the client. ``features`` are what a client may lack, such as
    "seal": the case is skipped for a client that says so, and else as required as any other.
    """

    id: str
    section: str
    summary: str
    script: Script
    required: bool = True
    page: str = "protocol"
    features: tuple[str, ...] = ()

    @property
    def may_be_skipped(self) -> bool:
        """Whether a client conforms without what the case asks for."""
        return not self.required or bool(self.features)

    @property
    def needed(self) -> str:
        """Whether the case is required, and of which clients, in words."""
        if not self.required:
            return "optional"
        return f"required with {' and '.join(self.features)}" if self.features else "required"


class Result(NamedTuple):
    """The result of a case. ``outcome`` is "passed", "failed" or "skipped", ``why`` says more."""

    case: Case
    outcome: str
    why: str
    seconds: float


class Cases:
    """The cases of a role, in the order in which they run; all need the same ``features``."""

    def __init__(self, page: str = "protocol", features: tuple[str, ...] = ()) -> None:
        self.all: list[Case] = []
        self._page = page
        self._features = features

    def add(
        self, id: str, section: str, *, required: bool = True, feature: str = ""
    ) -> Callable[[Script], Script]:
        """Return a decorator that adds a script; its docstring is the summary.

        ``feature`` is what this case needs besides those of all.
        """

        def keep(script: Script) -> Script:
            summary = " ".join((script.__doc__ or "").split())
            features = (*self._features, *([feature] if feature else []))
            case = Case(id, section, summary, script, required, self._page, features)
            self.all.append(case)
            return script

        return keep
