"""ICE servers for the peers of a session.

A session says in its effects that a message gets ICE servers, and for how long. Its actor adds
them, since credentials need the time of day and randomness, and a session is pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import structs

from proxim.protocol import messages as wire
from proxim.protocol.messages import IceServer, NodeMessage


class IceGrant(NamedTuple):
    """ICE servers for one peer, and the seconds for which they are valid."""

    servers: list[IceServer]
    ttl: float


IceSource = Callable[[float, str], IceGrant]
"""Returns ICE servers for a session that lives at most so many seconds, and for the side of it with
this name. Never waits."""


def no_ice_servers(lifetime: float, peer: str = "") -> IceGrant:
    """Return an empty grant: the source of a node without ICE servers."""
    return IceGrant([], lifetime)


def with_ice_servers(message: NodeMessage, grant: IceGrant) -> NodeMessage:
    """Return the message with the ICE servers of a grant."""
    if isinstance(message, wire.IceServers):
        return structs.replace(message, ice_servers=grant.servers, ttl=grant.ttl)
    return structs.replace(message, ice_servers=grant.servers, ice_ttl=grant.ttl)
