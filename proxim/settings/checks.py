"""What a setting's text has to look like, where its type alone does not say so."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit

import idna

from proxim.protocol.errors import InvalidSetting
from proxim.redact import quote

MAX_LABEL = 58
"""Longest name that a node is announced by, in bytes."""

SHORTEST_KEY = 32
"""Characters that a key must have that is a text of the operator's."""

_STORE = re.compile(r"sqlite://(/[^?#]*[^?#/])")


def is_host(host: str) -> bool:
    """Whether this can be a name or an IP address; nobody is asked."""
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
        elif host.isascii():
            # What has no form for the domain name system, resolving raises no OSError about.
            host.encode("idna")
        else:
            idna.encode(host, uts46=True)
    except ValueError:
        return False
    return host != "" and host.isprintable() and not set(host) & set(" /@?#[]")


def check_host(name: str, host: str) -> None:
    """Raise ``InvalidSetting`` unless ``host``, the setting of that name, can be one."""
    if not is_host(host):
        raise InvalidSetting(
            f"{name}: {quote(host)} is no address or name such as 127.0.0.1 or ::1"
        )


def http_parts(url: str) -> SplitResult | None:
    """An http or https URL taken apart; None if it is not one.

    One with a user is none: whoever it is shown to would be told the password.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    return parts if fits and is_host(parts.hostname or "") else None


def check_url(url: str) -> None:
    """Raise ``InvalidSetting`` unless this is an http or https URL without query or fragment."""
    parts = http_parts(url)
    if parts is None or parts.query or parts.fragment:
        raise InvalidSetting(
            f"public_url: {quote(url)} is no http or https address such as https://node.example"
        )


def split_endpoint(text: str) -> tuple[str, int]:
    """Address and port of ``ADDRESS:PORT``; an IPv6 address stands in brackets.

    Raises ``InvalidSetting`` for anything else. Port 0 is a free one.
    """
    try:
        parts = urlsplit(f"//{text}")
        is_whole = parts.port is not None and parts.netloc == text and "@" not in text
        if is_whole and parts.port is not None and is_host(parts.hostname or ""):
            assert parts.hostname is not None
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise InvalidSetting(
        f"metrics_listen: {quote(text)} is no address with a port "
        "such as 127.0.0.1:9765 or [::1]:9765"
    )


def check_origin(origin: str) -> None:
    """Raise ``InvalidSetting`` unless this is an origin: scheme and host (RFC 6454, 6.2)."""
    try:
        parts = urlsplit(origin)
        is_whole = f"{parts.scheme}://{parts.netloc}" == origin and "@" not in origin
        if is_whole and parts.port != 0 and parts.hostname:
            return
    except ValueError:
        pass
    raise InvalidSetting(f"allow_origin: {quote(origin)} is no origin such as https://app.example")


def check_network(network: str) -> None:
    """Raise ``InvalidSetting`` unless this is an IP address or a network of them."""
    try:
        ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise InvalidSetting(
            f"trusted_proxy: {quote(network)} is no address or network such as 10.0.0.0/8"
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
    if store is not None and not (_STORE.fullmatch(store) and unquote(store).isprintable()):
        raise InvalidSetting(
            f"store: {quote(store)} is no address such as sqlite:///var/lib/proxim/sessions.db"
        )
    if key is not None and len(key) < SHORTEST_KEY:
        raise InvalidSetting(
            f"store_key must have at least {SHORTEST_KEY} characters, "
            "as `openssl rand -base64 32` makes them"
        )
