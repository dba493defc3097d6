"""The host's decision, sealed for the guest (sealing: The answer)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

from proxim.protocol.messages import SessionType
from proxim.protocol.tokens import encode
from proxim.sealing.ask import Name, checked_name, opened_name
from proxim.sealing.box import open_box, seal_box
from proxim.sealing.device import TICKET_BYTES, Grant, WireGrant, read_grant, wire_grant
from proxim.sealing.encoding import DoesNotOpen, Draw, decode, padded, unpadded

_SIZE = 1024


class Terms(NamedTuple):
    """What the host says of itself and of the session: its name, the type, the time left.

    ``left`` is in seconds from now, None for a session without an end of its own.
    """

    name: str
    session_type: SessionType
    left: float | None


class Gone(StrEnum):
    """Why a host does not know a device any more."""

    FORGOTTEN = "forgotten"
    """The person at the host has removed the device."""
    COPIED = "copied"
    """Two devices have used the same grant."""
    EXPIRED = "expired"
    """The time of the grant is over."""


class Answer(NamedTuple):
    """The decision of the host, and the terms of the session.

    ``known`` is the grant of a device that the host remembers from now on, or its new ticket.
    ``gone`` says that the host knows the device no more, and why.
    """

    approved: bool
    terms: Terms
    known: Grant | bytes | None = None
    gone: Gone | None = None


class _Answer(Struct, frozen=True):
    """An answer as it is sealed, in JSON."""

    v: Literal[1]
    yes: bool
    name: Name
    type: SessionType
    left: Annotated[float, Meta(ge=0)] | None
    known: WireGrant | UnsetType = UNSET
    t: str | UnsetType = UNSET
    gone: str | UnsetType = UNSET


def seal_answer(
    secret: bytes,
    approved: bool,
    terms: Terms,
    draw: Draw,
    known: Grant | bytes | None = None,
    gone: Gone | None = None,
) -> bytes:
    """Return the box of an answer; ``known`` is a grant or a ticket for a device that may come.

    ``gone`` is for a device that may not. Raises ``ValueError`` if the name is not allowed, a
    rejection has a grant or a ticket, or an approval has ``gone``.
    """
    name = checked_name(terms.name)
    if known is not None and not approved:
        raise ValueError("only an approval has a grant or a ticket")
    if gone is not None and approved:
        raise ValueError("only a rejection says that the host does not know the device any more")
    if isinstance(known, bytes) and len(known) != TICKET_BYTES:
        raise ValueError("a ticket has 16 bytes")
    grant = wire_grant(known) if isinstance(known, Grant) else UNSET
    ticket = encode(known) if isinstance(known, bytes) else UNSET
    why = UNSET if gone is None else gone.value
    wire = _Answer(1, approved, name, terms.session_type, terms.left, grant, ticket, why)
    return seal_box(secret, "answer", "h", padded(wire, _SIZE), draw)


def open_answer(secret: bytes, box: bytes) -> Answer:
    """Return the answer in a box. Raises ``DoesNotOpen``."""
    wire = unpadded(open_box(secret, "answer", "h", box), _SIZE, _Answer)
    terms = Terms(opened_name(wire.name), wire.type, wire.left)
    return Answer(wire.yes, terms, _known(wire), _gone(wire))


def read_gone(text: str) -> Gone:
    """Return why a host does not know a device; a reason of a later version is ``FORGOTTEN``."""
    return Gone(text) if text in list(Gone) else Gone.FORGOTTEN


def _gone(wire: _Answer) -> Gone | None:
    if wire.gone is UNSET:
        return None
    if wire.yes:
        raise DoesNotOpen
    return read_gone(wire.gone)


def _known(wire: _Answer) -> Grant | bytes | None:
    if wire.known is UNSET and wire.t is UNSET:
        return None
    # A grant has a ticket of its own, and a device that was rejected gets neither.
    if not wire.yes or (wire.known is not UNSET and wire.t is not UNSET):
        raise DoesNotOpen
    if wire.known is not UNSET:
        return read_grant(wire.known)
    return decode(str(wire.t), TICKET_BYTES)
