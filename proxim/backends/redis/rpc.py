"""What nodes say to each other, and the batches in which it travels.

A client is at one node, its session perhaps on another. *Edge* is the node that has the client's
connection, *owner* the one that has the session. A connection is named by a number of its edge's.
"""

from __future__ import annotations

from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Raw, Struct

from proxim.actors.seat import Owner
from proxim.protocol.messages import Error
from proxim.session.events import Event, Role


class _Message(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    session_id: str
    connection: int


# -- edge to owner ---------------------------------------------------------------------------


class Request(_Message, frozen=True):
    """A client's request, as the event that it is. Answered with ``Answer``.

    ``epoch`` is the one in which the session was found; ``address`` and ``owner`` are what the
    edge knows of the connection.
    """

    number: int
    epoch: int
    event: str
    fields: Raw
    ref: str | None = None
    address: str | None = None
    owner: Owner | None = None


class SendSignal(_Message, frozen=True):
    """A signal from a seat."""

    data: Raw
    ref: str | None = None


class LeaveSeat(_Message, frozen=True):
    """The connection has left its seat."""


# -- owner to edge ---------------------------------------------------------------------------


class Answer(_Message, frozen=True):
    """A request was dealt with. ``role`` is the seat that the connection has now, if any."""

    number: int
    role: Role | None = None
    refusal: Error | None = None


class Deliver(_Message, frozen=True):
    """A message for the client. ``kept`` marks a signal that was kept for it while it was away."""

    message: Raw
    kept: bool = False


class CloseConnection(_Message, frozen=True):
    """Close the connection."""

    code: int
    reason: str


# -- between nodes ---------------------------------------------------------------------------


class Reset(Struct, frozen=True, tag=True):
    """Mail was lost between us: forget everything that we had with each other."""


class Counted(Struct, frozen=True, tag=True):
    """Something was counted of somebody's, in the tally of that name."""

    tally: str
    who: str


class Standing(Struct, frozen=True, tag=True):
    """How many the sender has given to each, of the places of that name.

    ``anew`` says that there are none but these; otherwise whoever is not named has what it had.
    """

    places: str
    counts: dict[str, Annotated[int, Meta(ge=0)]]
    anew: bool = False


_ToOwner = Request | SendSignal | LeaveSeat
_ToEdge = Answer | Deliver | CloseConnection
Message = _ToOwner | _ToEdge | Reset | Counted | Standing


class Batch(Struct, frozen=True):
    """Messages that travel together. ``number`` counts the batches from sender to receiver."""

    sender: str
    number: int
    messages: list[Message]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Batch)
_EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def encode(batch: Batch) -> bytes:
    """A batch as it travels. JSON, since that is what signals are, and they travel unread."""
    return _encoder.encode(batch)


def decode(text: bytes) -> Batch:
    """The batch that a text is. Raises ``msgspec.DecodeError``."""
    return _decoder.decode(text)


def encode_event(event: Event) -> tuple[str, Raw]:
    """An event by its name, and its fields."""
    return type(event).__name__, Raw(_encoder.encode(event))


def decode_event(name: str, fields: Raw) -> Event:
    """The event again. Raises ``msgspec.DecodeError``, ``KeyError`` for what is no event."""
    event: Event = msgspec.json.decode(fields, type=_EVENTS[name])
    return event
