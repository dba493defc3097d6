"""The Python SDK for plain scripts and threads: be a host or a guest with calls that block.

::

    with proxim.sync.open_host("http://127.0.0.1:8765", uuid="my-desktop") as host:
        session = host.create("one_time")
        print(session.link)
        prompt = session.prompt(timeout=300)
        prompt.approve()
        session.send({"hello": "guest"})

    with proxim.sync.open_guest(link, name="My phone") as guest:
        guest.approved(timeout=60)
        print(guest.receive(timeout=60))

It is the SDK of ``proxim.client``, with the same names, arguments and exceptions: that SDK runs in
a thread of its own, from the beginning of the ``with`` block to its end. ``timeout`` is in seconds,
and ``TimeoutError`` is raised after it; a signal that arrives later is not lost. All objects may be
used from several threads at once. Ctrl-C interrupts every call. ``store_token`` and the methods of
stores are called in the connection's thread.

A thread that runs asyncio or Trio cannot make these calls, which would stop its event loop:
``RuntimeError`` is raised. Use ``proxim.aio`` or ``proxim.client`` there.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, suppress
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

from proxim import client
from proxim.client import Device, Notice, Remember
from proxim.client.session import ClientSession
from proxim.event_loop import require_none
from proxim.files.taking import Offer
from proxim.files.transfer import Transfer
from proxim.portal.portal import Portal, ThreadProxy, blocking
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
from proxim.protocol.errors import ProximError, SessionOver
from proxim.sync.channel import Channel, DataChannel

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
Made = TypeVar("Made")
Outer = TypeVar("Outer")


def _opening(
    open_trio: Callable[P, AbstractAsyncContextManager[Inner]],
    wrap: Callable[[Portal, Inner], Outer],
) -> Callable[P, AbstractContextManager[Outer]]:
    """Return ``open_trio`` as a function whose manager runs it in a thread of its own."""

    @wraps(open_trio)
    @contextmanager
    def opened(*args: P.args, **kwargs: P.kwargs) -> Iterator[Outer]:
        require_none(f"proxim.{open_trio.__name__}", f"proxim.aio.{open_trio.__name__}")
        with TrioThread("proxim", partial(open_trio, *args, **kwargs), _portal) as (portal, inner):
            yield wrap(portal, inner)

    return opened


def _portal() -> Portal:
    return Portal("the connection is closed: its block has ended", refuses_asyncio=True)


def _making(
    method: Callable[Concatenate[Inner, P], Awaitable[Made]],
    wrap: Callable[[Portal, Made], Outer],
) -> Callable[Concatenate[ThreadProxy[Inner], P], Outer]:
    """Return a blocking ``method``, whose result is wrapped for other threads."""

    @wraps(method)
    def call(proxy: ThreadProxy[Inner], /, *args: P.args, **kwargs: P.kwargs) -> Outer:
        made = proxy._portal.call(partial(method, proxy._inner, *args, **kwargs))
        return wrap(proxy._portal, made)

    return call


class Prompt(PromptState):
    """A guest's request to pair. Its ``device_info`` is the guest's own claim."""

    approve = blocking(client.Prompt.approve)
    approve_unchecked = blocking(client.Prompt.approve_unchecked)
    decline = blocking(client.Prompt.decline)


class _Session(SessionState[Session_co]):
    """What both sides of a session do, blocking."""

    send = blocking(ClientSession.send)
    refresh_ice = blocking(ClientSession.refresh_ice)
    close = blocking(ClientSession.close)

    def receive(self, timeout: float | None = None) -> object:
        """Return the next value from the other side. Raises ``SessionOver`` after the last one."""
        return self._portal.call(self._inner.receive, timeout=timeout)

    def channel(self, timeout: float | None = None, *, relay_only: bool = False) -> Channel:
        """Return the channel to the other side, by WebRTC: see ``HostSession.channel`` for Trio.

        After ``TimeoutError`` the attempts to connect go on, and the next call waits again.
        """
        wait = partial(self._inner.channel, relay_only=relay_only)
        return Channel(self._portal, self._portal.call(wait, timeout=timeout))

    def refuse_channel(self) -> None:
        """Tell the other side that there will be no channel, so that it does not wait for one."""
        self._portal.call_sync(self._inner.refuse_channel)

    def ended(self, timeout: float | None = None) -> SessionOver:
        """Wait for the end of the session, and return its reason."""
        return self._portal.call(self._inner.ended, timeout=timeout)

    def signals(self) -> Iterator[object]:
        """Iterate over the values from the other side until the session ends."""
        with suppress(ProximError):
            while True:
                yield self.receive()

    def presence(self) -> Iterator[bool]:
        """Yield at each change whether the other side is connected, until the session ends."""
        seen: bool | None = self.peer_online
        while (seen := self._portal.call(self._inner.presence_after, seen)) is not None:
            yield seen

    def notices(self) -> Iterator[Notice]:
        """Yield each notice, from the beginning of the session to its end."""
        for count in itertools.count():
            notice = self._portal.call(self._inner.notice_after, count)
            if notice is None:
                return
            yield notice


class HostSession(HostSessionState, _Session[client.HostSession]):
    """Runs one session for its host: prompts, decisions, new links.

    ``link`` and ``token`` are set if the node made the token.
    """

    decide = blocking(client.HostSession.decide)
    renew = blocking(client.HostSession.renew)

    def prompt(self, timeout: float | None = None) -> Prompt:
        """Wait for a guest's request to pair. Raises ``SessionOver`` if the session ends first."""
        return Prompt(self._portal, self._portal.call(self._inner.prompt, timeout=timeout))

    def links(self) -> Iterator[str]:
        """Yield the link, and each that takes its place, until the session ends."""
        seen: str | None = None
        while (seen := self._portal.call(self._inner.link_after, seen)) is not None:
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

    def approved(self, timeout: float | None = None) -> None:
        """Wait for the approval. Raises ``SessionOver`` if the host declines."""
        self._portal.call(self._inner.approved, timeout=timeout)

    def wait_code(self, timeout: float | None = None) -> str | None:
        """Wait for the code that this device has to show, and return it; None if there is none."""
        return self._portal.call(self._inner.wait_code, timeout=timeout)


class Host(HostState):
    """Registers with a node, and opens and resumes sessions.

    Keep ``key``, its secret, to resume its sessions in a later program.
    """

    create = _making(client.Host.create, HostSession)
    list = blocking(client.Host.list)
    close = blocking(client.Host.close)
    forget = blocking(client.Host.forget)
    forget_all = blocking(client.Host.forget_all)
    rename = blocking(client.Host.rename)

    def visit(self, timeout: float | None = None) -> Visit:
        """Wait for a known device to come, and return its visit: see ``proxim.client.Host``."""
        return Visit(self._portal, self._portal.call(self._inner.visit, timeout=timeout))

    def visits(self) -> Iterator[Visit]:
        """Yield each visit of a known device, until the connection ends."""
        while True:
            yield self.visit()

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
