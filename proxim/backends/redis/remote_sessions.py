"""Sessions on other nodes, for the connections of this node.

To the router a ``RemoteSession`` looks like an actor: it takes envelopes, and sends them to
the session's node. A ``RemoteSeat`` holds what one connection has there: its seat, and the
requests that are not answered yet.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import trio

from proxim.actors.congestion import Congestion, too_many_signals
from proxim.actors.connection import Connection, Owner
from proxim.actors.inbox import Envelope, Receipt
from proxim.actors.seat import Seat
from proxim.backends.redis import rpc
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.lease import Lease
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import RateLimited, RequestError, Unavailable, request_error
from proxim.session import events as ev
from proxim.session.session import Session

ANSWER_TIME = 4.0
"""Seconds that another node has to answer a request."""

PENDING_BOUND = 64
"""Unanswered requests of one connection at one session; more are refused."""


def unavailable(session_id: str | None = None) -> Unavailable:
    """Return the refusal of a request that needs another node, which cannot be reached."""
    return Unavailable(session_id=session_id)


class RemoteSession:
    """Stands for a session at another node, and sends requests there."""

    def __init__(
        self, sessions: RemoteSessions, node: str, epoch: int, session: Session, owner: Owner
    ) -> None:
        self.node = node
        self.epoch = epoch
        self.session = session
        self.owner = owner
        self._sessions = sessions

    def ask(self, envelope: Envelope) -> Receipt:
        """Send a request to the session's node; its answer sets the receipt."""
        receipt = Receipt()
        if envelope.sender is not None and envelope.sender.closed:
            # The session's node would give it the seat of a newer connection.
            receipt.set()
            return receipt
        try:
            self._sessions.remote_seat(self, envelope.sender).ask(envelope, receipt)
        except RequestError as refusal:
            receipt.refuse(refusal)
        return receipt

    def post(self, envelope: Envelope) -> Congestion | None:
        """Send a request to the session's node. Raises ``Unavailable`` and ``RateLimited``."""
        return self._sessions.remote_seat(self, envelope.sender).post(envelope)

    def leave(self, seat: Seat) -> None:
        """Do nothing: a connection takes its seat at a ``RemoteSeat``."""

    def close_line(self) -> None:
        """Do nothing: a remote session has no line here."""


class _Pending(NamedTuple):
    """A request that waits for the other node's answer, at most until a moment."""

    envelope: Envelope
    receipt: Receipt | None
    until: float


class RemoteSeat:
    """Stands for the actor of a session at another node, for one connection of this node.

    Both nodes know this pair by its ``seat_number``. A seat that is granted has it as its actor.
    """

    def __init__(
        self,
        sessions: RemoteSessions,
        remote: RemoteSession,
        connection: Connection,
        seat_number: int,
    ) -> None:
        self.remote = remote
        self.session = remote.session
        self.connection = connection
        self.seat_number = seat_number
        self.session_id = remote.session.session_id
        self._sessions = sessions
        self._seat: Seat | None = None
        self._prompt_id = ""
        self._pending: dict[int, _Pending] = {}

    @property
    def is_unused(self) -> bool:
        """Whether there is neither a seat nor an unanswered request."""
        return self._seat is None and not self._pending

    # -- what the router calls ---------------------------------------------------------------

    @property
    def owner(self) -> Owner:
        """The owner of the session."""
        return self.remote.owner

    def post(self, envelope: Envelope) -> Congestion | None:
        """Send a request or a signal to the session's node.

        Raises ``Unavailable`` and ``RateLimited``.
        """
        if not isinstance(envelope.event, ev.SignalSent):
            self.ask(envelope, None)
            return None
        # The data is a view into the whole frame, which must not stay in memory as long.
        data = envelope.event.data.copy()
        signal = rpc.SendSignal(seat_number=self.seat_number, data=data, ref=envelope.ref)
        congestion = self._sessions.send_signal(self, signal)
        if congestion is Congestion.FULL:
            raise too_many_signals(self.session_id)
        return congestion

    def ask(self, envelope: Envelope, receipt: Receipt | None) -> None:
        """Send a request to the session's node; its answer sets ``receipt``."""
        self._sessions.check_reachable(self)
        if len(self._pending) >= PENDING_BOUND:
            raise RateLimited(
                "too many requests wait for this session",
                session_id=self.session_id,
                retry_after=1.0,
            )
        number = self._sessions.next_number()
        self._pending[number] = _Pending(envelope, receipt, trio.current_time() + ANSWER_TIME)
        event, fields = rpc.encode_event(envelope.event)
        self._send(
            rpc.Request(
                seat_number=self.seat_number,
                session_id=self.session_id,
                request_number=number,
                epoch=self.remote.epoch,
                event=event,
                fields=fields,
                ref=envelope.ref,
                address=self.connection.address,
                owner=self.connection.owner,
                prompt_id=self._prompt_id if isinstance(envelope.event, ev.HostDecided) else "",
            )
        )

    def leave(self, seat: Seat) -> None:
        """Tell the session's node that the connection has left its seat."""
        self._seat = None
        self._send(rpc.LeaveSeat(seat_number=self.seat_number))
        self._sessions.tidy(self)

    def close_line(self) -> None:
        """Do nothing: whatever is sent to the session's node arrives in order."""

    # -- what the session's node sends -------------------------------------------------------

    def receive(self, message: rpc.ToConnection) -> None:
        """Handle a message of the session's node."""
        match message:
            case rpc.Answer():
                self._answered(message)
            case rpc.Deliver():
                self._prompt_id = message.prompt_id or self._prompt_id
                self._deliver(codec.decode_node(bytes(message.message)), message.is_backlog)
            case rpc.CloseConnection():
                self.connection.close(message.code, message.reason)

    def _deliver(self, message: wire.NodeMessage, is_backlog: bool) -> None:
        if is_backlog:
            self.connection.tell_backlog(message)
        elif self.connection.tell(message) is Congestion.FULL:
            self._send(rpc.SignalRefused(seat_number=self.seat_number))

    def _answered(self, answer: rpc.Answer) -> None:
        """Take the seat, or lose it, and pass the refusal on to the client."""
        pending = self._pending.pop(answer.request_number, None)
        if pending is None and answer.request_number != rpc.NO_REQUEST:
            return
        self._take_seat(answer)
        if pending is not None:
            self._end_request(pending, None if answer.refusal is None else _refusal(answer.refusal))
        self._sessions.tidy(self)

    def _take_seat(self, answer: rpc.Answer) -> None:
        seats = self.connection.seats
        if answer.role is None:
            if self._seat is not None and seats.get(self.session_id) is self._seat:
                del seats[self.session_id]
            self._seat = None
        elif self.connection.closed:
            self._send(rpc.LeaveSeat(seat_number=self.seat_number))
        elif self._seat is None:
            self._seat = seats[self.session_id] = Seat(self, answer.role, self.connection)

    # -- failures ----------------------------------------------------------------------------

    def refuse(self, until: float = math.inf) -> None:
        """Refuse the requests that were to be answered before ``until``."""
        for number, pending in list(self._pending.items()):
            if pending.until <= until:
                del self._pending[number]
                if pending.receipt is not None and self._seat is None:
                    # The seat may be granted late, to a client that no longer asks for it.
                    self._send(rpc.LeaveSeat(seat_number=self.seat_number))
                self._end_request(pending, unavailable(self.session_id))

    def close(self) -> None:
        """Refuse all requests, since the session's node is gone; close a connection with a seat."""
        self.refuse()
        if self._seat is not None:
            self.connection.close(1012, "the session's node is gone; come again")

    def _end_request(self, pending: _Pending, refusal: RequestError | None) -> None:
        receipt = pending.receipt
        if receipt is not None:
            receipt.set() if refusal is None else receipt.refuse(refusal)
        elif refusal is not None:
            self.connection.tell(codec.error_message(refusal, pending.envelope.ref))

    def _send(self, message: rpc.Message) -> None:
        self._sessions.send(self.remote.node, message, self.session_id)


class RemoteSessions:
    """Keeps the remote seats of this node, and gives them what the sessions' nodes send."""

    def __init__(self, bus: MessageBus, lease: Lease) -> None:
        self.send = bus.send
        self._bus = bus
        self._lease = lease
        self._remote_seats: dict[int, RemoteSeat] = {}
        self._last = 0

    @property
    def nodes(self) -> set[str]:
        """The nodes that have the sessions."""
        return {seat.remote.node for seat in self._remote_seats.values()}

    def next_number(self) -> int:
        """Return a number that was not used before."""
        self._last += 1
        return self._last

    def check_reachable(self, seat: RemoteSeat) -> None:
        """Raise ``Unavailable`` if the node cannot be reached, or too much waits for it."""
        if not self._lease.is_connected or self._bus.is_full(seat.remote.node):
            raise unavailable(seat.session_id)

    def send_signal(self, seat: RemoteSeat, signal: rpc.SendSignal) -> Congestion | None:
        """Send a signal to the session's node. Raises ``Unavailable`` if it cannot be reached."""
        if not self._lease.is_connected:
            raise unavailable(seat.session_id)
        return self._bus.send_signal(seat.remote.node, signal, seat.session_id)

    def remote_seat(self, remote: RemoteSession, connection: Connection | None) -> RemoteSeat:
        """Return the connection's remote seat at a session, made if it has none there."""
        assert connection is not None
        held = connection.seats.get(remote.session.session_id)
        if held is not None and isinstance(held.actor, RemoteSeat):
            if (held.actor.remote.node, held.actor.remote.epoch) == (remote.node, remote.epoch):
                return held.actor
            # Its node has lost the session to another node, or to a later epoch.
            held.actor.refuse()
            held.actor.leave(held)
            self._forget(held.actor)
        number = self.next_number()
        seat = self._remote_seats[number] = RemoteSeat(self, remote, connection, number)
        return seat

    def tidy(self, seat: RemoteSeat) -> None:
        """Forget a remote seat that is unused."""
        if seat.is_unused:
            self._forget(seat)

    def _forget(self, seat: RemoteSeat) -> None:
        self._remote_seats.pop(seat.seat_number, None)

    def receive(self, sender: str, message: rpc.ToConnection) -> None:
        """Handle a message of a session's node to one of this node's connections."""
        seat = self._remote_seats.get(message.seat_number)
        if seat is None:
            # It was granted after this node had given the request up, and said so before that.
            self.send(sender, rpc.LeaveSeat(seat_number=message.seat_number))
        elif seat.remote.node == sender:
            seat.receive(message)

    def expire_requests(self, now: float) -> None:
        """Refuse all requests that were not answered in time."""
        for seat in list(self._remote_seats.values()):
            seat.refuse(now)
            self.tidy(seat)

    def drop_node(self, node: str | None = None) -> None:
        """A node is gone, or every node: close the connections that have a seat there."""
        for seat in list(self._remote_seats.values()):
            if node in (None, seat.remote.node):
                seat.close()
                self._forget(seat)


def _refusal(error: wire.Error) -> RequestError:
    return request_error(
        error.code,
        error.message,
        session_id=error.session_id or None,
        retry_after=error.retry_after or None,
    )
