"""The records that nodes and their coordinator, Redis, exchange.

The coordinator knows which nodes live, which node owns each session in which *epoch*, and the
session's snapshot. It carries batches from node to node, and counts what all nodes limit together.
The epoch is raised whenever another node takes a session over, so that the node that had it before
writes nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

LAYOUT = 6
"""The version of what nodes write to Redis and send to each other; all nodes have the same."""

RETENTION_TIME = 30 * 86_400.0
"""Seconds for which a session is kept that no living node has saved again."""

TOMBSTONE_TIME = 86_400.0
"""Seconds for which the epoch is kept of a deleted session that another node has taken over.

A node that had it in an earlier epoch, and has not reached Redis since, must not save it again.
"""

FIRST_TOMBSTONE_TIME = 300.0
"""Seconds for which the epoch is kept of a deleted session that only ever was at one node.

No other node has a copy: only a save of that node may still be on its way, on a broken connection.
"""

RESERVATION_TIME = 10.0
"""Seconds for which an id is kept for the node that is about to open a session of it."""

STREAM_BOUND = 1024
"""Batches that may wait for one node; older ones are dropped, and the node notices the gap."""

REFUSED_BOUND = 1000
"""Keys of one limit that nodes refuse because of each other's counts."""

EVENT_KEYS_BOUND = 10_000
"""Keys of one limit whose events all nodes count together; each node counts further keys alone."""

STANDING = ":standing"
"""The suffix of the list of an owner's sessions for known devices."""

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""The errors of msgspec about bytes that are not what they should be."""


def ms(seconds: float) -> int:
    """Return seconds as milliseconds, of which Redis counts whole ones."""
    return int(seconds * 1000)


class CoordinatorLost(Exception):
    """The coordinator cannot be reached, or does not answer in time."""


class OtherLayout(CoordinatorLost):
    """Nodes live that use another version of the layout."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"the nodes of this cluster use version {found} of its layout in Redis, and this node "
            f"version {LAYOUT}: install the same proxim everywhere, or stop all nodes before you "
            "start this one (`proxim cluster status` lists the nodes)"
        )


class Save(NamedTuple):
    """A session's new state. ``revision`` grows with each save in an epoch.

    ``owner`` names the list of the owner's sessions that it belongs to.

    An empty ``snapshot`` deletes the session. If ``free``, any node may take it over. A node takes
    a session over by a save in a new epoch.
    """

    session_id: str
    owner: str
    epoch: int
    revision: int
    snapshot: bytes
    free: bool = False


class Record(NamedTuple):
    """The last save of a session: by which node, and whether that node lives."""

    session_id: str
    node: str
    epoch: int
    revision: int
    free: bool
    snapshot: bytes
    lives: bool


class EncodedBatch(NamedTuple):
    """Messages for one node."""

    node: str
    body: bytes


class Limit(NamedTuple):
    """How many one key may have at all nodes together.

    With a ``window`` (in seconds) events are counted, which expire after it. Otherwise each node
    sets how many it holds, until it sets another number or dies.
    """

    name: str
    most: int
    window: float = 0.0


class Count(NamedTuple):
    """``number`` more events, or how many the node holds now."""

    limit: Limit
    key: str
    number: int


class Counts(NamedTuple):
    """Counts of one node. Each has a larger ``number``, so that none is applied twice."""

    number: int
    counts: Sequence[Count]


class LimitedKey(NamedTuple):
    """A key that has reached a limit.

    ``value`` is how many other nodes hold; for events, in how many seconds the key may go on.
    """

    limit: str
    key: str
    value: float


class Records(NamedTuple):
    """Records, and the name of the data set that has them."""

    dataset: str
    found: list[Record]


class Owned(NamedTuple):
    """The ids of an owner's sessions, and the name of the data set that lists them."""

    dataset: str
    session_ids: list[str]


class HeartbeatReply(NamedTuple):
    """The reply to a heartbeat.

    ``lease_held`` is whether the lease was still running. ``dataset`` names the data set: another
    name means that everything was forgotten, ``age`` seconds ago.
    """

    lease_held: bool
    dataset: str
    age: float
    living: frozenset[str]
    refused: list[LimitedKey]
