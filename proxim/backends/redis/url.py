"""Where the Redis of a cluster is, and who vouches for it."""

from __future__ import annotations

import ssl
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from proxim.protocol.errors import InvalidSetting


class Place(NamedTuple):
    """Where a Redis is."""

    host: str
    port: int
    db: int
    username: str | None
    password: str | None
    secure: bool

    def __repr__(self) -> str:
        return f"Place({self.host!r}, {self.port})"  # Not the password.


def parse_url(url: str) -> Place:
    """Read ``redis://[user:password@]host[:port][/db]``, or ``rediss://`` for TLS.

    Raises ``InvalidSetting``; the text has no password in it.
    """
    wanted = "the URL of one Redis looks like redis://127.0.0.1:6379/0, or rediss:// for TLS"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        # What cannot be looked up raises here what nobody who connects expects.
        (host or "").encode("idna")
    except ValueError:
        raise InvalidSetting(f"cluster: {wanted}") from None
    if "sentinel" in parts.scheme or "cluster" in parts.scheme or "," in parts.netloc:
        raise InvalidSetting(
            f"cluster: Redis Sentinel and Redis Cluster do not work here; {wanted}"
        )
    db = parts.path.strip("/") or "0"
    if parts.scheme not in ("redis", "rediss") or not host or not db.isdecimal() or parts.query:
        raise InvalidSetting(f"cluster: {wanted}")
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Place(host, port or 6379, int(db), username, password, parts.scheme == "rediss")


def trust(ca: str | None) -> ssl.SSLContext:
    """By what a Redis with TLS is judged: by the system's authorities, and those in ``ca`` (PEM).

    Raises ``InvalidSetting`` when that file cannot be used.
    """
    # The library's own default neither demands a certificate nor looks at the name in it.
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError) as error:
            raise InvalidSetting(f"cluster_ca: cannot be used: {error}") from None
    return context
