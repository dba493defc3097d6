"""Functions that open a guest: by a link, or by the resume token of an earlier one."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxim.client.guest import Guest, StoreToken
from proxim.event_loop import opening, require_trio
from proxim.protocol import messages as wire
from proxim.protocol.link import parse_link
from proxim.protocol.messages import DeviceInfo
from proxim.sealing.link import is_sealed

if TYPE_CHECKING:
    from proxim.devices.store import GrantStore, HostGrant


@opening("proxim.sync.open_guest")
async def open_guest(
    link: str,
    *,
    name: str,
    device_id: str | None = None,
    node_url: str | None = None,
    store_token: StoreToken | None = None,
    grants: GrantStore | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Guest]:
    """Request pairing with a link, as a device called ``name``; then ``await guest.approved()``.

    A link that leads to a page of its own (``join_url``) does not say which node it is from: give
    ``node_url``.

    Show ``guest.wait_code()`` meanwhile, if it is not None. ``store_token`` is called with the
    resume token, and with each new one in its place, for a program that calls ``resume_guest``
    later. Without it the request is cancelled if the block ends before the approval.

    The link alone decides whether the session is sealed. Then the host alone reads ``name``, and
    ``device_id`` is not sent. With ``grants``, ``GrantFile`` or a store of your own, the host can
    remember this device: ``Guest.grant`` is then set with the approval, and stored there.

    Raises ``InvalidLink``, ``ConnectionLost``, ``SealUnavailable`` if the link is sealed and the
    node is too old, and the node's errors: ``UnknownSession``, ``TokenUsed``, ``LinkLapsed``,
    ``HostOffline``, ``SessionOver``.
    """
    require_trio("proxim.aio.open_guest, or proxim.sync.open_guest")
    secret = keeper = None
    if is_sealed(link):
        from proxim.client.sealed_guest import GuestSecret

        if grants is not None:
            from proxim.client.granted import GrantKeeper

            keeper = GrantKeeper(grants, name)
        device_key = None if keeper is None else keeper.device
        secret, node_url, request = GuestSecret.ask(link, name, node_url, device_key)
    else:
        node_url, session_id, token = parse_link(link, node_url)
        device = DeviceInfo(name=name, id=device_id or secrets.token_hex(8))
        request = wire.PairRequest(session_id=session_id, token=token, device_info=device)
    guest = Guest(
        node_url,
        request.session_id,
        ssl_context,
        pair_request=request,
        store_token=store_token,
        secret=secret,
        keeper=keeper,
    )
    async with _running(guest):
        yield guest


@opening("proxim.sync.open_visit")
async def open_visit(
    grant: HostGrant,
    *,
    name: str,
    grants: GrantStore,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Guest]:
    """Visit a host that remembers this device, without a code; then ``await guest.approved()``.

    ``grant`` is one of those in ``grants``, whose latest ticket counts. Another program of this
    device may use the same store. The host may ask its person. The visit, or the request for it,
    ends with the block; later ones are new.

    Raises ``HostOffline`` if the host cannot be reached now, or does not know this device, and
    ``TokenUsed`` while another visit of this device has not ended: try again later. Raises
    ``LinkLapsed`` once the time of the grant is over, ``UnknownSession`` if the grant is not in
    ``grants``, and what ``open_guest`` raises.
    """
    require_trio("proxim.aio.open_visit, or proxim.sync.open_visit")
    from proxim.client.granted import GrantKeeper

    keeper = GrantKeeper(grants, name, grant)
    secret, request = keeper.request()
    guest = Guest(
        grant.node_url,
        grant.session_id,
        ssl_context,
        pair_request=request,
        secret=secret,
        keeper=keeper,
    )
    async with _running(guest):
        yield guest


@opening("proxim.sync.resume_guest")
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
    Without it a request that is not approved yet is cancelled when the block ends.

    Raises ``SessionOver`` if the session has ended, ``ConnectionLost``, and ``BadMessage`` if the
    resume token of a sealed session is cut short.
    """
    require_trio("proxim.aio.resume_guest, or proxim.sync.resume_guest")
    secret = None
    if sealed := resume_token.partition(".")[2]:
        from proxim.client.sealed_guest import GuestSecret

        secret = GuestSecret.restore(sealed)
    guest = Guest(
        node_url,
        session_id,
        ssl_context,
        resume_token=resume_token,
        store_token=store_token,
        secret=secret,
    )
    async with _running(guest):
        yield guest


@asynccontextmanager
async def _running(guest: Guest) -> AsyncIterator[None]:
    async with guest._connection.connected():
        try:
            yield
        finally:
            guest._leave()
