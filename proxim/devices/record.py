"""A known device as its host keeps it, and the verdict about each request of the device."""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Literal, NamedTuple

from msgspec import Struct, structs

from proxim.sealing.device import TICKET_BYTES, Visitor
from proxim.sealing.encoding import Draw

Policy = Literal["ask", "auto"]
"""Whether the host asks the person at each visit, or approves without a question."""

KEYS_KEPT = 64
"""The keys of so many requests are kept, to recognise a request that is sent again."""

EXPIRED_KEPT = 30 * 86_400.0
"""Seconds for which the record of an expired device is kept: the system clock may be wrong."""


class Standing(Struct, frozen=True):
    """The secrets of the standing session, by which the host opens it again and reads requests."""

    nonce: bytes
    seed: bytes
    private: bytes


class Tickets(Struct, frozen=True):
    """The current ticket, the one before, and whether the device has used the current one.

    The device has used a ticket when the first sealed signal or hello of that visit opens.
    """

    current: bytes
    previous: bytes | None = None
    is_used: bool = False


class KnownDevice(Struct, frozen=True):
    """A device that the host remembers; all of it is secret.

    ``name`` is the one that the person at the host gave. ``end``, ``since`` and ``last_seen`` are
    in seconds of the system clock. ``session_id`` is that of the standing session. ``is_forgotten``
    says that nothing is left to do but to close it.
    """

    session_id: str
    name: str
    key: bytes
    policy: Policy
    since: float
    end: float
    standing: Standing
    tickets: Tickets
    seen: tuple[bytes, ...] = ()
    last_seen: float | None = None
    takes_files: bool = False
    is_forgotten: bool = False

    def __repr__(self) -> str:
        # A log must not have the secrets.
        return f"KnownDevice({self.name!r}, end={self.end!r})"


def forgotten(device: KnownDevice) -> KnownDevice:
    """Return the record of a device that is forgotten, without its secrets and its name."""
    gone = Standing(b"", b"", b"")
    return KnownDevice(
        session_id=device.session_id,
        name="",
        key=b"",
        policy=device.policy,
        since=device.since,
        end=device.end,
        standing=gone,
        tickets=Tickets(b""),
        is_forgotten=True,
    )


class Verdict(StrEnum):
    """The verdict about a request on a standing link."""

    ASK = "ask"
    """Ask the person, without a number."""
    AUTO = "auto"
    """Approve, and show a notice with a way to end the visit."""
    OVER = "over"
    """Decline: the grant has ended. Forget the device."""
    REPLAY = "replay"
    """Decline silently: a request with this key came before."""
    STRANGER = "stranger"
    """Decline, and say so: another device holds the link."""
    COPIED = "copied"
    """Decline, forget the device and tell the person: two devices use the same grant."""


class Judged(NamedTuple):
    """A verdict, and the record to store before it is acted upon."""

    verdict: Verdict
    device: KnownDevice


def judge(device: KnownDevice, visitor: Visitor | None, guest_key: bytes, now: float) -> Judged:
    """Return the verdict about a request that opened; ``guest_key`` is its key for epoch 0.

    Ask once for each request: the same ``pair_prompt`` again, as after ``register``, is not new.
    """
    if visitor is None or not hmac.compare_digest(visitor.key, device.key):
        return Judged(Verdict.STRANGER, device)
    if guest_key in device.seen:
        return Judged(Verdict.REPLAY, device)
    device = structs.replace(device, seen=(*device.seen, guest_key)[-KEYS_KEPT:])
    if now >= device.end:
        return Judged(Verdict.OVER, device)
    if not _is_good(device.tickets, visitor.ticket):
        return Judged(Verdict.COPIED, device)
    return Judged(Verdict(device.policy), device)


def approve(device: KnownDevice, ticket: bytes, now: float, draw: Draw) -> KnownDevice:
    """Return the record after an approval of a visit with ``ticket``.

    Its current ticket is the one to send. Store the record before the answer is sent. Raises
    ``ValueError`` if the ticket is no longer good.
    """
    tickets = device.tickets
    if not _is_good(tickets, ticket):
        raise ValueError("this ticket has been replaced since the request came")
    if hmac.compare_digest(ticket, tickets.current):
        tickets = Tickets(draw(TICKET_BYTES), previous=ticket)
    # By the previous ticket the answer of the visit before was lost: its ticket is sent again.
    return structs.replace(device, tickets=tickets, last_seen=now)


def use(device: KnownDevice, ticket: bytes) -> KnownDevice:
    """Return the record after the device has used ``ticket``.

    That is the ticket which the visit's answer brought. The one before is then worthless.
    """
    tickets = device.tickets
    if not hmac.compare_digest(ticket, tickets.current):
        return device
    return structs.replace(device, tickets=structs.replace(tickets, is_used=True))


def _is_good(tickets: Tickets, ticket: bytes | None) -> bool:
    if ticket is None:
        return False
    if hmac.compare_digest(ticket, tickets.current):
        return True
    # A lost answer leaves the device with the ticket before.
    previous = tickets.previous
    return previous is not None and not tickets.is_used and hmac.compare_digest(ticket, previous)
