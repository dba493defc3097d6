"""What a STUN or TURN URL looks like (RFC 7064, RFC 7065)."""

from __future__ import annotations

import re

from proxim.protocol.errors import InvalidSetting
from proxim.redact import shown

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?)"
_PORT = r"(?::(?P<port>[0-9]{1,5}))?"
_STUN = re.compile(rf"stuns?:{_HOST}{_PORT}", re.IGNORECASE)
_TURN = re.compile(rf"turns?:{_HOST}{_PORT}(?:\?transport=(?:udp|tcp))?", re.IGNORECASE)

STUN_EXAMPLE = "stun:host or stun:host:3478"
TURN_EXAMPLE = "turn:host, turn:host:3478?transport=udp or turns:host:443?transport=tcp"


def is_stun(url: str) -> bool:
    """Whether this is a URL of a STUN server (RFC 7064)."""
    return _matches(_STUN, url)


def is_turn(url: str) -> bool:
    """Whether this is a URL of a TURN server (RFC 7065); browsers know no transport but these."""
    return _matches(_TURN, url)


def check_stun(url: str) -> None:
    """Raise ``InvalidSetting``, with what would be right, unless this is a STUN URL."""
    if not is_stun(url):
        raise InvalidSetting(f"stun: {shown(url)} is no STUN URL such as {STUN_EXAMPLE}")


def check_turn(url: str) -> None:
    """Raise ``InvalidSetting``, with what would be right, unless this is a TURN URL."""
    if not is_turn(url):
        raise InvalidSetting(f"turn: {shown(url)} is no TURN URL such as {TURN_EXAMPLE}")


def _matches(pattern: re.Pattern[str], url: str) -> bool:
    found = pattern.fullmatch(url)
    return found is not None and 0 < int(found["port"] or 1) < 65536
