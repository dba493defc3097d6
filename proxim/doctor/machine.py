"""Checks of the machine: file descriptors, and so connections, and the clock."""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Iterator

from proxim.doctor.result import CheckResult, ok, warning
from proxim.net.descriptors import for_connections, limits
from proxim.settings import Settings

ENOUGH = 4096
"""Descriptors for about 3,000 connections, which a small public node should have."""

_TIME_ERROR = 5
_TIMEX_BYTES = 512
"""More than the ``struct timex`` of any system. All zeros reads the state and changes nothing."""

_HOW = "set `ulimit -n` before `proxim serve`"
if sys.platform == "linux":
    _HOW = "set LimitNOFILE= in the unit, or `ulimit -n` before `proxim serve`"


def check_descriptors(settings: Settings) -> Iterator[CheckResult]:
    """Yield whether the limit of descriptors allows ``max_connections``."""
    soft, hard = limits()
    if soft == math.inf:
        yield ok("descriptors", "there is no limit")
    elif settings.max_connections > for_connections(soft):
        yield warning(
            "descriptors",
            f"max_connections is {settings.max_connections}, but only {soft} files may be open",
            f"{_HOW}, to at least {settings.max_connections * 5 // 4}; or lower max_connections",
        )
    elif soft < ENOUGH:
        more = "" if hard == math.inf else f"; the system allows up to {hard}"
        yield warning(
            "descriptors",
            f"{soft} files may be open, which is {for_connections(soft)} connections",
            f"for more, {_HOW}{more}",
        )
    else:
        yield ok("descriptors", f"{soft} files may be open")


def check_clock() -> CheckResult:
    """Return whether the clock is synchronized, as the kernel reports (adjtimex(2)) on Linux.

    Sessions end by a clock that cannot be set. But certificates and TURN credentials are valid
    between two dates, and a log is useful only with the right times.
    """
    state = _clock_state()
    if state is None:
        return ok("clock", "cannot be checked on this system")
    if state == _TIME_ERROR:
        return warning(
            "clock",
            "the system clock is not synchronized",
            "run a time service, such as systemd-timesyncd or chrony",
        )
    return ok("clock", "is synchronized")


def _clock_state() -> int | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer
