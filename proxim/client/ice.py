"""Refresh ICE servers before their credentials expire."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import trio

from proxim.clock import now, wake_at
from proxim.protocol.errors import NotApproved, ProximError, SessionOver, UnknownSession

REFRESH_AT = 0.75
"""The share of their lifetime after which ICE servers are refreshed."""

MIN_GAIN = 0.5
"""Seconds by which a refresh must extend the lifetime.

Otherwise the credentials expire with the session, and no other refresh is needed. They expire at
whole seconds: the smallest extension is one second, plus or minus the latency of two answers.
"""

RETRY = 10.0
"""Seconds until the next attempt after the node refused."""


class IceRefresher:
    """Refreshes the ICE servers of several sessions in one task.

    The schedule stays when the WebSocket is lost.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._expiry: dict[str, float] = {}
        self._changed = trio.Event()

    def schedule(self, session_id: str, ttl: float) -> None:
        """Schedule a refresh of ICE servers that expire in ``ttl`` seconds."""
        moment = now()
        if moment + ttl >= self._expiry.get(session_id, -math.inf) + MIN_GAIN:
            self._expiry[session_id] = moment + ttl
            self._due[session_id] = moment + ttl * REFRESH_AT
            self._changed.set()

    def remove(self, session_id: str) -> None:
        """Stop refreshing a session that has ended."""
        self._due.pop(session_id, None)
        self._expiry.pop(session_id, None)

    async def run(self, ask: Callable[[str], Awaitable[object]]) -> None:
        """Call ``ask`` for each session when it is due; the answer must go to ``schedule``."""
        while True:
            self._changed = trio.Event()
            with trio.move_on_at(wake_at(min(self._due.values(), default=math.inf))):
                await self._changed.wait()
            moment = now()
            for session_id in [each for each, due in self._due.items() if due <= moment]:
                await self._ask(session_id, ask)

    async def _ask(self, session_id: str, ask: Callable[[str], Awaitable[object]]) -> None:
        # The answer schedules a later time. If the connection breaks, this one stays.
        self._due[session_id] = due = now() + RETRY
        try:
            await ask(session_id)
        except (NotApproved, UnknownSession, SessionOver):
            self.remove(session_id)
        except ProximError:
            return
        if self._due.get(session_id) == due:
            # The answer did not extend the lifetime.
            del self._due[session_id]
