"""The link of a sealed session (sealing: The link)."""

from __future__ import annotations

import re
from typing import NamedTuple

from proxim.protocol.errors import InvalidLink
from proxim.protocol.link import split_link
from proxim.protocol.tokens import encode
from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, decode

_FRAGMENT = re.compile(r"([A-Za-z0-9_-]{16,128})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})")


class SealedLink(NamedTuple):
    """``<public url>/join#<session_id>.<seed>.<host_key>``: its parts, the last two decoded."""

    node_url: str
    session_id: str
    seed: bytes
    host_key: bytes

    def __str__(self) -> str:
        return self.on_page(f"{self.node_url.rstrip('/')}/join")

    def on_page(self, join_url: str) -> str:
        """Return the link that leads to the page at ``join_url``."""
        return f"{join_url}#{self.session_id}.{encode(self.seed)}.{encode(self.host_key)}"


def is_sealed(link: str) -> bool:
    """Return whether a link has three parts: it is then sealed, or not valid."""
    return link.partition("#")[2].count(".") == 2


def parse_sealed_link(text: str, node_url: str | None = None) -> SealedLink:
    """Return the parts of a sealed link. Raises ``InvalidLink``, which says what is wrong.

    With ``node_url``, the node that the program uses, the link may lead to any page.
    """
    wanted = "a sealed link looks like https://node.example/join#<session id>.<seed>.<key>"
    found_url, fragment = split_link(text, wanted, on_any_page=node_url is not None)
    parts = _FRAGMENT.fullmatch(fragment)
    try:
        if parts is None:
            raise DoesNotOpen
        seed, host_key = (decode(part, KEY_BYTES) for part in parts.groups()[1:])
    except DoesNotOpen:
        raise InvalidLink(f"the part after # is missing, changed or cut short; {wanted}") from None
    return SealedLink(node_url or found_url, parts[1], seed, host_key)
