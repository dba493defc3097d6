"""Host names in the form in which they are compared."""

from __future__ import annotations

from urllib.parse import urlsplit

import idna

_LONGEST = 253
"""The most characters of a host name (RFC 1035, 2.3.4)."""


def canonical(name: str) -> str:
    """Return a host name as browsers send it: A-labels in lower case (RFC 5890, 2.3.2.1).

    A trailing dot is dropped. A name that IDNA does not permit stays as it is, as does one that is
    longer than any host name, for which the encoding could take long.
    """
    name = name.lower().rstrip(".")
    if name.isascii() or len(name) > _LONGEST:
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        return name


def with_canonical_host(url: str) -> str:
    """Return a URL with the canonical form of its host, which every scanner and client reads."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.hostname.isascii():
        return url
    port = "" if parts.port is None else f":{parts.port}"
    return parts._replace(netloc=canonical(parts.hostname) + port).geturl()
