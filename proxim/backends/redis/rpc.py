"""The RPC messages that nodes send to each other, and the batches in which they travel.

A client's connection is at one node, its session perhaps at another. Each message is about one
connection at one session. The connection's node has numbered this pair (``seat_number``), also
while the connection only asks for a seat.
"""

from __future__ import annotations

from typing import get_args

import msgspec
from msgspec import Raw, Struct, field

from proxim.actors.connection import Owner
from proxim.protocol.messages import Error
from proxim.session.events import Event, Role


class _Message(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A message about one client at one session; ``seat_number`` is that of the pair of them."""

    seat_number: int = field(name="seat")


# -- from the connection's node to the session's node ----------------------------------------


class Request(_Message, frozen=True):
    """A client's request, as the event that it is; an ``Answer`` follows.

    Its answer has the same ``request_number``. ``epoch`` is the one in which the session was found.
    ``address`` and ``owner`` are what the connection's node knows of the client. A decision has the
    ``prompt_id`` of the prompt that it answers.
    """

    session_id: str
    request_number: int = field(name="number")
    epoch: int
    event: str
    fields: Raw
    ref: str | None = None
    address: str | None = None
    owner: Owner | None = None
    prompt_id: str = field(default="", name="prompt")


class SendSignal(_Message, frozen=True):
    """Relay a signal to a client of the receiving node, or to its session there."""

    data: Raw
    ref: str | None = None


class LeaveSeat(_Message, frozen=True):
    """The connection has left its seat."""


class SignalRefused(_Message, frozen=True):
    """The connection had no room for a signal of the other side."""


# -- from the session's node to the connection's node ----------------------------------------


NO_REQUEST = 0
"""The number of no request: such an ``Answer`` says that the session and its seats are gone."""


class Answer(_Message, frozen=True):
    """The end of a request. ``role`` is the seat that the connection has now, if any."""

    request_number: int = field(name="number")
    role: Role | None = None
    refusal: Error | None = None


class Deliver(_Message, frozen=True):
    """A message for the client. ``is_backlog`` marks a signal kept while its seat was empty.

    A prompt comes with a ``prompt_id`` of its own, so that a decision answers no other.
    """

    message: Raw
    is_backlog: bool = False
    prompt_id: str = field(default="", name="prompt")


class CloseConnection(_Message, frozen=True):
    """Close the client's connection with a code."""

    code: int
    reason: str


# -- between nodes ---------------------------------------------------------------------------


class Reset(Struct, frozen=True, tag=True):
    """A batch between the two nodes was lost: both drop what they have with each other."""


class Acknowledgement(Struct, frozen=True, tag="Received"):
    """The node has handled the batches of the other one, up to the one with this ``sent``."""

    sent: int


ToSession = Request | SendSignal | LeaveSeat | SignalRefused
ToConnection = Answer | Deliver | CloseConnection
Handled = ToSession | ToConnection | Reset
Message = Handled | Acknowledgement


class Batch(Struct, frozen=True):
    """Messages that travel together. ``number`` counts the batches from sender to receiver.

    ``sent`` counts the bytes of all their messages, these included.

    A batch is JSON, since a signal is JSON and must not be parsed on its way.
    """

    sender: str
    number: int
    messages: list[Message]
    sent: int = 0


_EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def encode_event(event: Event) -> tuple[str, Raw]:
    """Return an event's name, and its fields as JSON."""
    return type(event).__name__, Raw(msgspec.json.encode(event))


def decode_event(name: str, fields: Raw) -> Event:
    """Decode an event. Raises ``msgspec.DecodeError``, or ``KeyError`` for an unknown name."""
    event: Event = msgspec.json.decode(fields, type=_EVENTS[name])
    return event
