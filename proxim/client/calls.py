"""Requests that wait for their replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from itertools import count
from typing import TypeVar

import trio
from msgspec import UNSET, structs

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


class Calls:
    """Matches replies to requests by their ``ref``."""

    def __init__(self) -> None:
        self._waiting: dict[str, trio.MemorySendChannel[_Outcome]] = {}
        self._refs = count(1)

    async def call(
        self,
        request: wire.ClientMessage,
        kind: type[_Reply],
        send: Callable[[wire.ClientMessage], Awaitable[None]],
    ) -> _Reply:
        """Send a request with ``send``, and return its reply of the type ``kind``.

        Raises the ``RequestError`` for the node's error code, ``SessionOver`` if the node answers
        that the session has ended, and the error given to ``fail``.
        """
        ref = str(next(self._refs))
        self._waiting[ref], outcomes = trio.open_memory_channel[_Outcome](1)
        try:
            await send(structs.replace(request, ref=ref))
            outcome = await outcomes.receive()
        finally:
            del self._waiting[ref]
        if isinstance(outcome, kind):
            return outcome
        if isinstance(outcome, ProximError):
            raise outcome
        if isinstance(outcome, wire.SessionEnded):
            raise SessionOver(outcome.status, outcome.reason)
        raise ConnectionLost(f"the node answered {type(outcome).__name__} to a request")

    def settle(self, message: wire.NodeMessage) -> None:
        """Wake the request that ``message`` replies to, if any."""
        ref = message.ref
        if isinstance(ref, str) and ref in self._waiting:
            outcome = wire_error(message) if isinstance(message, wire.Error) else message
            _put(self._waiting[ref], outcome)

    def fail(self, error: ConnectionLost) -> None:
        """Wake all waiting requests, each with a copy of an error: each task raises its own."""
        for waiting in self._waiting.values():
            _put(waiting, copy(error))


def _put(waiting: trio.MemorySendChannel[_Outcome], outcome: _Outcome) -> None:
    with suppress(trio.WouldBlock):  # Only the first outcome counts.
        waiting.send_nowait(outcome)


def wire_error(message: wire.Error) -> RequestError:
    """Return the exception for an ``error`` message."""
    return request_error(
        message.code,
        message.message,
        session_id=None if message.session_id is UNSET else message.session_id,
        retry_after=None if message.retry_after is UNSET else message.retry_after,
    )
