"""The link that a QR code shows (protocol: Links and QR codes)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from proxim.protocol.errors import InvalidLink

_FRAGMENT = re.compile(r"([A-Za-z0-9_-]{16,128})\.([A-Za-z0-9_-]{16,128})")


class Link(NamedTuple):
    """``<public url>/join#<session_id>.<token>``: the URL of the node, the session and its token.

    Session id and token are in the fragment, which a browser never sends to a server.
    """

    node_url: str
    session_id: str
    token: str

    def __str__(self) -> str:
        return f"{self.node_url.rstrip('/')}/join#{self.session_id}.{self.token}"


def parse_link(text: str) -> Link:
    """Return the parts of a link. Raises ``InvalidLink``, which says what is wrong."""
    wanted = "a link looks like https://node.example/join#<session id>.<token>"
    node_url, fragment = split_link(text, wanted)
    secret = _FRAGMENT.fullmatch(fragment)
    if secret is None:
        raise InvalidLink(f"the part after # is missing or cut short; {wanted}")
    return Link(node_url, secret[1], secret[2])


def split_link(text: str, wanted: str) -> tuple[str, str]:
    """Return the URL of the node and the part after the ``#``.

    Raises ``InvalidLink``, which says what is wrong, and what is ``wanted``.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidLink(f"{error}; {wanted}") from None
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidLink(f"it has characters that are not allowed in a link; {wanted}")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidLink(f"this is not an http or https URL; {wanted}")
    base, found, rest = parts.path.rpartition("/join")
    if not found or rest.strip("/"):
        raise InvalidLink(f"the path does not end in /join; {wanted}")
    return f"{parts.scheme}://{parts.netloc}{base}", parts.fragment
