"""Whether something keeps this machine's clock right.

Sessions end by a clock that only runs forward, whatever the date. But certificates and TURN
credentials are good from one date to another, and a log is of use only if its times are.
"""

from __future__ import annotations

import ctypes
import sys

from proxim.doctor.result import CheckResult, ok, warning

_TIME_ERROR = 5
_TIMEX_BYTES = 512
"""More than any system's ``struct timex`` has; all zeros asks and changes nothing."""


def check() -> CheckResult:
    """What the kernel says (adjtimex(2)); on other systems than Linux nothing is known."""
    state = _state()
    if state is None:
        return ok("clock", "cannot be asked on this system")
    if state == _TIME_ERROR:
        return warning(
            "clock",
            "the kernel says that nothing keeps it right",
            "run a time service, such as systemd-timesyncd or chrony",
        )
    return ok("clock", "is kept right")


def _state() -> int | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer
