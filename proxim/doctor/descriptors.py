"""How many file descriptors, and so connections, this process may have."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from proxim.doctor.result import CheckResult, ok, warning
from proxim.net.descriptors import for_connections, limits
from proxim.settings import Settings

ENOUGH = 4096
"""Descriptors for about 3,000 connections, which a small public node should have."""

_HOW = "set `ulimit -n` before `proxim serve`"
if sys.platform == "linux":
    _HOW = "set LimitNOFILE= in the unit, or `ulimit -n` before `proxim serve`"


def check(settings: Settings) -> Iterator[CheckResult]:
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
