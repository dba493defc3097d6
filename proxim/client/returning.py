"""How a guest comes back to a session that its node has forgotten (sealing: Coming back).

Import this module only when a session is sealed: it imports ``cryptography``.
"""

from __future__ import annotations

import time

import msgspec
from msgspec import UNSET, UnsetType

from proxim import clock
from proxim.client.connection import NodeConnection
from proxim.client.sealed import SealedSignals
from proxim.client.sealed_guest import GuestSecret
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    ConnectionLost,
    HostOffline,
    RateLimited,
    RequestError,
    SessionOver,
    Unavailable,
    UnknownSession,
)

VISIT_TIME = 15 * 60.0
"""Seconds for which the guest of a persistent session, or of a visit, tries to come back."""


class Returning:
    """One attempt to come back, however often it asks: the request, and until when it is sent."""

    def __init__(self, secret: GuestSecret, session_id: str) -> None:
        assert secret.peer is not None
        self._peer = secret.peer
        self._request = secret.return_request(session_id)
        left = VISIT_TIME if secret.ends_at is None else secret.ends_at - time.time()
        self._until = clock.now() + (min(left, VISIT_TIME) if secret.is_visit else left)

    async def ask(self, connection: NodeConnection) -> None:
        """Ask the host to let this side in again.

        Raises ``ConnectionLost`` if the host has not opened the session again yet, so that the
        connection tries again later, and ``SessionOver`` once it is too late or the link is used.
        """
        try:
            await connection.call(self._request, wire.PairPending, introduces=True)
        except (RateLimited, Unavailable):
            raise
        except RequestError as error:
            if isinstance(error, UnknownSession | HostOffline) and clock.now() < self._until:
                why = "the node was restarted, and the host has not come back to it yet"
                raise ConnectionLost(why) from None
            raise SessionOver("expired", "lost") from None

    def take(self, signals: SealedSignals, seal: str | UnsetType) -> bool:
        """Take the ``seal`` of ``pair_result``, and return whether the host has let this side in.

        It has if the seal brings the hello of a new epoch. Anybody can say "approved".
        """
        before = self._peer.epoch_id
        hello = {"s": 1, "h": "" if seal is UNSET else seal}
        signals.receive(msgspec.Raw(msgspec.json.encode(hello)))
        return self._peer.epoch_id != before
