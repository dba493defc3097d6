"""A seat: a connection's role in a session, and the right to send messages there.

A message from a seat goes to the session's inbox in an envelope.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple, Protocol

import trio
from msgspec import Struct

from proxim.protocol.errors import RequestError
from proxim.protocol.messages import NodeMessage
from proxim.session.events import Event, GuestLeft, HostLeft, Role
from proxim.session.session import Session

LEFT: dict[Role, type[HostLeft | GuestLeft]] = {Role.HOST: HostLeft, Role.GUEST: GuestLeft}
"""What a session is told when the connection in a seat is gone."""


class Owner(Struct, frozen=True):
    """The owner of sessions: a uuid and a key. The same uuid with another key is another owner.

    The key is kept as its SHA-256, so that looking up an owner compares no secrets.
    """

    uuid: str
    key_hash: bytes

    @property
    def hash(self) -> str:
        """A hash that names the owner without revealing the uuid."""
        return hashlib.sha256(self.uuid.encode() + b"\0" + self.key_hash).hexdigest()


class Congestion(Enum):
    """What a connection answers to a signal of a session of which too much waits there."""

    HIGH = auto()
    """The signal was taken; its sender should be read more slowly."""
    FULL = auto()
    """The signal was refused."""


class Connection(Protocol):
    """A client's connection as the actors see it, over a socket or within the process."""

    seats: dict[str, Seat]
    """The seats that the connection holds, by session id."""

    owner: Owner | None
    """The owner that the connection has registered as."""

    @property
    def address(self) -> str | None:
        """The address under which limits count the connection, or None if they do not."""
        ...

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks around the address, narrowest first (``limits.Source``)."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or about to be; its sessions have been told then."""
        ...

    @property
    def has_left(self) -> bool:
        """Whether the client has hung up, so that it reads no answer; ``closed`` may come later."""
        ...

    def tell(self, message: NodeMessage) -> Congestion | None:
        """Send or queue a message; close if too much is queued. Never waits, never raises.

        Return a ``Congestion`` only for a signal. The signals of one session must not close a
        connection that has others.
        """

    def tell_backlog(self, message: NodeMessage) -> None:
        """Send a signal of the seat's backlog, which the outbox limit does not count."""

    async def wait_for_room(self) -> None:
        """Wait until half of the outbox is free, and a part of all outboxes; close if that lasts.

        So at most one backlog, which the outbox limit does not count, comes on top of it.
        """

    def close(self, code: int, reason: str) -> None:
        """Close once the outbox is written. Never waits, never raises."""


class Receipt:
    """Lets a task wait until an envelope has been handled, or a change has been saved.

    ``refusal`` says why it was refused, if it was; the waiting task tells the client. ``is_saved``
    says that a crash loses the change no more; the receipt of one that is not saved is set, too.
    """

    __slots__ = ("_done", "is_saved", "refusal")

    def __init__(self) -> None:
        self.refusal: RequestError | None = None
        self.is_saved = False
        self._done = trio.Event()

    def set(self) -> None:
        """Wake the tasks that wait: the envelope was handled, or nobody waits for the save."""
        self._done.set()

    def set_saved(self) -> None:
        """Note that the change is saved, and wake the tasks that wait."""
        self.is_saved = True
        self.set()

    async def wait(self) -> None:
        """Wait until the receipt is set."""
        await self._done.wait()


class Envelope(NamedTuple):
    """An event on its way to an actor.

    ``sender`` gets the reply, with ``ref``. ``seat`` is the sender's seat, if it holds one.
    ``receipt`` is set when the envelope has been handled.
    """

    event: Event
    sender: Connection | None = None
    ref: str | None = None
    seat: Seat | None = None
    receipt: Receipt | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the sender that waited for the receipt was refused, if only for being late."""
        return self.receipt is not None and self.receipt.refusal is not None


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

        Return ``Congestion.HIGH`` if a signal was sent there and its sender should be read more
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
