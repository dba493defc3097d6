"""ICE servers on their way to a peer.

A session says that they are handed out, and for how long they may serve; which they are is known
to whoever performs its effects, since credentials are made of the time of day and of chance.
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
"""What makes a grant; it is told for how many seconds the session lives at most. Never waits."""


def no_ice_servers(lifetime: float) -> IceGrant:
    """The source of a node that has none configured."""
    return IceGrant([], lifetime)


def with_ice_servers(message: NodeMessage, source: IceSource) -> NodeMessage:
    """The message, with ICE servers from the source where the session hands some out."""
    match message:
        case wire.IceServers(ttl=lifetime):
            servers, ttl = source(lifetime)
            return structs.replace(message, ice_servers=servers, ttl=ttl)
        case wire.PairResult(ice_ttl=float(lifetime)) | wire.Resumed(ice_ttl=float(lifetime)):
            servers, ttl = source(lifetime)
            return structs.replace(message, ice_servers=servers, ice_ttl=ttl)
        case _:
            return message
