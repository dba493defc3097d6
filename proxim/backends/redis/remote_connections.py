"""Connections of other nodes, at sessions of this node.

To an actor a ``RemoteConnection`` looks like any other connection: it is told messages, and sends
them to the node that has the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio
from msgspec import Raw

from proxim.actors.router import relay
from proxim.actors.seat import Envelope, Owner, Receipt, Seat
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.remote_sessions import unavailable
from proxim.backends.redis.rpc import (
    Answer,
    CloseConnection,
    Deliver,
    LeaveSeat,
    Request,
    SendSignal,
    ToSession,
    decode_event,
)
from proxim.protocol import codec
from proxim.protocol.errors import RequestError, UnknownSession
from proxim.protocol.messages import NodeMessage, Resumed, Signal
from proxim.session import events as ev

Find = Callable[[str], Awaitable[object]]
"""The registry's ``find``."""


class RemoteConnection:
    """A client's connection at another node, which may hold seats in sessions of this node."""

    has_left = False
    """The client's node drops the requests of a client that has hung up."""

    def __init__(self, bus: MessageBus, node: str, number: int) -> None:
        self.node = node
        self.number = number
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.address: str | None = None
        self.closed = False
        self.pending = 0
        self._bus = bus

    def tell(self, message: NodeMessage) -> None:
        """Send a message to the node that has the client."""
        self._send(message, is_backlog=False)

    def tell_backlog(self, message: NodeMessage) -> None:
        """Send a signal that was kept while the seat was empty."""
        self._send(message, is_backlog=True)

    async def wait_for_room(self) -> None:
        """Do nothing: the client's node has waited for room before it sent the request."""
        await trio.lowlevel.checkpoint()

    def close(self, code: int, reason: str) -> None:
        """Have the client's node close the connection; its seats are left at once."""
        if not self.closed:
            message = CloseConnection(
                session_id="", connection=self.number, code=code, reason=reason
            )
            self._bus.send(self.node, message)
            self.drop()

    def drop(self) -> None:
        """Leave all seats, since the connection is gone."""
        self.closed = True
        for seat in list(self.seats.values()):
            seat.actor.leave(seat)

    def _send(self, message: NodeMessage, *, is_backlog: bool) -> None:
        if self.closed:
            return
        if isinstance(message, Signal) and self._bus.is_full(self.node):
            self.close(4001, "too slow: more waits here than may")
            return
        self._bus.send(
            self.node,
            Deliver(
                session_id=_session_id(message),
                connection=self.number,
                message=Raw(codec.encode(message)),
                is_backlog=is_backlog,
            ),
        )


class RemoteConnections:
    """All remote connections, by their node and number. They are served while ``run`` runs.

    ``epoch`` returns the epoch in which this node owns a session, or 0. ``find`` loads a session
    that another node believes to be here.
    """

    def __init__(
        self, bus: MessageBus, supervisor: Supervisor, epoch: Callable[[str], int], find: Find
    ) -> None:
        self._bus = bus
        self._supervisor = supervisor
        self._epoch = epoch
        self._find = find
        self._connections: dict[tuple[str, int], RemoteConnection] = {}
        self._nursery: trio.Nursery

    @property
    def nodes(self) -> set[str]:
        """The nodes that have the clients."""
        return {node for node, _ in self._connections}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer requests until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def receive(self, sender: str, message: ToSession) -> None:
        """Handle a message of a client's node to one of this node's sessions."""
        match message:
            case Request():
                self._request(sender, message)
            case SendSignal():
                self._signal(sender, message)
            case LeaveSeat():
                self._leave(sender, message)

    def _request(self, sender: str, request: Request) -> None:
        actor = self._supervisor.find(request.session_id)
        connection = self._connection(sender, request)
        if actor is None or self._epoch(request.session_id) != request.epoch:
            self._answer(connection, request, unavailable(request.session_id))
            if actor is None:
                # Redis lists this node as the session's, because of a claim that timed out here.
                self._nursery.start_soon(self._load, request.session_id)
            return
        event = decode_event(request.event, request.fields)
        seat = connection.seats.get(request.session_id) if _needs_seat(event) else None
        if seat is None and _needs_seat(event):
            self._answer(connection, request, UnknownSession(session_id=request.session_id))
            return
        if isinstance(event, ev.CloseRequested):
            # A signal that is sent after this must not arrive before it.
            actor.close_line()
        receipt = actor.ask(Envelope(event, connection, request.ref, seat))
        connection.pending += 1
        self._nursery.start_soon(self._wait, connection, request, receipt)

    async def _load(self, session_id: str) -> None:
        with suppress(RequestError):
            await self._find(session_id)

    async def _wait(self, connection: RemoteConnection, request: Request, receipt: Receipt) -> None:
        await receipt.wait()
        connection.pending -= 1
        self._answer(connection, request, receipt.refusal)

    def _answer(
        self, connection: RemoteConnection, request: Request, refusal: RequestError | None
    ) -> None:
        seat = connection.seats.get(request.session_id)
        answer = Answer(
            session_id=request.session_id,
            connection=request.connection,
            number=request.number,
            role=None if seat is None or connection.closed else seat.role,
            refusal=None if refusal is None else codec.error_message(refusal),
        )
        self._bus.send(connection.node, answer)
        self._tidy(connection)

    def _connection(self, sender: str, request: Request) -> RemoteConnection:
        connection = self._connections.get((sender, request.connection))
        if connection is None:
            connection = RemoteConnection(self._bus, sender, request.connection)
            self._connections[sender, request.connection] = connection
        connection.owner, connection.address = request.owner, request.address
        return connection

    def _tidy(self, connection: RemoteConnection) -> None:
        if connection.closed or not (connection.seats or connection.pending):
            self._connections.pop((connection.node, connection.number), None)

    def _leave(self, sender: str, message: LeaveSeat) -> None:
        connection = self._connections.get((sender, message.connection))
        if connection is None:
            return
        seat = connection.seats.pop(message.session_id, None)
        if seat is not None:
            seat.actor.leave(seat)
        self._tidy(connection)

    def _signal(self, sender: str, message: SendSignal) -> None:
        connection = self._connections.get((sender, message.connection))
        if connection is None:
            return
        signal = Signal(session_id=message.session_id, data=message.data, ref=message.ref)
        try:
            relay(connection, signal, trio.current_time())
        except RequestError as error:
            error.session_id = message.session_id
            connection.tell(codec.error_message(error, message.ref))

    def drop_node(self, node: str | None = None) -> None:
        """A node is gone, or every node, and its connections with it."""
        for key, connection in list(self._connections.items()):
            if node in (None, connection.node):
                connection.drop()
                self._connections.pop(key, None)


def _session_id(message: NodeMessage) -> str:
    """Return which session a message is about; an actor sends no message about another."""
    if isinstance(message, Resumed):
        return message.session.session_id
    return str(getattr(message, "session_id", ""))


def _needs_seat(event: ev.Event) -> bool:
    """Return whether the event needs a seat; others ask for one, or come from the owner."""
    if isinstance(event, ev.CloseRequested):
        return event.sender is not None
    return not isinstance(event, ev.HostJoined | ev.PairRequested | ev.ResumeRequested)
