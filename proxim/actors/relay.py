"""Passes on what a connection sends from its seats: signals, and its leaving."""

from __future__ import annotations

from msgspec import structs

from proxim.actors.congestion import Congestion, too_many_signals
from proxim.actors.connection import Connection
from proxim.actors.inbox import Envelope
from proxim.actors.seat import Seat
from proxim.protocol import messages as wire
from proxim.protocol.errors import UnknownSession
from proxim.protocol.messages import ClientMessage
from proxim.session import events as ev
from proxim.session.events import Event


def relay(connection: Connection, message: wire.Signal, now: float) -> Congestion | None:
    """Send a signal to the peer, over the line if it is open, else through the inbox.

    ``now`` is a moment of ``clock.now``, the same for all signals of one read. Return
    ``Congestion.HIGH`` if the sender should be read more slowly. Raises a ``RequestError`` if the
    signal is refused.
    """
    seat = connection.seats.get(message.session_id)
    if seat is None:
        raise UnknownSession(session_id=message.session_id)
    if seat.line is None or now >= seat.line_until:
        return post_from(seat, ev.SignalSent(seat.role, message.data), message)
    # ``ref`` belongs to the sender; the peer gets the rest unchanged.
    congestion = seat.line(message if message.ref is None else structs.replace(message, ref=None))
    if congestion is Congestion.FULL:
        raise too_many_signals(message.session_id)
    return congestion


def leave_seats(connection: Connection) -> None:
    """Close the lines of a connection that is gone, and tell its sessions.

    It may be called again: an actor ignores a seat that is empty by then.
    """
    for seat in list(connection.seats.values()):
        seat.actor.leave(seat)


def post_from(seat: Seat, event: Event, message: ClientMessage) -> Congestion | None:
    """Send an event of the client in a seat to the session. Raises what ``SeatActor.post`` does."""
    return seat.actor.post(Envelope(event, seat.connection, message.ref, seat))
