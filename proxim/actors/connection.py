"""A client's connection as the actors see it, and the owner that it has registered as."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from proxim.actors.congestion import Congestion
from proxim.protocol.messages import NodeMessage

if TYPE_CHECKING:
    from proxim.actors.seat import Seat


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
