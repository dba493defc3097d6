"""Functions that open a guest: by a link, or by the resume token of an earlier one."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator

from proxim.client.guest import Guest, StoreToken
from proxim.event_loop import opening, require_trio
from proxim.protocol import messages as wire
from proxim.protocol.link import parse_link
from proxim.protocol.messages import DeviceInfo
from proxim.sealing.link import is_sealed


@opening("proxim.sync.open_guest")
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

    Show ``guest.wait_code()`` meanwhile, if it is not None. ``store_token`` is called with the
    resume token, and with each new one in its place, for a program that calls ``resume_guest``
    later.

    The link alone decides whether the session is sealed. Then the host alone reads ``name``, and
    ``device_id`` is not sent.

    Raises ``InvalidLink``, ``ConnectionLost``, ``SealUnavailable`` if the link is sealed and the
    node is too old, and the node's errors: ``UnknownSession``, ``TokenUsed``, ``LinkLapsed``,
    ``HostOffline``, ``SessionOver``.
    """
    require_trio("proxim.aio.open_guest, or proxim.sync.open_guest")
    secret = None
    if is_sealed(link):
        from proxim.client.sealed_guest import GuestSecret

        secret, node_url, request = GuestSecret.ask(link, name, node_url)
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
    )
    async with guest._connection.connected():
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
    async with guest._connection.connected():
        yield guest
