"""The status of a cluster, for ``proxim cluster status``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, structs

from proxim.backends.redis.records import UNREADABLE

if TYPE_CHECKING:
    from proxim.backends.redis.coordinator import Coordinator


class NodeStatus(Struct, frozen=True, kw_only=True):
    """One node, as it described itself ``silent`` seconds ago. All times are in seconds.

    ``url`` is the node's public URL, the same for all nodes behind one load balancer; ``at`` is its
    machine and port. ``sessions`` counts those that have not ended. A ``draining`` node is about to
    stop. ``lag`` is the time that Redis takes to answer it, ``waiting`` how many sessions are not
    saved yet. A node of another version may leave some fields out.
    """

    node: str = ""
    url: str = ""
    at: str = ""
    version: str = ""
    sessions: int = 0
    draining: bool = False
    lease: float = 0.0
    lease_left: float = 0.0
    silent: float = 0.0
    lag: float = 0.0
    waiting: int = 0


async def survey(coordinator: Coordinator) -> list[NodeStatus]:
    """Return all living nodes, sorted by address. Raises ``CoordinatorLost``."""
    members = await coordinator.members()
    found = [_status(node, description, left) for node, (description, left) in members.items()]
    return sorted(found, key=lambda status: (status.url, status.at, status.node))


def _status(node: str, description: bytes, left: float) -> NodeStatus:
    said = NodeStatus()
    with suppress(*UNREADABLE):
        said = msgspec.json.decode(description, type=NodeStatus)
    silent = max(0.0, said.lease - left)
    return structs.replace(said, node=node, lease_left=round(left, 2), silent=round(silent, 2))
