"""STUN and TURN URLs (RFC 7064, RFC 7065)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from proxim.protocol.errors import InvalidSetting
from proxim.redact import quote

_URL = re.compile(
    r"(?P<scheme>stun|turn)(?P<secure>s?):"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?",
    re.ASCII | re.IGNORECASE,
)

_EXAMPLES = {
    "stun": "stun:host or stun:host:3478",
    "turn": "turn:host, turn:host:3478?transport=udp or turns:host:443?transport=tcp",
}


class Server(NamedTuple):
    """The address of a STUN or TURN server."""

    kind: str
    """``stun`` or ``turn``."""
    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"]


def parse(url: str) -> Server | None:
    """Return the server that a STUN or TURN URL names; None if it is not such a URL."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    kind, secure, transport = found["scheme"].lower(), bool(found["secure"]), found["transport"]
    port = int(found["port"] or (5349 if secure else 3478))
    # Only a TURN URL has a transport.
    if not 0 < port < 65536 or (kind == "stun" and transport):
        return None
    if secure:
        return Server(kind, found["host"].strip("[]"), port, "tls")
    is_tcp = (transport or "").lower() == "tcp"
    return Server(kind, found["host"].strip("[]"), port, "tcp" if is_tcp else "udp")


def check_urls(kind: Literal["stun", "turn"], urls: Iterable[str]) -> None:
    """Raise ``InvalidSetting``, with an example, unless these are URLs of that kind."""
    for url in urls:
        server = parse(url)
        if server is None or server.kind != kind:
            raise InvalidSetting(
                f"{kind}: {quote(url)} is not a {kind.upper()} URL such as {_EXAMPLES[kind]}"
            )
