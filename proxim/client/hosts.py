"""The function that opens a host."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxim.client.address import Address
from proxim.client.host import Host
from proxim.client.names import checked_name, computer_name
from proxim.event_loop import opening, require_trio
from proxim.protocol import messages as wire

if TYPE_CHECKING:
    from proxim.devices.store import DeviceStore


@opening("proxim.sync.open_host")
async def open_host(
    node_url: str,
    *,
    uuid: str,
    key: str | None = None,
    access_token: str | None = None,
    seats: Sequence[str] | None = None,
    name: str | None = None,
    seals: MutableMapping[str, str] | None = None,
    devices: DeviceStore | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Host]:
    """Register with a node as ``uuid``, and stay registered inside the ``async with`` block.

    Without a ``key`` the node makes one (see ``Host.key``). With an earlier key, ``Host.sessions``
    has the sessions that are still open. This takes their host seats, or only those of the session
    ids in ``seats``; the connections that held them are closed with 4000.

    The guests of sealed sessions are told ``name``, else that of this computer. ``seals`` keeps the
    secrets of these sessions, a text for each session id, for a later program or another one of
    this owner: any mutable mapping, stored as safely as the key. Without it they go with the
    program, which is then the only one that can answer.

    ``devices`` keeps the known devices, which can come again without a code: ``DeviceFile`` or a
    store of your own, one for each node and uuid. One program at a time may use it. Without it they
    are known until the program ends. See ``Prompt.approve`` and ``Host.visit``.

    Raises ``ConnectionLost`` if the node cannot be reached, ``AccessDenied`` for a wrong access
    token, and ``BadMessage`` if the uuid, the key or the name is malformed. Raises what ``devices``
    raises when it cannot be read.
    """
    require_trio("proxim.aio.open_host, or proxim.sync.open_host")
    registration = wire.Register(
        uuid=uuid,
        key=key,
        access_token=access_token,
        seats=None if seats is None else list(seats),
    )
    address = Address(node_url, ssl_context)
    async with registered(address, registration, name=name, seals=seals, devices=devices) as host:
        yield host


@asynccontextmanager
async def registered(
    address: Address,
    registration: wire.Register,
    *,
    name: str | None,
    seals: MutableMapping[str, str] | None,
    devices: DeviceStore | None,
) -> AsyncIterator[Host]:
    """Be a host at ``address`` inside the ``async with`` block: see ``open_host``."""
    host = Host(
        address,
        registration,
        name=computer_name() if name is None else checked_name(name),
        seals={} if seals is None else seals,
        devices=devices,
    )
    if devices is not None:
        host.devices()  # A store that is broken is an error now, and not later.
    async with host._connection.connected():
        yield host
