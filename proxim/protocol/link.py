"""The link that a QR code shows (protocol: Links and QR codes)."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from msgspec import Meta

from proxim.protocol.errors import InvalidLink

JoinUrl = Annotated[
    str,
    Meta(max_length=256, pattern=r"\Ahttps?://[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]*([/?][!\"$-~]*)?\Z"),
]
"""The URL of a page that links lead to: printable ASCII, without a user or a fragment."""

WANTED = (
    "a link looks like https://node.example/join#<session id>.<seed>.<key>, "
    "or #<session id>.<token> if it is not sealed"
)
"""The form of a link, for an error about a text that is none."""

_SEALED = re.compile(r"(#[^.]*\.[^.]*)\.[A-Za-z0-9_-]{43}\Z")
_FRAGMENT = re.compile(r"([A-Za-z0-9_-]{16,128})\.([A-Za-z0-9_-]{16,128})")


class Link(NamedTuple):
    """``<public url>/join#<session_id>.<token>``: the URL of the node, the session and its token.

    Session id and token are in the fragment, which a browser never sends to a server. A link may
    lead to another page, which has to know the node: see ``on_page``.
    """

    node_url: str
    session_id: str
    token: str

    def __str__(self) -> str:
        return self.on_page(f"{self.node_url.rstrip('/')}/join")

    def on_page(self, join_url: str) -> str:
        """Return the link that leads to the page at ``join_url``."""
        return f"{join_url}#{self.session_id}.{self.token}"


def clean_link(text: str) -> str:
    """Return a link to any page without spaces around it, to be shown. Raises ``InvalidLink``.

    The link may be sealed.
    """
    text = text.strip()
    parse_link(_SEALED.sub(r"\1", text), "")
    return text


def parse_link(text: str, node_url: str | None = None) -> Link:
    """Return the parts of a link. Raises ``InvalidLink``, which says what is wrong.

    With ``node_url``, the node that the program uses, the link may lead to any page.
    """
    found_url, fragment = split_link(text, WANTED, on_any_page=node_url is not None)
    secret = _FRAGMENT.fullmatch(fragment)
    if secret is None:
        raise InvalidLink(f"the part after # is missing or cut short; {WANTED}")
    return Link(node_url or found_url, secret[1], secret[2])


def split_link(text: str, wanted: str, *, on_any_page: bool = False) -> tuple[str, str]:
    """Return the URL of the node and the part after the ``#``.

    The URL of a link ``on_any_page`` says nothing of the node. Raises ``InvalidLink``, which says
    what is wrong, and what is ``wanted``.
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
    if not on_any_page and (not found or rest.strip("/")):
        raise InvalidLink(f"the path does not end in /join; {wanted}")
    return f"{parts.scheme}://{parts.netloc}{base}", parts.fragment


def is_loopback(url: str) -> bool:
    """Return whether only this computer can open a URL."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
