"""The link of a host's session, which can be replaced; also after a restart of the node."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from msgspec import UNSET, structs

from proxim import clock
from proxim.client.base_connection import BaseConnection
from proxim.client.prompt import Prompt
from proxim.client.session import ClientSession
from proxim.protocol import messages as wire
from proxim.protocol.messages import SessionInfo, SessionType, Status
from proxim.sealing.link import is_sealed


class PlainOrigin(NamedTuple):
    """How a plain session can be opened again at a node of another ``boot``: as by ``request``.

    A temporary session ends at ``ends_at``, a moment of the wall clock.
    """

    request: wire.CreateSession
    ends_at: float | None
    boot: str | None

    @classmethod
    def opened(cls, request: wire.CreateSession, boot: str | None) -> PlainOrigin:
        """Return the origin of a session that was opened just now."""
        return cls(request, None if request.ttl is None else time.time() + request.ttl, boot)

    @classmethod
    def resumed(cls, info: SessionInfo, boot: str | None) -> PlainOrigin:
        """Return the origin of a session of an earlier program, as far as the node knows it."""
        confirm = "none" if info.confirm is UNSET else info.confirm
        request = wire.CreateSession(session_type=info.session_type, confirm=confirm)
        ends_at = None if info.expires_at is None else info.expires_at.timestamp()
        return cls(request, ends_at, boot)

    def reopening(self, boot: str | None) -> wire.CreateSession | None:
        """Return the request that opens the session again; None if it is over.

        It is over if the node did not forget it, by its ``boot``, and after its time. A one-time
        session ends with its node. A token of the program's own is known to the program alone, and
        perhaps used.
        """
        request, left = self.request, None
        is_lasting = request.session_type != SessionType.ONE_TIME
        if boot in (None, self.boot) or not is_lasting or request.token_hash is not None:
            return None
        if self.ends_at is not None:
            left = self.ends_at - time.time()
            if left <= 0:
                return None
        return structs.replace(request, ttl=left)


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
        self._prompt: Prompt | None = None
        self._origin: PlainOrigin | None = None

    @property
    def lapses_at(self) -> float:
        """When the link expires, on Trio's clock; nearer after the machine slept."""
        return self._lapses_at - clock.slept()

    async def links(self) -> AsyncIterator[str]:
        """Yield the link, and each that takes its place, until the session ends.

        A new link comes from ``renew``, or after a restart of the node: see ``HostSession``.
        """
        seen: str | None = None
        while (seen := await self.link_after(seen)) is not None:
            yield seen

    async def link_after(self, seen: str | None) -> str | None:
        """Wait for another ``link`` than ``seen``, and return it; None after the end."""
        await self._wait_for(lambda: self.link not in (None, seen))
        return self.link if self.over is None else None

    def _set_link(self, message: wire.SessionCreated | wire.LinkRenewed) -> None:
        """Store a new link; a node cannot make a sealed one without the guest trusting its key."""
        self.link = None if message.link is UNSET or is_sealed(message.link) else message.link
        self.token = None if message.token is UNSET else message.token
        self.qr_svg = None if message.qr_svg is UNSET else message.qr_svg
        self._lapses_at = clock.now() + message.pair_within
        self._wake()

    def _known_at(self, boot: str | None) -> None:
        """Store that the node which says ``boot`` knows the session."""
        if self._origin is not None:
            self._origin = self._origin._replace(boot=boot)

    def _reopening(self, boot: str | None) -> wire.CreateSession | None:
        """Return the request that opens this plain session again; None if it is over."""
        request = None if self._origin is None else self._origin.reopening(boot)
        if request is None or self.over is not None:
            return None
        qr = None if self.qr_svg is None else "svg"
        return structs.replace(request, qr=qr, join_url=self.join_url)

    def _lose_guest(self) -> None:
        """Note that the guest was lost with the node, which has forgotten the session."""
        self.peer_online = False
        self._wake()

    def _forget_signals(self) -> None:
        """Drop the signals that wait to be received: their guest is not the one of now."""
        self._unread.clear()
        self.unread_bytes = 0

    def _start_over(self, created: wire.SessionCreated) -> None:
        """Go on as another session, which waits for a guest."""
        self._connection.ice.remove(self.session_id)
        self.info, self.session_id = created.session, created.session.session_id
        was_approved, self.status = self.status is Status.APPROVED, Status.PENDING
        self._prompt = self.device_info = self._earlier_error = None
        self.ice_servers = []
        if was_approved and self._peering is not None:
            self._peering = self._peering.replaced()
        self._set_link(created)
