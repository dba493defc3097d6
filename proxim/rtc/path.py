"""How the two sides are connected. With ``gate``, it touches private names of aiortc."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

CandidateType = Literal["host", "srflx", "prflx", "relay"]
"""An address of this machine, one that a STUN server or the other side sees, or a relay's."""


class Path(Struct, frozen=True):
    """How the two sides are connected.

    ``local`` and ``remote`` are the types of the addresses in use. ``relayed`` says whether a TURN
    server is between the two sides. ``protocol`` is ``"udp"`` or ``"tcp"``. ``round_trip`` is in
    seconds, None if the other side has not answered just now.
    """

    local: CandidateType
    remote: CandidateType
    protocol: str
    relayed: bool
    round_trip: float | None


async def path_of(pc: RTCPeerConnection) -> Path | None:
    """Return how a connection reaches the other side; None while it does not."""
    if pc.sctp is None or pc.connectionState != "connected":
        return None
    ice = pc.sctp.transport.transport._connection
    pair: Any = next(iter(ice._nominated.values()), None)
    if pair is None:
        return None
    local, remote = pair.local_candidate, pair.remote_candidate
    return Path(
        local=local.type,
        remote=remote.type,
        protocol=local.transport,
        relayed="relay" in (local.type, remote.type),
        round_trip=await _round_trip(ice, pair),
    )


async def _round_trip(ice: Any, pair: Any) -> float | None:
    """Measure it by a STUN request, as ICE does to see that the other side is still there."""
    from aioice.stun import TransactionError

    request = ice.build_request(pair, nominate=False)
    key = ice.remote_password.encode()
    begin = time.perf_counter()
    try:
        await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=2)
    except (TransactionError, ConnectionError):
        return None
    return time.perf_counter() - begin
