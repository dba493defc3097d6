"""How many files, and so connections, this process may have open."""

from __future__ import annotations

from collections.abc import Iterator

from proxim.doctor.finding import Finding, ok, warning
from proxim.settings import Settings

try:
    import resource
except ImportError:  # Windows has no such limit.
    resource = None  # type: ignore[assignment]  # it is asked whether it is there

ENOUGH = 4096
"""Descriptors for about three thousand connections: what a small public node should have."""

_HOW = "set LimitNOFILE= in the unit, or `ulimit -n` before `proxim serve`"


def check(settings: Settings) -> Iterator[Finding]:
    """Whether the limit leaves room for the connections that there may be."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        yield ok("descriptors", "there is no limit")
    elif settings.max_connections > soft * 4 // 5:
        yield warning(
            "descriptors",
            f"max_connections is {settings.max_connections}, and {soft} files may be open",
            f"{_HOW}, to at least {settings.max_connections * 5 // 4}; or lower max_connections",
        )
    elif soft < ENOUGH:
        more = "" if hard == resource.RLIM_INFINITY else f"; up to {hard} may be asked for"
        yield warning(
            "descriptors",
            f"{soft} files may be open, which is {soft * 4 // 5} connections",
            f"for more, {_HOW}{more}",
        )
    else:
        yield ok("descriptors", f"{soft} files may be open")
