"""The standing session of a known device: its secrets, its request to the node, and its grant."""

from __future__ import annotations

from proxim.devices.record import KnownDevice, Policy, Standing, Tickets
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.messages import SessionType
from proxim.sealing.device import TICKET_BYTES, Grant
from proxim.sealing.encoding import KEY_BYTES, Draw
from proxim.sealing.host import LinkKeys
from proxim.sealing.keys import pair_of


def new_device(
    key: bytes, name: str, policy: Policy, end: float, now: float, draw: Draw
) -> KnownDevice:
    """Return the record of a device that the host remembers from now on."""
    nonce = draw(KEY_BYTES)
    return KnownDevice(
        session_id=tokens.session_id_of(tokens.encode(nonce)),
        name=name,
        key=key,
        policy=policy,
        since=now,
        end=end,
        standing=Standing(nonce, draw(KEY_BYTES), draw(KEY_BYTES)),
        tickets=Tickets(draw(TICKET_BYTES)),
    )


def link_keys(device: KnownDevice) -> LinkKeys:
    """Return the secrets of the standing link."""
    return LinkKeys(device.standing.seed, device.standing.private)


def opening(device: KnownDevice, now: float) -> wire.CreateSession:
    """Return the request that opens the standing session, the first time and each time after."""
    return wire.CreateSession(
        session_type=SessionType.PERSISTENT,
        token_hash=link_keys(device).token_hash,
        seal=1,
        nonce=tokens.encode(device.standing.nonce),
        link_ttl=max(1.0, device.end - now),
    )


def grant_of(device: KnownDevice, now: float) -> Grant:
    """Return the grant for the device, with its current ticket."""
    return Grant(
        device.session_id,
        device.standing.seed,
        pair_of(device.standing.private).public,
        device.tickets.current,
        max(0.0, device.end - now),
        device.policy == "auto",
    )
