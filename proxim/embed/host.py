"""The application as the host of sessions on its own node."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Literal
from weakref import WeakValueDictionary

import trio
from msgspec import structs

from proxim.actors.router import Router
from proxim.client.host import Host
from proxim.client.host_session import HostSession
from proxim.client.hosts import registered
from proxim.client.ice import IceRefresher
from proxim.client.kinds import SessionKind, checked_kind
from proxim.client.names import computer_name
from proxim.embed.address import LocalAddress, Plug
from proxim.embed.connection import LocalConnection
from proxim.embed.decision import Decide, answer
from proxim.event_loop import opening
from proxim.net.limits import Limits
from proxim.protocol import messages as wire
from proxim.protocol.errors import UnknownSession
from proxim.protocol.fields import Confirm

if TYPE_CHECKING:
    from proxim.client.sealed_host import NewSecret
    from proxim.devices.store import DeviceStore

UUID = "in-process"
"""The uuid of the application's sessions. Their key is random, and known to the node alone."""


class LocalHost:
    """Opens the application's sessions. They have one owner, so that its limits apply to all.

    The links of sealed sessions lead to ``page``.
    """

    def __init__(
        self,
        router: Router,
        limits: Limits,
        access_token: str | None,
        page: str,
        plug: Plug,
    ) -> None:
        self._page = page
        self._address = LocalAddress(plug)
        self._router = router
        self._limits = limits
        key = secrets.token_urlsafe(32)
        self._ice = IceRefresher()
        self._nursery: trio.Nursery | None = None
        self._connections = WeakValueDictionary[str, LocalConnection]()
        self._register = wire.Register(uuid=UUID, key=key, access_token=access_token, seats=[])

    async def open(
        self,
        session_type: SessionKind,
        *,
        ttl: float | None,
        token_hash: str | None,
        qr: Literal["svg"] | None,
        confirm: Confirm = "none",
        join_url: str | None = None,
        sealed: bool = False,
        host_name: str | None = None,
        decide: Decide | None = None,
    ) -> HostSession:
        """Return a new session on a connection of its own, so that none can delay another."""
        request = wire.CreateSession(
            session_type=checked_kind(session_type),
            ttl=ttl,
            token_hash=token_hash,
            qr=qr,
            confirm=confirm,
            join_url=join_url,
            host_name=host_name,
        )
        session = await (self._open_sealed if sealed else self._create)(request)
        session.join_url = join_url
        if decide is not None:
            assert self._nursery is not None
            self._nursery.start_soon(answer, session, decide)
        return session

    @opening("proxim.run_in_thread")
    async def open_host(
        self,
        *,
        uuid: str,
        key: str | None,
        name: str | None,
        seals: MutableMapping[str, str] | None,
        devices: DeviceStore | None,
    ) -> AsyncIterator[Host]:
        """Open a host of the SDK, which has one connection for all its sessions."""
        registration = structs.replace(self._register, uuid=uuid, key=key, seats=None)
        opened = registered(self._address, registration, name=name, seals=seals, devices=devices)
        async with opened as host:
            yield host

    async def _open_sealed(self, plain: wire.CreateSession) -> HostSession:
        from proxim.client.sealed_host import HostProfile, open_sealed

        # The secrets are stored nowhere: the session ends with the node.
        profile = HostProfile("", UUID, self._page, computer_name())
        return await open_sealed(plain, self._create, profile, {})

    async def _create(
        self, request: wire.CreateSession, new_secret: NewSecret | None = None
    ) -> HostSession:
        connection = LocalConnection(
            self._router, self._limits, self._ice, self._start_soon, new_secret
        )
        try:
            await connection.call(self._register, wire.Registered)
            await connection.call(request, wire.SessionCreated)
        except BaseException:
            connection.close(1000, "the session was not opened")
            raise
        assert connection.session is not None
        self._connections[connection.session.session_id] = connection
        return connection.session

    async def run(self) -> None:
        """Renew the sessions' ICE servers, and wait for decisions, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            await self._ice.run(self._refresh_ice)

    def close(self, code: int, reason: str) -> None:
        """Tell the sessions that have not ended that the node has stopped."""
        self._address.is_gone = True
        for connection in list(self._connections.values()):
            connection.close(code, reason)

    def _start_soon(self, task: Callable[[], Awaitable[object]]) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(task)

    async def _refresh_ice(self, session_id: str) -> None:
        connection = self._connections.get(session_id)
        if connection is None:
            raise UnknownSession(session_id=session_id)
        await connection.refresh_ice(session_id)
