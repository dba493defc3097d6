"""The base of all connections to a node: requests with replies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import copy
from itertools import count
from typing import TypeVar

import trio
from msgspec import UNSET, structs

from proxim.client.ice import IceRefresher
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    ConnectionLost,
    ProximError,
    RequestError,
    SessionOver,
    request_error,
)

REF_BYTES = 32
"""Maximum size of a request's ``ref``."""

_Outcome = wire.NodeMessage | ProximError
_Reply = TypeVar("_Reply", bound=wire.NodeMessage)


class BaseConnection(ABC):
    """Carries requests to a node, and matches its replies to them by their ``ref``.

    ``boot`` names what the node remembers (protocol: Sessions for known devices), if it says so.
    ``ice`` refreshes ICE servers before they expire. ``features`` lists what the node does beyond
    version 1 of the protocol. ``max_unread_bytes`` is the size of the signals of one session that
    may wait to be received. ``online`` says whether the connection is open; the functions in
    ``when_online`` are called when it is open again.
    """

    online = True
    boot: str | None = None

    def __init__(self, ice: IceRefresher, max_unread_bytes: int = 4 * 1024 * 1024) -> None:
        self.ice = ice
        self.max_unread_bytes = max_unread_bytes
        self.features: Sequence[str] = ()
        self.when_online: set[Callable[[], None]] = set()
        self._waiting: dict[str, trio.MemorySendChannel[_Outcome]] = {}
        self._refs = count(1)

    @abstractmethod
    async def _send(self, request: wire.ClientMessage) -> None:
        """Send a message, in order. Raises ``ConnectionLost``, or a ``RequestError``."""

    async def send_one_way(self, signal: wire.Signal | wire.PairAck) -> None:
        """Send a message that has no reply, in order.

        Raises ``BadMessage`` if it is larger than the node accepts.
        """
        await self._send(signal)

    @abstractmethod
    def check_size(self, message: wire.ClientMessage) -> None:
        """Raise ``BadMessage`` if a message is larger than the node accepts."""

    async def draw(self, link: str) -> str:
        """Return the QR code of a link, as SVG."""
        return await trio.to_thread.run_sync(draw_qr, link)

    @abstractmethod
    def start_soon(self, task: Callable[[], Awaitable[object]]) -> None:
        """Run a task until the connection is closed for good. Raises ``ConnectionLost`` after that.

        The task may raise no exception.
        """

    @abstractmethod
    def abandon(self, session_id: str) -> None:
        """Leave a session that has ended on this side. Never waits."""

    async def call(self, request: wire.ClientMessage, kind: type[_Reply]) -> _Reply:
        """Send a request, and return its reply of the type ``kind``.

        Raises the ``RequestError`` for the node's error code, ``SessionOver`` if the node answers
        that the session has ended, and ``ConnectionLost`` if the connection closes before the
        reply.
        """
        ref = request.ref or self.new_ref()
        self._waiting[ref], outcomes = trio.open_memory_channel[_Outcome](1)
        try:
            await self._send(structs.replace(request, ref=ref))
            outcome = await outcomes.receive()
        finally:
            self._waiting.pop(ref, None)
        if isinstance(outcome, kind):
            return outcome
        if isinstance(outcome, ProximError):
            raise outcome
        if isinstance(outcome, wire.SessionEnded):
            raise SessionOver(outcome.status, outcome.reason)
        raise ConnectionLost(f"the node answered {type(outcome).__name__} to a request")

    def new_ref(self) -> str:
        """Return a ``ref`` for a request whose reply must be known as soon as it comes."""
        return str(next(self._refs))

    async def refresh_ice(self, session_id: str) -> wire.IceServers:
        """Request new ICE servers for a session. Raises what ``call`` raises."""
        return await self.call(wire.RefreshIce(session_id=session_id), wire.IceServers)

    async def close_session(self, session_id: str) -> None:
        """End a session, unless it has ended. Raises what ``call`` raises."""
        with suppress(SessionOver):
            await self.call(wire.CloseSession(session_id=session_id), wire.SessionEnded)

    def is_reply(self, message: wire.NodeMessage) -> bool:
        """Return whether a request waits for this message."""
        return isinstance(message.ref, str) and message.ref in self._waiting

    def settle(self, message: wire.NodeMessage) -> None:
        """Wake the request that ``message`` replies to, if any."""
        if isinstance(message.ref, str) and (waiting := self._waiting.pop(message.ref, None)):
            waiting.send_nowait(wire_error(message) if isinstance(message, wire.Error) else message)

    def fail_calls(self, error: ProximError) -> None:
        """Wake all waiting requests, each with a copy of an error: each task raises its own."""
        for waiting in self._waiting.values():
            waiting.send_nowait(copy(error))
        self._waiting.clear()


def draw_qr(link: str) -> str:
    """Return the QR code of a link, as SVG. That and the import take tens of milliseconds."""
    from proxim import qr

    return qr.svg(link)


def wire_error(message: wire.Error) -> RequestError:
    """Return the exception for an ``error`` message."""
    return request_error(
        message.code,
        message.message,
        session_id=None if message.session_id is UNSET else message.session_id,
        retry_after=None if message.retry_after is UNSET else message.retry_after,
    )
