"""ICE servers on their way to a peer.

A session says in its effects that ICE servers go along, and for how long they may serve. Its actor
asks for them, since credentials are made of the time of day and of chance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import structs

from proxim.protocol import messages as wire
from proxim.protocol.messages import IceServer, NodeMessage


class IceGrant(NamedTuple):
    """ICE servers for one peer, and for how many seconds they serve."""

    servers: list[IceServer]
    ttl: float


IceSource = Callable[[float], IceGrant]
"""Makes a grant for a session that lives at most so many seconds. Never waits."""


def no_ice_servers(lifetime: float) -> IceGrant:
    """Grant nothing: the source of a node that has no ICE servers."""
    return IceGrant([], lifetime)


def with_ice_servers(message: NodeMessage, grant: IceGrant) -> NodeMessage:
    """Return the message with the ICE servers of a grant."""
    if isinstance(message, wire.IceServers):
        return structs.replace(message, ice_servers=grant.servers, ttl=grant.ttl)
    return structs.replace(message, ice_servers=grant.servers, ice_ttl=grant.ttl)
