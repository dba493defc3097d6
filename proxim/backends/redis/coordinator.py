"""The coordinator: what nodes have in common, and the only thing through which they speak.

It knows which node lives, which node a session is on and in which *epoch*, and what it was like;
and it carries mail from node to node. The epoch is raised whenever a session changes hands, so that
what an earlier owner still does is told apart from what the present one does, and refused.
``redis.py`` and ``local.py`` are the kinds of it; the same tests run against both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

RETENTION_TIME = 30 * 86_400.0
"""Seconds for which a session is kept that no living node has touched."""

TOMBSTONE_TIME = 86_400.0
"""Seconds for which it is remembered that a session is gone, so that nobody brings it back."""

STREAM_BOUND = 1024
"""Sacks of mail that may wait for one node; the oldest are dropped, and it notices the gap."""


class CoordinatorLost(Exception):
    """The coordinator cannot be reached, or does not answer in time."""


class Save(NamedTuple):
    """A session's new state. ``revision`` grows with each in an epoch.

    An empty ``snapshot`` says that it is gone for good; ``free`` that anybody may have it.
    """

    session_id: str
    owner: str
    epoch: int
    revision: int
    snapshot: bytes
    free: bool = False


class EncodedBatch(NamedTuple):
    """Mail for one node."""

    node: str
    body: bytes


class Claim(NamedTuple):
    """Where a session is, after it was asked for: on the node that asked, if it was free."""

    session_id: str
    node: str
    epoch: int
    snapshot: bytes


class Claims(NamedTuple):
    """Where sessions are, as the coordinator knows it from the memory of that name."""

    memory: str
    found: list[Claim]


class Owned(NamedTuple):
    """The ids of an owner's sessions, and the name of the data set that lists them."""

    memory: str
    session_ids: list[str]


class HeartbeatReply(NamedTuple):
    """What a sign of life is answered with.

    ``kept`` is whether the lease was still running. ``memory`` names the data set: another name
    means that everything was forgotten, ``age`` seconds ago. ``gone`` are the watched nodes that
    have died.
    """

    kept: bool
    memory: str
    age: float
    gone: frozenset[str]


class FlushReply(NamedTuple):
    """What became of it: sessions that another node has, and nodes that live no more."""

    lost: frozenset[str]
    gone: frozenset[str]


class Coordinator(Protocol):
    """One node's way to the coordinator. All of this raises ``CoordinatorLost``."""

    async def heartbeat(
        self, node: str, about: bytes, lease: float, watched: Sequence[str]
    ) -> HeartbeatReply:
        """Say that a node lives for ``lease`` seconds more, and ask which others do not.

        What has been received before is let go of.
        """
        ...

    async def claim(self, node: str, session_ids: Sequence[str]) -> Claims:
        """Take those that are free, in a new epoch. Those of which nothing is known are left out.

        Free is what was set free, and what is on a node that lives no more.
        """
        ...

    async def owned_by(self, owner: str) -> Owned:
        """The ids of an owner's sessions."""
        ...

    async def flush(
        self, node: str, saves: Sequence[Save], batches: Sequence[EncodedBatch]
    ) -> FlushReply:
        """Save, then send, all at once and in this order.

        A save of an older epoch or revision changes nothing. To a node that lives no more nothing
        is sent, and from one neither. When this raises, it may have happened.
        """
        ...

    async def receive(self, node: str) -> list[bytes]:
        """The mail for a node, in order; waits for some, at most about a second."""
        ...

    async def leave(self, node: str) -> None:
        """The node lives no more."""
        ...

    async def members(self) -> dict[str, tuple[bytes, float]]:
        """Who lives: what each says about itself, and for how many seconds more its lease runs."""
        ...
