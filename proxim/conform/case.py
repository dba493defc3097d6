"""A case: what the node does, what the client has to do, and which section says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from proxim.conform.stage import Stage

Script = Callable[["Stage"], Awaitable[None]]


class Role(StrEnum):
    """The role of the client under test."""

    GUEST = "guest"
    HOST = "host"


class CaseEnded(Exception):
    """The script cannot go on."""


class Nonconforming(CaseEnded):
    """The client did not do what the protocol says; the text says what, and what would be right."""


class NotSupported(CaseEnded):
    """The client says that it cannot do what an optional case asks for."""


class Case(NamedTuple):
    """One case.

    ``section`` is a heading of docs/reference/protocol.md or, with ``page``, of another page.
    ``summary`` is one sentence about the client.
    """

    id: str
    section: str
    summary: str
    script: Script
    required: bool = True
    page: str = "protocol"


class Result(NamedTuple):
    """The result of a case. ``outcome`` is "passed", "failed" or "skipped", ``why`` says more."""

    case: Case
    outcome: str
    why: str
    seconds: float


class Cases:
    """The cases of a role, in the order in which they run."""

    def __init__(self) -> None:
        self.all: list[Case] = []

    def add(
        self, id: str, section: str, *, required: bool = True, page: str = "protocol"
    ) -> Callable[[Script], Script]:
        """Return a decorator that adds a script; its docstring is the summary."""

        def keep(script: Script) -> Script:
            summary = " ".join((script.__doc__ or "").split())
            self.all.append(Case(id, section, summary, script, required, page))
            return script

        return keep
