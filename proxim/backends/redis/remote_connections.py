"""Other nodes' connections, at sessions of this one.

To the actor such a connection looks like any other: a ``RemoteConnection`` is told messages and
sends them to the node that has the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from msgspec import Raw

from proxim.actors.seat import Connection, Letter, Owner, Receipt, Seat
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.remote_sessions import unavailable
from proxim.backends.redis.rpc import (
    Answer,
    CloseConnection,
    Deliver,
    LeaveSeat,
    Message,
    Request,
    SendSignal,
    decode_event,
)
from proxim.protocol import codec
from proxim.protocol.errors import RequestError, UnknownSession
from proxim.protocol.messages import NodeMessage, Resumed, Signal
from proxim.session import events as ev

Relay = Callable[[Connection, Signal, float], None]
"""The router's way to hand on a signal."""

Spawn = Callable[[Callable[[], Awaitable[None]]], None]


class RemoteConnection:
    """A connection of another node's."""

    def __init__(self, bus: MessageBus, node: str, number: int) -> None:
        self.node = node
        self.number = number
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.address: str | None = None
        self.closed = False
        self.asks = 0
        self._bus = bus

    def tell(self, message: NodeMessage) -> None:
        """Send a message to the node that has the client."""
        self._send(message, kept=False)

    def give_back(self, message: NodeMessage) -> None:
        """Send a signal that was kept."""
        self._send(message, kept=True)

    async def room(self) -> None:
        """Its own node waits for room before it asks."""
        await trio.lowlevel.checkpoint()

    def close(self, code: int, reason: str) -> None:
        """Have it closed by its node; its seats are left at once."""
        if not self.closed:
            shut = CloseConnection(session_id="", connection=self.number, code=code, reason=reason)
            self._bus.send(self.node, shut)
            self.drop()

    def drop(self) -> None:
        """It is gone, and so is its node, perhaps."""
        self.closed = True
        for seat in list(self.seats.values()):
            seat.actor.leave(seat)

    def _send(self, message: NodeMessage, *, kept: bool) -> None:
        if self.closed:
            return
        session_id = _session_of(message)
        if isinstance(message, Signal) and self._bus.is_full(self.node):
            self.close(4001, "too slow: more waits here than may")
            return
        text = Raw(codec.encode(message))
        self._bus.send(
            self.node,
            Deliver(session_id=session_id, connection=self.number, message=text, kept=kept),
        )


class RemoteConnections:
    """All of them.

    ``epoch`` says in which epoch this node has a session, 0 if it has not; ``revive`` looks for one
    that others think is here.
    """

    def __init__(
        self,
        bus: MessageBus,
        supervisor: Supervisor,
        epoch: Callable[[str], int],
        spawn: Spawn,
        revive: Callable[[str], Awaitable[None]],
    ) -> None:
        self.relay: Relay
        self._bus = bus
        self._supervisor = supervisor
        self._epoch = epoch
        self._spawn = spawn
        self._revive = revive
        self._connections: dict[tuple[str, int], RemoteConnection] = {}

    @property
    def nodes(self) -> set[str]:
        """The nodes that have the connections."""
        return {node for node, _ in self._connections}

    def arrived(self, sender: str, message: Message) -> None:
        """Deal with a message that is meant for a session of this node."""
        match message:
            case Request():
                self._ask(sender, message)
            case SendSignal():
                self._say(sender, message)
            case LeaveSeat():
                self._left(sender, message)
            case _:
                pass

    # -- requests ----------------------------------------------------------------------------

    def _ask(self, sender: str, message: Request) -> None:
        actor = self._supervisor.find(message.session_id)
        connection = self._connection(sender, message)
        if actor is None or self._epoch(message.session_id) != message.epoch:
            self._answer(connection, message, unavailable(message.session_id))
            if actor is None:
                self._spawn(lambda: self._revive(message.session_id))
            return
        event = decode_event(message.event, message.fields)
        seat = connection.seats.get(message.session_id)
        if _is_from_a_seat(event) and seat is None:
            self._answer(connection, message, UnknownSession(session_id=message.session_id))
            return
        if isinstance(event, ev.CloseAsked):
            # A signal that is sent after this must not arrive before it.
            actor.cut()
        at = seat if _is_from_a_seat(event) else None
        receipt = actor.ask(Letter(event, connection, message.ref, at))
        connection.asks += 1
        self._spawn(lambda: self._wait(connection, message, receipt))

    async def _wait(self, connection: RemoteConnection, message: Request, receipt: Receipt) -> None:
        await receipt.wait()
        connection.asks -= 1
        self._answer(connection, message, receipt.refusal)

    def _answer(
        self, connection: RemoteConnection, message: Request, refusal: RequestError | None
    ) -> None:
        seat = connection.seats.get(message.session_id)
        taken = Answer(
            session_id=message.session_id,
            connection=message.connection,
            number=message.number,
            role=None if seat is None or connection.closed else seat.role,
            refusal=None if refusal is None else codec.error_message(refusal),
        )
        self._bus.send(connection.node, taken)
        self._tidy(connection)

    def _connection(self, sender: str, message: Request) -> RemoteConnection:
        connection = self._connections.get((sender, message.connection))
        if connection is None:
            connection = RemoteConnection(self._bus, sender, message.connection)
            self._connections[sender, message.connection] = connection
        connection.owner, connection.address = message.owner, message.address
        return connection

    def _tidy(self, connection: RemoteConnection) -> None:
        if connection.closed or not (connection.seats or connection.asks):
            self._connections.pop((connection.node, connection.number), None)

    def _left(self, sender: str, message: LeaveSeat) -> None:
        connection = self._connections.get((sender, message.connection))
        if connection is None:
            return
        seat = connection.seats.pop(message.session_id, None)
        if seat is not None:
            seat.actor.leave(seat)
        self._tidy(connection)

    # -- signals -----------------------------------------------------------------------------

    def _say(self, sender: str, message: SendSignal) -> None:
        connection = self._connections.get((sender, message.connection))
        if connection is None:
            return
        signal = Signal(session_id=message.session_id, data=message.data, ref=message.ref)
        try:
            self.relay(connection, signal, trio.current_time())
        except RequestError as error:
            error.session_id = message.session_id
            connection.tell(codec.error_message(error, message.ref))

    # -- what may go wrong -------------------------------------------------------------------

    def drop_node(self, node: str | None = None) -> None:
        """That node, or every other, lives no more, and neither do its connections."""
        for key, connection in list(self._connections.items()):
            if node in (None, connection.node):
                connection.drop()
                self._connections.pop(key, None)


def _session_of(message: NodeMessage) -> str:
    """Which session a message is about; an actor tells of nothing else."""
    if isinstance(message, Resumed):
        return message.session.session_id
    return str(getattr(message, "session_id", ""))


def _is_from_a_seat(event: ev.Event) -> bool:
    """Whether only who has a seat may say so; else it is about to take one, or is the owner."""
    if isinstance(event, ev.CloseAsked):
        return event.sender is not None
    return not isinstance(event, ev.HostCame | ev.GuestAsked | ev.GuestCame)
