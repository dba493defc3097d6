"""A TOML file, and on which line something stands in it; the standard library hardly says so."""

from __future__ import annotations

import re
import tomllib

from proxim.protocol.errors import InvalidSetting

_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*[.=]""")
_TABLE = re.compile(r"\s*\[\[?\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+))")

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


def parse(data: bytes, path: object) -> tuple[str, dict[str, object]]:
    """The text of a file, and what stands in it.

    Raises ``InvalidSetting`` with the file, the line and what would be right.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidSetting(f"{path}:{line}: not UTF-8, as TOML has to be") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{path}:{_what_is_wrong(text, str(error))}") from None
    except RecursionError:
        raise InvalidSetting(f"{path}: its lists or tables are nested too deeply") from None


def _what_is_wrong(text: str, said: str) -> str:
    lines = text.splitlines() or [""]
    at = _AT_LINE.search(said)
    number = int(at[1]) if at else len(lines)
    key = _KEY.match(lines[number - 1])
    if key and said.startswith("Cannot overwrite"):
        return f"{number}: {_name(key)}: this is set twice; leave one of them"
    what = _AT_LINE.sub("", said)
    return f'{number}: not TOML: {what}; a setting looks like qr_ttl = 120 or host = "::1"'


def _name(key: re.Match[str]) -> str:
    return next(name for name in key.groups() if name is not None)


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
