"""The guest: request pairing, wait for approval, resume after a lost connection."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec import UNSET

from proxim import clock
from proxim.client.connection import NodeConnection
from proxim.client.session import ClientSession
from proxim.event_loop import require_trio
from proxim.protocol import messages as wire
from proxim.protocol.errors import SessionOver, UnknownSession
from proxim.protocol.link import parse_link
from proxim.protocol.messages import DeviceInfo, Status

StoreToken = Callable[[str], object]
"""Stores a resume token in the place of the one before."""


class Guest(ClientSession):
    """Asks to pair, and runs the session for the guest.

    ``resume_token`` lets a later program take the seat again. It changes each time this side comes
    back: only the latest is good for long. ``code`` is the code of three digits that this device
    has to show, for the person who approves it, until ``expires_at``; None if the host does not ask
    for one. ``host_name`` is what the host calls its device: a claim that nobody has checked, and
    None if the host gives no name.
    """

    _role = "guest"

    def __init__(
        self,
        node_url: str,
        session_id: str,
        ssl_context: ssl.SSLContext | None,
        *,
        ask: wire.PairRequest | None = None,
        resume_token: str = "",
        store_token: StoreToken | None = None,
    ) -> None:
        self._node = NodeConnection(
            node_url,
            ssl_context,
            introduce=self._introduce,
            on_message=self._handle,
            on_failure=self._finish,
        )
        super().__init__(self._node, session_id)
        self.node_url = node_url
        self.resume_token = resume_token
        self._expires_at = clock.now()
        self.code: str | None = None
        self.host_name: str | None = None
        self._ask = ask
        self._store_token = store_token

    @property
    def expires_at(self) -> float:
        """The deadline for the host's decision, on Trio's clock; nearer after the machine slept."""
        return self._expires_at - clock.slept()

    async def approved(self) -> None:
        """Wait for the approval. Raises ``SessionOver`` if the host declines."""
        await self._wait_for(lambda: self.status is Status.APPROVED)
        if self.over is not None:
            raise self.over

    async def reachable(self) -> AsyncIterator[bool]:
        """Yield at each change whether the node is reachable."""
        async for online in self._node.reachable():
            yield online

    async def _introduce(self) -> None:
        """Request pairing on the first connection, resume on all others."""
        if self._ask is not None:
            await self._node.call(self._ask, wire.PairPending, introduces=True)
            self._ask = None
            return
        request = wire.Resume(session_id=self.session_id, resume_token=self.resume_token)
        try:
            await self._node.call(request, wire.Resumed, introduces=True)
        except UnknownSession:
            raise SessionOver("expired", "lost") from None

    def _handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node. The connection has one session, so others are ignored."""
        if getattr(message, "session_id", UNSET) not in (self.session_id, UNSET):
            return
        match message:
            case wire.PairPending():
                self._keep_token(message.resume_token)
                self.host_name = None if message.host_name is UNSET else message.host_name
                self.peer_online = True
                self.code = None if message.code is UNSET else message.code
                self._expires_at = clock.now() + message.expires_in
            case wire.Resumed():
                if message.resume_token is not UNSET:
                    self._keep_token(message.resume_token)
                self.host_name = None if message.host_name is UNSET else message.host_name
                self.code = None if message.code is UNSET else message.code
                self._set_ice_servers(message.ice_servers, message.ice_ttl)
                if message.expires_in is not UNSET:
                    self._expires_at = clock.now() + message.expires_in
                self.peer_online = message.host_online
                self._update(message.session)
            case _:
                pass
        super()._handle(message)
        if self.status is not Status.PENDING:
            self.code = None

    def _keep_token(self, resume_token: str) -> None:
        self.resume_token = resume_token
        if self._store_token is not None:
            self._store_token(resume_token)


@asynccontextmanager
async def open_guest(
    link: str,
    *,
    name: str,
    device_id: str | None = None,
    node_url: str | None = None,
    store_token: StoreToken | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Guest]:
    """Request pairing with a link, as a device called ``name``; then ``await guest.approved()``.

    A link that leads to a page of its own (``join_url``) does not say which node it is from: give
    ``node_url``.

    Show ``guest.code`` meanwhile, if there is one. ``store_token`` is called with the resume token,
    and with each new one in its place, for a program that calls ``resume_guest`` later.

    Raises ``InvalidLink``, ``ConnectionLost``, and the node's errors: ``UnknownSession``,
    ``TokenUsed``, ``LinkLapsed``, ``HostOffline``, ``SessionOver``.
    """
    require_trio("proxim.aio.open_guest, or proxim.sync.open_guest")
    node_url, session_id, token = parse_link(link, node_url)
    device = DeviceInfo(name=name, id=device_id or secrets.token_hex(8))
    ask = wire.PairRequest(session_id=session_id, token=token, device_info=device)
    guest = Guest(node_url, session_id, ssl_context, ask=ask, store_token=store_token)
    async with guest._node.connected():
        yield guest


@asynccontextmanager
async def resume_guest(
    node_url: str,
    session_id: str,
    resume_token: str,
    *,
    store_token: StoreToken | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Guest]:
    """Take the guest seat again, with the ``resume_token`` of an earlier ``Guest``.

    ``store_token`` is called with each new resume token. Store it: a token that is shown after its
    successor was used ends the session with ``token_reused``, since one of the two is a copy.

    Raises ``SessionOver`` if the session has ended, and ``ConnectionLost``.
    """
    require_trio("proxim.aio.resume_guest, or proxim.sync.resume_guest")
    guest = Guest(
        node_url, session_id, ssl_context, resume_token=resume_token, store_token=store_token
    )
    async with guest._node.connected():
        yield guest
