"""The result of a check, and the question to a server that most checks of servers ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum

import trio
from msgspec import Struct

TIMEOUT = 3.0
"""Seconds for connecting to a server, and for its answer."""


class Level(StrEnum):
    """How serious a result is. Only an error keeps a node from working."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class CheckResult(Struct, frozen=True):
    """What was checked, what was found, and how to fix it (empty if nothing is wrong)."""

    check: str
    level: Level
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> CheckResult:
    """Return a result without a problem."""
    return CheckResult(check, Level.OK, found)


def warning(check: str, found: str, remedy: str) -> CheckResult:
    """Return a result that works, but not as well as it could, or not for long."""
    return CheckResult(check, Level.WARNING, found, remedy)


def error(check: str, found: str, remedy: str) -> CheckResult:
    """Return a result that does not work."""
    return CheckResult(check, Level.ERROR, found, remedy)


async def ask(
    check: str, server: str, remedy: str, question: Callable[[], Awaitable[object]]
) -> CheckResult:
    """Return whether a server answers in time; ``question`` raises why it does not."""
    began = trio.current_time()
    why = ""
    with trio.move_on_after(TIMEOUT) as scope:
        try:
            await question()
        except (OSError, ValueError, trio.BrokenResourceError) as problem:
            why = str(problem) or type(problem).__name__
        else:
            return ok(check, f"{server} answers, in {1000 * (trio.current_time() - began):.0f} ms")
    # A library may raise an error of its own when it is cancelled.
    return error(check, f"{server}: {'no answer' if scope.cancel_called else why}", remedy)
