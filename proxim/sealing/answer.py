"""The host's decision, sealed for the guest (sealing: The answer)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from proxim.protocol.messages import SessionType
from proxim.sealing.ask import Name, checked_name, opened_name
from proxim.sealing.box import open_box, seal_box
from proxim.sealing.encoding import Draw, padded, unpadded

_SIZE = 1024


class Terms(NamedTuple):
    """What the host says of itself and of the session: its name, the type, the time left.

    ``left`` is in seconds from now, None for a session without an end of its own.
    """

    name: str
    session_type: SessionType
    left: float | None


class Answer(NamedTuple):
    """The decision of the host, and the terms of the session."""

    approved: bool
    terms: Terms


class _Answer(Struct, frozen=True):
    """An answer as it is sealed, in JSON."""

    v: Literal[1]
    yes: bool
    name: Name
    type: SessionType
    left: Annotated[float, Meta(ge=0)] | None


def seal_answer(secret: bytes, approved: bool, terms: Terms, draw: Draw) -> bytes:
    """Return the box of an answer. Raises ``ValueError`` if the name is not allowed."""
    name = checked_name(terms.name)
    wire = _Answer(1, approved, name, terms.session_type, terms.left)
    return seal_box(secret, "answer", "h", padded(wire, _SIZE), draw)


def open_answer(secret: bytes, box: bytes) -> Answer:
    """Return the answer in a box. Raises ``DoesNotOpen``."""
    wire = unpadded(open_box(secret, "answer", "h", box), _SIZE, _Answer)
    return Answer(wire.yes, Terms(opened_name(wire.name), wire.type, wire.left))
