"""A seat: a connection's place in a session, and by it the right to speak there.

What is said from it goes as an envelope into the session's inbox.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import trio
from msgspec import Struct

from proxim.protocol.errors import RequestError
from proxim.protocol.messages import NodeMessage
from proxim.session.events import Event, Role


class Owner(Struct, frozen=True):
    """Whose a session is: the same uuid with another key is another owner.

    The key is kept as its SHA-256; who looks an owner up compares no secret with another.
    """

    uuid: str
    key_hash: bytes

    @property
    def hash(self) -> str:
        """A hash that names the owner without revealing the uuid."""
        return hashlib.sha256(self.uuid.encode() + b"\0" + self.key_hash).hexdigest()


class Connection(Protocol):
    """What a session's side needs of a connection; sockets are one kind of it."""

    seats: dict[str, Seat]
    """The seats that the connection holds, by session id."""

    owner: Owner | None
    """Who the connection has registered as."""

    @property
    def address(self) -> str | None:
        """The name of where it comes from, for the limits by address; None where none counts it."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it is closed or about to be; its seats are left then."""
        ...

    def tell(self, message: NodeMessage) -> None:
        """Send a message. Never waits, never raises; what can't be sent closes the connection."""

    def tell_backlog(self, message: NodeMessage) -> None:
        """Send a signal of the seat's backlog; the bound on what is told does not count it."""

    async def wait_for_room(self) -> None:
        """Wait until a whole backlog can be told without passing the connection's bound."""

    def close(self, code: int, reason: str) -> None:
        """Close, once what was told before is written. Never waits, never raises."""


class Receipt:
    """What the sender of an envelope waits for: that it has been dealt with.

    ``refusal`` is why not, then: it is left to the sender to be told.
    """

    __slots__ = ("_done", "refusal")

    def __init__(self) -> None:
        self.refusal: RequestError | None = None
        self._done = trio.Event()

    def set(self) -> None:
        """The envelope has been dealt with."""
        self._done.set()

    async def wait(self) -> None:
        """Wait until it has."""
        await self._done.wait()


class Envelope(NamedTuple):
    """An event on its way to an actor.

    ``sender`` gets the answer, with ``ref``; ``seat`` is where it spoke from, if it had one;
    ``receipt`` is set when the envelope has been dealt with.
    """

    event: Event
    sender: Connection | None = None
    ref: str | None = None
    seat: Seat | None = None
    receipt: Receipt | None = None


class Inbox(Protocol):
    """Where a session is reached: what its seats and the router need of its actor."""

    def post(self, envelope: Envelope) -> None:
        """Put a request in. Raises ``RateLimited`` or ``UnknownSession``."""

    def leave(self, seat: Seat) -> None:
        """A seat's connection is gone."""

    def close_line(self) -> None:
        """Take the line down: from here on signals come through the inbox."""


class Seat:
    """One side of one session, while a connection holds it.

    ``line`` leads straight to the peer while the two are patched together, until ``line_until``
    (on Trio's clock); otherwise it is None and signals go by way of the actor.
    """

    __slots__ = ("actor", "connection", "line", "line_until", "role")

    def __init__(self, actor: Inbox, role: Role, connection: Connection) -> None:
        self.actor = actor
        self.role = role
        self.connection = connection
        self.line: Callable[[NodeMessage], None] | None = None
        self.line_until = math.inf
