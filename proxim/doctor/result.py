"""What a check has found."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """How bad it is. Only an error keeps a node from doing its work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class CheckResult(Struct, frozen=True):
    """What was checked, what was found, and what to do about it (empty where nothing has to be)."""

    check: str
    level: Level
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> CheckResult:
    """All is well."""
    return CheckResult(check, Level.OK, found)


def warning(check: str, found: str, remedy: str) -> CheckResult:
    """It works, but not as well as it could, or not for long."""
    return CheckResult(check, Level.WARNING, found, remedy)


def error(check: str, found: str, remedy: str) -> CheckResult:
    """It does not work."""
    return CheckResult(check, Level.ERROR, found, remedy)
