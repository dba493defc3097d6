"""A seat: a connection's role in a session, and the right to send messages there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from proxim.actors.congestion import Congestion
from proxim.actors.connection import Connection, Owner
from proxim.actors.inbox import Envelope
from proxim.protocol.messages import NodeMessage
from proxim.session.events import GuestLeft, HostLeft, Role
from proxim.session.session import Session

LEFT_EVENTS: dict[Role, type[HostLeft | GuestLeft]] = {Role.HOST: HostLeft, Role.GUEST: GuestLeft}
"""What a session is told when the connection in a seat is gone."""


class SeatActor(Protocol):
    """The actor of a session as its seats and the router see it."""

    @property
    def session(self) -> Session:
        """The session; of a session on another node, a copy made when it was found."""
        ...

    @property
    def owner(self) -> Owner:
        """The owner of the session."""
        ...

    def post(self, envelope: Envelope) -> Congestion | None:
        """Put a client's event into the inbox, or send it to the session's node.

        Return a ``Congestion`` only for a signal: ``HIGH`` if its sender should be read more
        slowly. Raises ``RateLimited``, ``UnknownSession`` or ``Unavailable``.
        """

    def leave(self, seat: Seat) -> None:
        """Note that a seat's connection is gone."""

    def close_line(self) -> None:
        """Close the line: from now on signals go through the inbox."""


class Seat:
    """One side of one session, held by one connection.

    ``line`` is the ``tell`` of the peer's connection while the line is open, and valid until
    ``line_until``, a moment of ``clock.now``. Otherwise it is None, and signals go through the
    inbox.
    """

    __slots__ = ("actor", "connection", "line", "line_until", "role")

    def __init__(self, actor: SeatActor, role: Role, connection: Connection) -> None:
        self.actor = actor
        self.role = role
        self.connection = connection
        self.line: Callable[[NodeMessage], Congestion | None] | None = None
        self.line_until = math.inf
