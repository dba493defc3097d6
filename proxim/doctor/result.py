"""The result of a check."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


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
