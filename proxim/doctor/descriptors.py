"""How many files, and so connections, this process may have open."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from proxim.doctor.result import CheckResult, ok, warning
from proxim.net.descriptors import for_connections, limits
from proxim.settings import Settings

ENOUGH = 4096
"""Descriptors for about three thousand connections: what a small public node should have."""

_HOW = "set `ulimit -n` before `proxim serve`"
if sys.platform == "linux":
    _HOW = "set LimitNOFILE= in the unit, or `ulimit -n` before `proxim serve`"


def check(settings: Settings) -> Iterator[CheckResult]:
    """Whether the limit leaves room for the connections that there may be."""
    soft, hard = limits()
    if soft == math.inf:
        yield ok("descriptors", "there is no limit")
    elif settings.max_connections > for_connections(soft):
        yield warning(
            "descriptors",
            f"max_connections is {settings.max_connections}, and {soft} files may be open",
            f"{_HOW}, to at least {settings.max_connections * 5 // 4}; or lower max_connections",
        )
    elif soft < ENOUGH:
        more = "" if hard == math.inf else f"; up to {hard} may be asked for"
        yield warning(
            "descriptors",
            f"{soft} files may be open, which is {for_connections(soft)} connections",
            f"for more, {_HOW}{more}",
        )
    else:
        yield ok("descriptors", f"{soft} files may be open")
