"""Checks of text settings that a type cannot express."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import SplitResult, unquote, urlsplit

import idna
import msgspec

from proxim.net.names import with_canonical_host
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.link import JoinUrl
from proxim.redact import quote

MAX_LABEL = 58
"""Maximum length of the name of an announced node, in bytes."""

_STORE = re.compile(r"sqlite://(/[^?#]*[^?#/])")


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


def _is_public_url(url: str) -> bool:
    parts = http_parts(url)
    return parts is not None and not parts.query and not parts.fragment


def _is_join_url(url: str) -> bool:
    """Return whether links may lead there, with the host as ``node`` writes it into them."""
    if http_parts(url) is None:
        return False
    try:
        msgspec.convert(with_canonical_host(url), JoinUrl)
    except msgspec.ValidationError:
        return False
    return True


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
    raise InvalidSetting(
        f"metrics_listen: {quote(text)} is not an address with a port such as 127.0.0.1:9765 "
        "or [::1]:9765"
    )


def _is_origin(origin: str) -> bool:
    """Return whether this is scheme and host (RFC 6454, 6.2)."""
    try:
        parts = urlsplit(origin)
        is_whole = f"{parts.scheme}://{parts.netloc}" == origin and "@" not in origin
        return is_whole and parts.port != 0 and bool(parts.hostname)
    except ValueError:
        return False


def _is_network(network: str) -> bool:
    try:
        ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return True


def _is_label(name: str) -> bool:
    # A DNS label has at most 63 bytes (RFC 6763, section 4.1.1), and a number may be added.
    return len(name.encode()) <= MAX_LABEL and name.isprintable()


def _is_store(store: str) -> bool:
    return _STORE.fullmatch(store) is not None and unquote(store).isprintable()


_CHECKS: dict[str, tuple[Callable[[str], bool], str]] = {
    "host": (is_host, "an address or a host name such as 127.0.0.1 or ::1"),
    "announce": (_is_label, f"a printable name of at most {MAX_LABEL} bytes"),
    "public_url": (_is_public_url, "an http or https URL such as https://node.example"),
    "join_url": (
        _is_join_url,
        "an http or https URL such as https://app.example/pair, of ASCII and without #",
    ),
    "store": (_is_store, "a URL such as sqlite:///var/lib/proxim/sessions.db"),
    "allow_origin": (_is_origin, "an origin such as https://app.example"),
    "trusted_proxy": (_is_network, "an address or a network such as 10.0.0.0/8"),
}
"""The check of a text setting, and what it has to be."""


def check_texts(settings: object) -> None:
    """Raise ``InvalidSetting`` for a text, or one of a list of texts, that fails its check."""
    for name, (is_valid, wanted) in _CHECKS.items():
        given = getattr(settings, name)
        for text in given if isinstance(given, tuple) else (given,):
            if text is not None and not is_valid(text):
                raise InvalidSetting(f"{name}: {quote(text)} is not {wanted}")


def check_join_url(join_url: str | None, node_url: str | None) -> None:
    """Raise ``InvalidSetting`` if links of a node with TLS lead to a page without TLS.

    Anybody between that page and the phone could read the link's secret, or replace the page.
    """
    if join_url is None or node_url is None:
        return
    if urlsplit(node_url).scheme == "https" and urlsplit(join_url).scheme == "http":
        raise InvalidSetting(
            f"join_url: {quote(join_url)} is on http and the node on https, so links would lose "
            "the protection of TLS: serve the page on https"
        )
