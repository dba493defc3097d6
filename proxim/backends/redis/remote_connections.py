"""Connections of other nodes, at sessions of this node.

To an actor a ``RemoteConnection`` looks like any other connection: it is told messages, and sends
them to the node that has the client.
"""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable

import trio
from msgspec import Raw

from proxim.actors.actor import Actor
from proxim.actors.congestion import Congestion, too_many_signals
from proxim.actors.connection import Owner
from proxim.actors.inbox import Envelope, Receipt
from proxim.actors.log import log_crash
from proxim.actors.relay import leave_seats, relay
from proxim.actors.seat import Seat
from proxim.actors.stats import REQUEST_OUTDATED
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.remote_sessions import unavailable
from proxim.backends.redis.rpc import (
    NO_REQUEST,
    Answer,
    CloseConnection,
    Deliver,
    LeaveSeat,
    Request,
    SendSignal,
    SignalRefused,
    ToSession,
    decode_event,
)
from proxim.clock import now
from proxim.protocol import codec
from proxim.protocol.errors import RequestError, UnknownSession
from proxim.protocol.messages import NodeMessage, PairPrompt, Signal
from proxim.session import events as ev

log = logging.getLogger(__name__)

Find = Callable[[str], Awaitable[object]]
"""The registry's ``find``."""


class RemoteConnection:
    """Stands for a client of another node at one session of this node.

    Both nodes know it by its ``seat_number``.
    """

    has_left = False
    """The client's node drops the requests of a client that has hung up."""

    def __init__(self, bus: MessageBus, node: str, seat_number: int, session_id: str) -> None:
        self.node = node
        self.seat_number = seat_number
        self.session_id = session_id
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.address: str | None = None
        self.networks: tuple[str, ...] = ()
        self.closed = False
        self.pending = 0
        self.prompt_id = ""
        self._bus = bus

    def identify(self, owner: Owner | None, address: str | None) -> None:
        """Note what the client's node knows of the client."""
        self.owner, self.address = owner, address

    def tell(self, message: NodeMessage) -> Congestion | None:
        """Send a message to the node that has the client."""
        if self.closed:
            return None
        if isinstance(message, Signal):
            return self._bus.send_signal(self.node, self._deliver(message), self.session_id)
        prompt_id = ""
        if isinstance(message, PairPrompt):
            prompt_id = self.prompt_id = secrets.token_urlsafe(9)
        self._bus.send(self.node, self._deliver(message, prompt_id=prompt_id), self.session_id)
        return None

    def tell_backlog(self, message: NodeMessage) -> None:
        """Send a signal that was kept while the seat was empty."""
        if not self.closed:
            deliver = self._deliver(message, is_backlog=True)
            self._bus.send_backlog(self.node, deliver, self.session_id)

    async def wait_for_room(self) -> None:
        """Do nothing: the client's node has waited for room before it sent the request."""
        await trio.lowlevel.checkpoint()

    def close(self, code: int, reason: str) -> None:
        """Have the client's node close the connection; the seat is left at once."""
        if not self.closed:
            closing = CloseConnection(seat_number=self.seat_number, code=code, reason=reason)
            self._bus.send(self.node, closing, self.session_id)
            self.drop()

    def drop(self) -> None:
        """Leave the seat, since the connection is gone."""
        self.closed = True
        leave_seats(self)

    def _deliver(
        self, message: NodeMessage, *, is_backlog: bool = False, prompt_id: str = ""
    ) -> Deliver:
        raw = Raw(codec.encode(message))
        return Deliver(
            seat_number=self.seat_number, message=raw, is_backlog=is_backlog, prompt_id=prompt_id
        )


class RemoteConnections:
    """Handles what the clients of other nodes send to sessions of this node.

    Requests are answered while ``run`` runs. ``epoch`` returns the epoch in which this node owns a
    session, or 0. ``find`` loads a session that another node believes to be here.
    """

    def __init__(
        self, bus: MessageBus, supervisor: Supervisor, epoch: Callable[[str], int], find: Find
    ) -> None:
        self._bus = bus
        self._supervisor = supervisor
        self._epoch = epoch
        self._find = find
        self._connections: dict[tuple[str, int], RemoteConnection] = {}
        self._at_session: defaultdict[str, set[RemoteConnection]] = defaultdict(set)
        self._nursery: trio.Nursery

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Answer requests, and load sessions, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    @property
    def nodes(self) -> set[str]:
        """The nodes that have the clients."""
        return {node for node, _ in self._connections}

    def receive(self, sender: str, message: ToSession) -> None:
        """Handle a message of a client's node to one of this node's sessions."""
        connection = self._connections.get((sender, message.seat_number))
        match message:
            case Request():
                if connection is None:
                    connection = RemoteConnection(
                        self._bus, sender, message.seat_number, message.session_id
                    )
                    self._connections[sender, message.seat_number] = connection
                    self._at_session[message.session_id].add(connection)
                connection.identify(message.owner, message.address)
                self._request(connection, message)
            case SendSignal() if connection is not None:
                self._signal(connection, message)
            case LeaveSeat() if connection is not None:
                self._leave(connection)
            case SignalRefused() if connection is not None:
                self._refuse_signal(connection)

    def _request(self, connection: RemoteConnection, request: Request) -> None:
        actor = self._supervisor.find(request.session_id)
        if actor is None or self._epoch(request.session_id) != request.epoch:
            self._refuse_outdated(connection, request)
            if actor is None:
                # This node took it over for a client that left before an actor was started.
                self._nursery.start_soon(self._load, request.session_id)
            return
        event = decode_event(request.event, request.fields)
        if isinstance(event, ev.HostDecided) and request.prompt_id != connection.prompt_id:
            # The decision was made on another prompt, and is sent again.
            self._refuse_outdated(connection, request)
            return
        seat = connection.seats.get(request.session_id) if _needs_seat(event) else None
        is_refused = seat is None if _needs_seat(event) else not _may_ask(event, connection, actor)
        if is_refused:
            self._answer(connection, request, UnknownSession(session_id=request.session_id))
            return
        if isinstance(event, ev.CloseRequested):
            # A signal that is sent after this must not arrive before it.
            actor.close_line()
        receipt = actor.ask(Envelope(event, connection, request.ref, seat))
        connection.pending += 1
        self._nursery.start_soon(self._wait, connection, request, receipt)

    def _refuse_outdated(self, connection: RemoteConnection, request: Request) -> None:
        self._supervisor.stats.cluster_refusals[REQUEST_OUTDATED] += 1
        self._answer(connection, request, unavailable(request.session_id))

    async def _load(self, session_id: str) -> None:
        try:
            await self._find(session_id)
        except RequestError:
            pass  # The client asks again.
        except Exception as error:
            log_crash(log, "a session could not be loaded", error)

    async def _wait(self, connection: RemoteConnection, request: Request, receipt: Receipt) -> None:
        await receipt.wait()
        connection.pending -= 1
        self._answer(connection, request, receipt.refusal)

    def _answer(
        self, connection: RemoteConnection, request: Request, refusal: RequestError | None
    ) -> None:
        seat = connection.seats.get(request.session_id)
        answer = Answer(
            seat_number=request.seat_number,
            request_number=request.request_number,
            role=None if seat is None or connection.closed else seat.role,
            refusal=None if refusal is None else codec.error_message(refusal),
        )
        self._bus.send(connection.node, answer, connection.session_id)
        self._tidy(connection)

    def _tidy(self, connection: RemoteConnection) -> None:
        if connection.closed or not (connection.seats or connection.pending):
            self._forget(connection)

    def _forget(self, connection: RemoteConnection) -> None:
        self._connections.pop((connection.node, connection.seat_number), None)
        here = self._at_session[connection.session_id]
        here.discard(connection)
        if not here:
            del self._at_session[connection.session_id]

    def session_removed(self, session_id: str) -> None:
        """Tell the clients' nodes that nobody has a seat any more in a session that was removed.

        Otherwise both nodes would keep such a seat for as long as its client stays connected.
        """
        for connection in list(self._at_session.get(session_id, ())):
            if not (connection.closed or connection.pending):  # Otherwise an answer follows.
                gone = Answer(seat_number=connection.seat_number, request_number=NO_REQUEST)
                self._bus.send(connection.node, gone, session_id)
                self._tidy(connection)

    def _leave(self, connection: RemoteConnection) -> None:
        seat = connection.seats.pop(connection.session_id, None)
        if seat is not None:
            seat.actor.leave(seat)
        self._tidy(connection)

    def _signal(self, connection: RemoteConnection, message: SendSignal) -> None:
        session_id = connection.session_id
        try:
            signal = Signal(session_id=session_id, data=message.data, ref=message.ref)
            relay(connection, signal, now())
        except RequestError as error:
            error.session_id = session_id
            connection.tell(codec.error_message(error, message.ref))

    def _refuse_signal(self, connection: RemoteConnection) -> None:
        """Tell the other side that the connection had no room for its signal."""
        session_id = connection.session_id
        seat, actor = connection.seats.get(session_id), self._supervisor.find(session_id)
        sender = None if seat is None or actor is None else actor.seats.get(seat.role.peer)
        if sender is not None:
            sender.connection.tell(codec.error_message(too_many_signals(session_id)))

    def drop_node(self, node: str | None = None) -> None:
        """A node is gone, or every node, and its connections with it."""
        for connection in list(self._connections.values()):
            if node in (None, connection.node):
                connection.drop()
                self._forget(connection)


def _may_ask(event: ev.Event, connection: RemoteConnection, actor: Actor) -> bool:
    """Return whether the connection may send an event without a seat.

    A guest's tokens are checked by the session. Only the owner takes the host seat, or closes.
    """
    return isinstance(event, ev.PairRequested | ev.ResumeRequested) or (
        isinstance(event, ev.HostJoined | ev.CloseRequested) and connection.owner == actor.owner
    )


def _needs_seat(event: ev.Event) -> bool:
    """Return whether the event needs a seat; others ask for one, or come from the owner."""
    if isinstance(event, ev.CloseRequested):
        return event.sender is not None
    return not isinstance(event, ev.HostJoined | ev.PairRequested | ev.ResumeRequested)
