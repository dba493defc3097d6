"""The guest: request pairing, wait for approval, resume after a lost connection."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import UNSET

from proxim import clock
from proxim.client.connection import NodeConnection
from proxim.client.session import ClientSession
from proxim.protocol import messages as wire
from proxim.protocol.errors import SessionOver, UnknownSession
from proxim.protocol.link import parse_link
from proxim.protocol.messages import DeviceInfo, Status


class Guest(ClientSession):
    """Asks to pair, and runs the session for the guest.

    ``resume_token`` lets a later program take the seat again.
    """

    def __init__(
        self,
        node_url: str,
        session_id: str,
        ssl_context: ssl.SSLContext | None,
        *,
        ask: wire.PairRequest | None = None,
        resume_token: str = "",
    ) -> None:
        self.connection = NodeConnection(
            node_url,
            ssl_context,
            introduce=self._introduce,
            on_message=self.handle,
            on_failure=self.finish,
        )
        super().__init__(self.connection, session_id)
        self.node_url = node_url
        self.resume_token = resume_token
        self._expires_at = clock.now()
        self._ask = ask

    @property
    def expires_at(self) -> float:
        """The deadline for the host's decision, on Trio's clock; nearer after the machine slept."""
        return self._expires_at - clock.slept()

    async def approved(self) -> None:
        """Wait for the approval. Raises ``SessionOver`` if the host declines."""
        await self._wait_for(lambda: self.status is Status.APPROVED)
        if self.over is not None:
            raise self.over

    async def _introduce(self) -> None:
        """Request pairing on the first connection, resume on all others."""
        if self._ask is not None:
            await self.connection.call(self._ask, wire.PairPending, introduces=True)
            self._ask = None
            return
        request = wire.Resume(session_id=self.session_id, resume_token=self.resume_token)
        try:
            await self.connection.call(request, wire.Resumed, introduces=True)
        except UnknownSession:
            raise SessionOver("expired", "lost") from None

    def handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node."""
        match message:
            case wire.PairPending():
                self.resume_token = message.resume_token
                self.peer_online = True
                self._expires_at = clock.now() + message.expires_in
            case wire.Resumed():
                self.set_ice_servers(message.ice_servers, message.ice_ttl)
                if message.expires_in is not UNSET:
                    self._expires_at = clock.now() + message.expires_in
                self.peer_online = message.host_online
                self.update(message.session)
            case _:
                pass
        super().handle(message)


@asynccontextmanager
async def open_guest(
    link: str,
    *,
    name: str,
    device_id: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Guest]:
    """Request pairing with a link, as a device called ``name``; then ``await guest.approved()``.

    Raises ``InvalidLink``, ``ConnectionLost``, and the node's errors: ``UnknownSession``,
    ``TokenUsed``, ``LinkLapsed``, ``HostOffline``, ``SessionOver``.
    """
    node_url, session_id, token = parse_link(link)
    device = DeviceInfo(name=name, id=device_id or secrets.token_hex(8))
    ask = wire.PairRequest(session_id=session_id, token=token, device_info=device)
    guest = Guest(node_url, session_id, ssl_context, ask=ask)
    async with guest.connection.connected():
        yield guest


@asynccontextmanager
async def resume_guest(
    node_url: str,
    session_id: str,
    resume_token: str,
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Guest]:
    """Take the guest seat again, with the ``resume_token`` of an earlier ``Guest``.

    Raises ``SessionOver`` if the session has ended, and ``ConnectionLost``.
    """
    guest = Guest(node_url, session_id, ssl_context, resume_token=resume_token)
    async with guest.connection.connected():
        yield guest
