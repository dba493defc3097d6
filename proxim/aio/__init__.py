"""The Python SDK for asyncio: be a host or a guest from any asyncio program.

::

    async with proxim.aio.open_host("http://127.0.0.1:8765", uuid="my-desktop") as host:
        session = await host.create("one_time")
        print(session.link)
        prompt = await session.prompt()
        await prompt.approve()
        await session.send({"hello": "guest"})

    async with proxim.aio.open_guest(link, name="My phone") as guest:
        await guest.approved()
        async with asyncio.timeout(60):
            print(await guest.receive())

It is the SDK of ``proxim.client``, with the same names, arguments and exceptions: that SDK runs in
a thread of its own, from the beginning of the ``async with`` block to its end. If an asyncio task
is cancelled, so is the call that it waits for; a signal that arrives meanwhile is not lost.
``store_token`` and the methods of stores are called in the connection's thread, not in the loop.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from proxim import client
from proxim.aio.calls import awaiting, call, making, receive
from proxim.aio.channel import Channel, DataChannel
from proxim.client import Device, Notice, Remember
from proxim.client.session import ClientSession
from proxim.event_loop import opening, require_asyncio
from proxim.files.taking import Offer
from proxim.files.transfer import Transfer
from proxim.portal.portal import Portal
from proxim.portal.state import (
    GuestState,
    HostSessionState,
    HostState,
    PromptState,
    Session_co,
    SessionState,
)
from proxim.portal.talk import Talk
from proxim.portal.thread import TrioThread
from proxim.protocol.errors import ProximError

__all__ = [
    "Channel",
    "DataChannel",
    "Device",
    "Guest",
    "Host",
    "HostSession",
    "Notice",
    "Offer",
    "Prompt",
    "Remember",
    "Talk",
    "Transfer",
    "Visit",
    "open_guest",
    "open_host",
    "open_visit",
    "resume_guest",
]

P = ParamSpec("P")
Inner = TypeVar("Inner")
Outer = TypeVar("Outer")


def _opening(
    open_trio: Callable[P, AbstractAsyncContextManager[Inner]],
    wrap: Callable[[Portal, Inner], Outer],
) -> Callable[P, AbstractAsyncContextManager[Outer]]:
    """Return ``open_trio`` as a function whose manager runs it in a thread of its own."""

    @opening(f"proxim.sync.{open_trio.__name__}")
    @wraps(open_trio)
    async def opened(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Outer]:
        require_asyncio(f"proxim.{open_trio.__name__}")
        make_portal = partial(_portal, asyncio.get_running_loop())
        thread = TrioThread("proxim", partial(open_trio, *args, **kwargs), make_portal)
        thread.start()
        try:
            yield wrap(*await asyncio.wrap_future(thread.started))
        finally:
            thread.stop()
            await asyncio.shield(asyncio.wrap_future(thread.finished))
            thread.join()

    return opened


def _portal(loop: asyncio.AbstractEventLoop) -> Portal:
    # Plain functions of the application run in its loop, not in threads of their own.
    return Portal(
        "the connection is closed: its block has ended", call_in=loop.call_soon_threadsafe
    )


class Prompt(PromptState):
    """A guest's request to pair. Its ``device_info`` is the guest's own claim."""

    approve = awaiting(client.Prompt.approve)
    approve_unchecked = awaiting(client.Prompt.approve_unchecked)
    decline = awaiting(client.Prompt.decline)


class _Session(SessionState[Session_co]):
    """The methods that both sides of a session have, for asyncio."""

    send = awaiting(ClientSession.send)
    refresh_ice = awaiting(ClientSession.refresh_ice)
    close = awaiting(ClientSession.close)
    ended = awaiting(ClientSession.ended)

    async def receive(self) -> object:
        """Return the next value from the other side.

        Raises ``SessionOver`` after the last one, or the error that ended the connection.
        """
        return await receive(self)

    channel = making(ClientSession.channel, Channel)

    def refuse_channel(self) -> None:
        """Tell the other side that there will be no channel, so that it does not wait for one."""
        self._portal.call_sync(self._inner.refuse_channel)

    async def signals(self) -> AsyncIterator[object]:
        """Iterate over the values from the other side until the session ends."""
        with suppress(ProximError):
            while True:
                yield await self.receive()

    async def presence(self) -> AsyncIterator[bool]:
        """Yield at each change whether the other side is connected, until the session ends."""
        seen: bool | None = self.peer_online
        while seen is not None:
            seen = await call(self, partial(self._inner.presence_after, seen))
            if seen is not None:
                yield seen

    async def notices(self) -> AsyncIterator[Notice]:
        """Yield each notice, from the beginning of the session to its end."""
        for count in itertools.count():
            notice = await call(self, partial(self._inner.notice_after, count))
            if notice is None:
                return
            yield notice


class HostSession(HostSessionState, _Session[client.HostSession]):
    """Runs one session for its host: prompts, decisions, new links.

    ``link`` and ``token`` are set if the node made the token.
    """

    prompt = making(client.HostSession.prompt, Prompt)
    decide = awaiting(client.HostSession.decide)
    renew = awaiting(client.HostSession.renew)

    async def links(self) -> AsyncIterator[str]:
        """Yield the link, and each that takes its place, until the session ends."""
        seen: str | None = None
        while (seen := await call(self, partial(self._inner.link_after, seen))) is not None:
            yield seen


class Visit(HostSession):
    """The session of a known device that has come again: see ``proxim.client.Visit``."""

    _inner: client.Visit

    @property
    def device(self) -> Device:
        """The device, as the host knew it last."""
        return self._inner.device


class Guest(GuestState, _Session[client.Guest]):
    """Asks to pair, and runs the session for the guest.

    Show ``wait_code()``, if there is one, until ``expires_in`` is 0.
    """

    approved = awaiting(client.Guest.approved)
    wait_code = awaiting(client.Guest.wait_code)


class Host(HostState):
    """Registers with a node, and opens and resumes sessions.

    Keep ``key``, its secret, to resume its sessions in a later program.
    """

    create = making(client.Host.create, HostSession)
    list = awaiting(client.Host.list)
    close = awaiting(client.Host.close)
    visit = making(client.Host.visit, Visit)
    forget = awaiting(client.Host.forget)
    forget_all = awaiting(client.Host.forget_all)
    rename = awaiting(client.Host.rename)

    async def visits(self) -> AsyncIterator[Visit]:
        """Yield each visit of a known device, until the connection ends."""
        while True:
            yield await self.visit()

    @property
    def sessions(self) -> dict[str, HostSession]:
        """The open sessions by id, as they are now."""
        found = dict(self._inner.sessions)
        return {id: HostSession(self._portal, session) for id, session in found.items()}


open_host = _opening(client.open_host, Host)
open_guest = _opening(client.open_guest, Guest)
open_visit = _opening(client.open_visit, Guest)
resume_guest = _opening(client.resume_guest, Guest)


def __dir__() -> list[str]:
    return __all__
