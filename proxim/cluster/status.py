"""How a cluster stands, for a person who asks."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from proxim.cluster.hub import Hub


class NodeStatus(Struct, frozen=True):
    """One node. ``lease_left`` and ``lag``, the time that the hub takes to answer, in seconds.

    ``waiting`` is how many sessions the hub has yet to hear something of.
    """

    node: str
    url: str
    version: str
    sessions: int
    draining: bool
    lease_left: float
    lag: float
    waiting: int


async def survey(hub: Hub) -> list[NodeStatus]:
    """Every node that lives, by its URL. Raises ``HubLost``."""
    members = await hub.members()
    found = []
    for node, (about, lease_left) in members.items():
        said: dict[str, Any] = msgspec.json.decode(about)
        known = {name: said[name] for name in NodeStatus.__struct_fields__ if name in said}
        found.append(NodeStatus(node=node, lease_left=round(lease_left, 2), **known))
    return sorted(found, key=lambda status: (status.url, status.node))
