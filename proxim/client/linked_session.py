"""The link of a host's session, which can be replaced."""

from __future__ import annotations

from msgspec import UNSET

from proxim import clock
from proxim.client.base_connection import BaseConnection
from proxim.client.session import ClientSession
from proxim.protocol import messages as wire
from proxim.protocol.messages import SessionInfo
from proxim.sealing.link import is_sealed


class LinkedSession(ClientSession):
    """A session with a link for its guest. ``HostSession`` is the whole session."""

    def __init__(self, connection: BaseConnection, info: SessionInfo) -> None:
        super().__init__(connection, info.session_id)
        self.info = info
        self.link: str | None = None
        self.token: str | None = None
        self.qr_svg: str | None = None
        self.join_url: str | None = None
        self._lapses_at = clock.now()

    @property
    def lapses_at(self) -> float:
        """When the link expires, on Trio's clock; nearer after the machine slept."""
        return self._lapses_at - clock.slept()

    def _set_link(self, message: wire.SessionCreated | wire.LinkRenewed) -> None:
        """Store a new link; a node cannot make a sealed one without the guest trusting its key."""
        self.link = None if message.link is UNSET or is_sealed(message.link) else message.link
        self.token = None if message.token is UNSET else message.token
        self.qr_svg = None if message.qr_svg is UNSET else message.qr_svg
        self._lapses_at = clock.now() + message.pair_within
