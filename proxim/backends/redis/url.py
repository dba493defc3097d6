"""The URL of a cluster's Redis, and the certificate authorities that it is checked against."""

from __future__ import annotations

import ipaddress
import ssl
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from proxim.protocol.errors import InvalidSetting


class RedisAddress(NamedTuple):
    """The address of a Redis, and how to log in."""

    host: str
    port: int
    db: int
    username: str | None
    password: str | None
    secure: bool

    @property
    def is_local(self) -> bool:
        """Whether Redis is on this machine, by its address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __repr__(self) -> str:
        return f"RedisAddress({self.host!r}, {self.port})"  # Not the password.


def parse_url(url: str) -> RedisAddress:
    """Parse ``redis://[user:password@]host[:port][/db]``, or ``rediss://`` for TLS.

    Raises ``InvalidSetting``, whose text does not contain the password.
    """
    wanted = "the URL of one Redis looks like redis://127.0.0.1:6379/0, or rediss:// for TLS"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        # A host that is no domain name would raise a `UnicodeError` when it is connected to.
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
    return RedisAddress(host, port or 6379, int(db), username, password, parts.scheme == "rediss")


def trust(ca: str | None) -> ssl.SSLContext:
    """Return a TLS context with the system's certificate authorities, and those in ``ca`` (PEM).

    Raises ``InvalidSetting`` if the file cannot be used.
    """
    # The library's default checks neither the certificate nor the name in it.
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError) as error:
            raise InvalidSetting(f"cluster_ca: cannot be used: {error}") from None
    return context
