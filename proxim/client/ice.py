"""ICE servers that stay fresh: they are asked for anew before the credentials in them lapse."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import trio

from proxim.protocol.errors import NotApproved, ProximError, SessionOver, UnknownSession

REFRESH_AT = 0.75
"""The part of their time after which ICE servers are asked for anew."""

MIN_GAIN = 0.5
"""Seconds that fresh ones have to serve longer; else they end with the session, and will do.

Credentials lapse at whole seconds, so the least that can be won is one, more or less what the
two answers were under way.
"""

RETRY = 10.0
"""Seconds after which it is tried again, when the node has refused."""


class IceRefresher:
    """When which session is due for fresh ICE servers: one task for all of a connection.

    It outlives each connection to the node, so that nothing is forgotten by a loss.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._expiry: dict[str, float] = {}
        self._changed = trio.Event()

    def schedule(self, session_id: str, ttl: float) -> None:
        """A session has got ICE servers that serve for ``ttl`` seconds."""
        now = trio.current_time()
        if now + ttl >= self._expiry.get(session_id, -math.inf) + MIN_GAIN:
            self._expiry[session_id] = now + ttl
            self._due[session_id] = now + ttl * REFRESH_AT
            self._changed.set()

    def remove(self, session_id: str) -> None:
        """A session is over."""
        self._due.pop(session_id, None)
        self._expiry.pop(session_id, None)

    async def run(self, ask: Callable[[str], Awaitable[object]]) -> None:
        """Ask for each session when it is due; ``schedule`` is to be told what comes of it."""
        while True:
            self._changed = trio.Event()
            with trio.move_on_at(min(self._due.values(), default=math.inf)):
                await self._changed.wait()
            now = trio.current_time()
            for session_id in [each for each, due in self._due.items() if due <= now]:
                await self._ask(session_id, ask)

    async def _ask(self, session_id: str, ask: Callable[[str], Awaitable[object]]) -> None:
        # Until the answer says better; a connection that breaks meanwhile leaves it due soon.
        self._due[session_id] = due = trio.current_time() + RETRY
        try:
            await ask(session_id)
        except (NotApproved, UnknownSession, SessionOver):
            self.remove(session_id)
        except ProximError:
            return
        if self._due.get(session_id) == due:
            # Nothing is to be gained any more.
            del self._due[session_id]
