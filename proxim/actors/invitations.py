"""Makes links, and the random ids, tokens and codes of sessions."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from msgspec import UNSET

from proxim.actors.connection import Connection
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.link import Link
from proxim.session.events import Invitation


class Invitations:
    """Makes the links of a node at ``public_url``.

    The links lead to ``join_url``, if it is given, else to the node's own page. ``draw_qr`` turns a
    link into an SVG for a client at an address, and may take a while.
    """

    def __init__(
        self,
        public_url: str,
        draw_qr: Callable[[str, str | None], Awaitable[str]],
        join_url: str | None = None,
    ) -> None:
        self._public_url = public_url
        self._join_url = join_url
        self._draw_qr = draw_qr

    async def make(
        self,
        session_id: str,
        message: wire.CreateSession | wire.RenewLink,
        drawn_for: Connection | None,
    ) -> Invitation:
        """Return the new link that a request asks for.

        Without ``drawn_for`` the link has no QR code, even if the request asks for one. Of a link
        that only the host knows there is nothing but the hash.
        """
        if message.token_hash is not None:
            return Invitation(tokens.decode_hash(message.token_hash))
        token = new_token()
        parts = Link(self._public_url, session_id, token)
        page = message.join_url or self._join_url
        link = str(parts) if page is None else parts.on_page(page)
        qr_svg = await self._draw_qr(link, drawn_for.address) if drawn_for else UNSET
        return Invitation(tokens.digest(token), link, token, qr_svg)


def new_token() -> str:
    """Return a new pairing token or key."""
    return tokens.encode(secrets.token_bytes(tokens.TOKEN_BYTES))


def new_resume_token(shown: str = "") -> str:
    """Return a new resume token, of the family of the one that was shown for it."""
    shared = tokens.family(shown) or tokens.encode(secrets.token_bytes(tokens.FAMILY_BYTES))
    return shared + new_token()


def new_code() -> str:
    """Return a new code of three digits, from 100 to 999."""
    return str(100 + secrets.randbelow(900))


def new_session_id() -> str:
    """Return a new session id, without a leading dash, which looks like an option."""
    while True:
        session_id = tokens.encode(secrets.token_bytes(tokens.SESSION_ID_BYTES))
        if not session_id.startswith("-"):
            return session_id
