"""On which line of a TOML file a key stands; the standard library's parser does not say."""

from __future__ import annotations

import re
import tomllib

_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*[.=]""")
_TABLE = re.compile(r"\s*\[\[?\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+))")


def line_of(text: str, name: str) -> int | None:
    """The number, from 1, of the line on which the top-level key ``name`` begins; None if none.

    ``text`` has to be TOML. A line within a text or a list of several lines is no key's.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        found = _KEY.match(line) or _TABLE.match(line)
        if found and name in found.groups() and _is_complete(lines[: number - 1]):
            return number
    return None


def _is_complete(lines: list[str]) -> bool:
    """Whether nothing that begins on these lines goes on behind them."""
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True
