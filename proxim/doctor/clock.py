"""Whether the system clock is synchronized.

Sessions end by a clock that cannot be set. But certificates and TURN credentials are valid between
two dates, and a log is useful only with the right times.
"""

from __future__ import annotations

import ctypes
import sys

from proxim.doctor.result import CheckResult, ok, warning

_TIME_ERROR = 5
_TIMEX_BYTES = 512
"""More than the ``struct timex`` of any system. All zeros reads the state and changes nothing."""


def check() -> CheckResult:
    """Return what the kernel reports (adjtimex(2)), which is possible only on Linux."""
    state = _state()
    if state is None:
        return ok("clock", "cannot be checked on this system")
    if state == _TIME_ERROR:
        return warning(
            "clock",
            "the system clock is not synchronized",
            "run a time service, such as systemd-timesyncd or chrony",
        )
    return ok("clock", "is synchronized")


def _state() -> int | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer
