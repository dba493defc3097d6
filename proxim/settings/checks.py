"""Checks of text settings that a type cannot express."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit

import idna

from proxim.protocol.errors import InvalidSetting
from proxim.redact import quote

MAX_LABEL = 58
"""Maximum length of the name of an announced node, in bytes."""

MIN_KEY_LENGTH = 32
"""Minimum number of characters of a key."""

_STORE = re.compile(r"sqlite://(/[^?#]*[^?#/])")


def _invalid(name: str, value: str, wanted: str) -> InvalidSetting:
    return InvalidSetting(f"{name}: {quote(value)} is not {wanted}")


def is_host(host: str) -> bool:
    """Return whether this can be a host name or an IP address, without a DNS query."""
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
        elif host.isascii():
            # Resolving a name that IDNA cannot encode raises UnicodeError, not OSError.
            host.encode("idna")
        else:
            idna.encode(host, uts46=True)
    except ValueError:
        return False
    return host != "" and host.isprintable() and not set(host) & set(" /@?#[]")


def check_host(name: str, host: str) -> None:
    """Raise ``InvalidSetting`` unless ``host`` can be a host name or an IP address."""
    if not is_host(host):
        raise _invalid(name, host, "an address or a host name such as 127.0.0.1 or ::1")


def http_parts(url: str) -> SplitResult | None:
    """Return the parts of an http or https URL; None if it is not one.

    A URL with a user is refused, since it would show the password.
    """
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    return parts if is_valid and is_host(parts.hostname or "") else None


def check_url(url: str) -> None:
    """Raise ``InvalidSetting`` unless this is an http or https URL without query or fragment."""
    parts = http_parts(url)
    if parts is None or parts.query or parts.fragment:
        raise _invalid("public_url", url, "an http or https URL such as https://node.example")


def split_endpoint(text: str) -> tuple[str, int]:
    """Return address and port of ``ADDRESS:PORT``; an IPv6 address has brackets.

    Raises ``InvalidSetting`` for anything else. Port 0 means a free port.
    """
    try:
        parts = urlsplit(f"//{text}")
        is_whole = parts.port is not None and parts.netloc == text and "@" not in text
        if is_whole and parts.port is not None and is_host(parts.hostname or ""):
            assert parts.hostname is not None
            return parts.hostname, parts.port
    except ValueError:
        pass
    wanted = "an address with a port such as 127.0.0.1:9765 or [::1]:9765"
    raise _invalid("metrics_listen", text, wanted)


def check_origin(origin: str) -> None:
    """Raise ``InvalidSetting`` unless this is an origin: scheme and host (RFC 6454, 6.2)."""
    try:
        parts = urlsplit(origin)
        is_whole = f"{parts.scheme}://{parts.netloc}" == origin and "@" not in origin
        if is_whole and parts.port != 0 and parts.hostname:
            return
    except ValueError:
        pass
    raise _invalid("allow_origin", origin, "an origin such as https://app.example")


def check_network(network: str) -> None:
    """Raise ``InvalidSetting`` unless this is an IP address or a network."""
    try:
        ipaddress.ip_network(network, strict=False)
    except ValueError:
        wanted = "an address or a network such as 10.0.0.0/8"
        raise _invalid("trusted_proxy", network, wanted) from None


def check_name(name: str) -> None:
    """Raise ``InvalidSetting`` unless a node can be announced with this name."""
    # A DNS label has at most 63 bytes (RFC 6763, section 4.1.1), and a number may be added.
    if len(name.encode()) > MAX_LABEL or not name.isprintable():
        raise InvalidSetting(
            f"announce: {name!r} is not a printable name of at most {MAX_LABEL} bytes"
        )


def check_store(store: str | None, key: str | None) -> None:
    """Raise ``InvalidSetting`` unless both are unset, or both are valid."""
    if (store is None) != (key is None):
        raise InvalidSetting("store and store_key go together: give both, or neither")
    if store is not None and not (_STORE.fullmatch(store) and unquote(store).isprintable()):
        raise _invalid("store", store, "a URL such as sqlite:///var/lib/proxim/sessions.db")
    if key is not None and len(key) < MIN_KEY_LENGTH:
        raise InvalidSetting(
            f"store_key must have at least {MIN_KEY_LENGTH} characters, "
            "for example the output of `openssl rand -base64 32`"
        )
