"""Parse TOML, and find the line of a key, which ``tomllib`` does not tell."""

from __future__ import annotations

import re
import tomllib

from proxim.protocol.errors import InvalidSetting

_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*[.=]""")
_TABLE = re.compile(r"\s*\[\[?\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+))")

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


def parse(data: bytes, path: object) -> tuple[str, dict[str, object]]:
    """Return the text of a file, and its values.

    Raises ``InvalidSetting`` with the file, the line and a valid example.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidSetting(f"{path}:{line}: not UTF-8, which TOML requires") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{path}:{_describe_error(text, str(error))}") from None
    except RecursionError:
        raise InvalidSetting(f"{path}: its lists or tables are nested too deeply") from None


def _describe_error(text: str, said: str) -> str:
    lines = text.splitlines() or [""]
    at = _AT_LINE.search(said)
    number = int(at[1]) if at else len(lines)
    key = _KEY.match(lines[number - 1])
    if key and said.startswith("Cannot overwrite"):
        return f"{number}: {key[key.lastindex or 0]}: this is set twice; remove one of them"
    what = _AT_LINE.sub("", said)
    return f'{number}: not TOML: {what}; a setting looks like qr_ttl = 120 or host = "::1"'


def line_of(text: str, name: str) -> int | None:
    """Return the line number of the top-level key ``name``, from 1; None if there is none.

    ``text`` has to be TOML. Lines inside a multi-line text or list are not keys.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        found = _KEY.match(line) or _TABLE.match(line)
        if found and name in found.groups() and _is_complete(lines[: number - 1]):
            return number
    return None


def _is_complete(lines: list[str]) -> bool:
    """Return whether no multi-line value continues after these lines."""
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True
