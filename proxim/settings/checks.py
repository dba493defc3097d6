"""What a setting's text has to look like, where its type alone does not say so."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from proxim.core.errors import InvalidSetting

MAX_LABEL = 58
"""Longest name that a node is announced by, in bytes."""

SHORTEST_KEY = 32
"""Characters that a key must have that is a text of the operator's."""

_STORE = re.compile(r"sqlite://(/[^?#]*[^?#/])")


def check_url(url: str) -> None:
    """Raise ``InvalidSetting`` unless this is an http or https URL without query or fragment."""
    try:
        parts = urlsplit(url)
        if (
            parts.scheme in ("http", "https")
            and parts.hostname
            and parts.port != 0
            and not (parts.query or parts.fragment)
        ):
            return
    except ValueError:
        pass
    raise InvalidSetting(
        f"public_url: {url!r} is no http or https address such as https://node.example"
    )


def split_endpoint(text: str) -> tuple[str, int]:
    """Address and port of ``ADDRESS:PORT``; an IPv6 address stands in brackets.

    Raises ``InvalidSetting`` for anything else. Port 0 is a free one.
    """
    try:
        parts = urlsplit(f"//{text}")
        if parts.hostname and parts.port is not None and parts.netloc == text and "@" not in text:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise InvalidSetting(
        f"metrics_listen: {text!r} is no address with a port such as 127.0.0.1:9765 or [::1]:9765"
    )


def check_origin(origin: str) -> None:
    """Raise ``InvalidSetting`` unless this is an origin: scheme and host (RFC 6454, 6.2)."""
    try:
        parts = urlsplit(origin)
        if parts.hostname and parts.port != 0 and f"{parts.scheme}://{parts.netloc}" == origin:
            return
    except ValueError:
        pass
    raise InvalidSetting(f"allow_origin: {origin!r} is no origin such as https://app.example")


def check_network(network: str) -> None:
    """Raise ``InvalidSetting`` unless this is an IP address or a network of them."""
    try:
        ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise InvalidSetting(
            f"trusted_proxy: {network!r} is no address or network such as 10.0.0.0/8"
        ) from None


def check_name(name: str) -> None:
    """Raise ``InvalidSetting`` unless a node can be announced by this name."""
    # A label of the domain name system has 63 bytes (RFC 6763, section 4.1.1); a number may follow.
    if len(name.encode()) > MAX_LABEL or not name.isprintable():
        raise InvalidSetting(
            f"announce: {name!r} is no name of at most {MAX_LABEL} bytes that can be shown"
        )


def check_store(store: str | None, key: str | None) -> None:
    """Raise ``InvalidSetting`` unless there is neither, or an address and a key worth the name."""
    if (store is None) != (key is None):
        raise InvalidSetting("store and store_key go together: give both, or neither")
    if store is not None and not _STORE.fullmatch(store):
        raise InvalidSetting(
            f"store: {store!r} is no address such as sqlite:///var/lib/proxim/sessions.db"
        )
    if key is not None and len(key) < SHORTEST_KEY:
        raise InvalidSetting(
            f"store_key must have at least {SHORTEST_KEY} characters, "
            "as `openssl rand -base64 32` makes them"
        )
