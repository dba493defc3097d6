"""Other nodes' connections, at sessions of this one.

To the actor such a connection looks as if it were here: a ``FarConnection`` is told messages as any
other, and sends them to the node that has the client. When both sides of a session are elsewhere,
their nodes are put in touch, so that signals need not come by here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from msgspec import Raw, Struct

from proxim.actors.actor import Actor
from proxim.actors.router import relay
from proxim.actors.seat import Envelope, Owner, Receipt, Seat
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import Post
from proxim.backends.redis.remote_sessions import unavailable
from proxim.backends.redis.rpc import (
    Ask,
    Cut,
    Go,
    Held,
    Hold,
    Left,
    Listen,
    Parcel,
    Say,
    Shut,
    Taken,
    Told,
    unpack_event,
)
from proxim.protocol import codec
from proxim.protocol.errors import RequestError, UnknownSession
from proxim.protocol.messages import NodeMessage, Resumed, Signal
from proxim.session import events as ev
from proxim.session.events import Role

Spawn = Callable[[Callable[[], Awaitable[None]]], None]


class FarConnection:
    """A connection of another node's."""

    def __init__(self, post: Post, node: str, number: int) -> None:
        self.node = node
        self.number = number
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.address: str | None = None
        self.closed = False
        self.asks = 0
        self._post = post

    def tell(self, message: NodeMessage) -> None:
        """Send a message to the node that has the client."""
        self._send(message, kept=False)

    def tell_backlog(self, message: NodeMessage) -> None:
        """Send a signal of the seat's backlog."""
        self._send(message, kept=True)

    async def wait_for_room(self) -> None:
        """Return at once: the client's node waits for room before it asks for a seat."""
        await trio.lowlevel.checkpoint()

    def close(self, code: int, reason: str) -> None:
        """Have it closed by its node; its seats are left at once."""
        if not self.closed:
            shut = Shut(session_id="", connection=self.number, code=code, reason=reason)
            self._post.send(self.node, shut)
            self.vanish()

    def vanish(self) -> None:
        """It is gone, and so is its node, perhaps."""
        self.closed = True
        for seat in list(self.seats.values()):
            seat.actor.leave(seat)

    def _send(self, message: NodeMessage, *, kept: bool) -> None:
        if self.closed:
            return
        session_id = _session_of(message)
        if isinstance(message, Signal) and self._post.is_full(self.node):
            self.close(4001, "too slow: more waits here than may")
            return
        text = Raw(codec.encode(message))
        self._post.send(
            self.node,
            Told(session_id=session_id, connection=self.number, message=text, kept=kept),
        )


class _Lines(Struct):
    """The two lines of a session whose sides are both elsewhere, by who speaks on them."""

    numbers: dict[Role, int]
    ends: dict[Role, FarConnection]


class Guests:
    """All of them.

    ``epoch`` says in which epoch this node has a session, 0 if it has not; ``revive`` looks for one
    that others think is here.
    """

    def __init__(
        self,
        post: Post,
        supervisor: Supervisor,
        epoch: Callable[[str], int],
        spawn: Spawn,
        revive: Callable[[str], Awaitable[None]],
    ) -> None:
        self._post = post
        self._supervisor = supervisor
        self._epoch = epoch
        self._spawn = spawn
        self._revive = revive
        self._connections: dict[tuple[str, int], FarConnection] = {}
        self._lines: dict[str, _Lines] = {}
        self._last_line = 0

    @property
    def nodes(self) -> set[str]:
        """The nodes that have the connections."""
        return {node for node, _ in self._connections}

    def arrived(self, sender: str, parcel: Parcel) -> None:
        """Deal with a parcel that is meant for a session of this node."""
        match parcel:
            case Ask():
                self._ask(sender, parcel)
            case Say():
                self._say(sender, parcel)
            case Left():
                self._left(sender, parcel)
            case Held():
                self._held(sender, parcel)
            case _:
                pass

    # -- requests ----------------------------------------------------------------------------

    def _ask(self, sender: str, parcel: Ask) -> None:
        actor = self._supervisor.find(parcel.session_id)
        connection = self._connection(sender, parcel)
        if actor is None or self._epoch(parcel.session_id) != parcel.epoch:
            self._answer(connection, parcel, unavailable(parcel.session_id))
            if actor is None:
                self._spawn(lambda: self._revive(parcel.session_id))
            return
        event = unpack_event(parcel.event, parcel.fields)
        seat = connection.seats.get(parcel.session_id)
        if _is_from_a_seat(event) and seat is None:
            self._answer(connection, parcel, UnknownSession(session_id=parcel.session_id))
            return
        if isinstance(event, ev.CloseRequested):
            # A signal that is sent after this must not arrive before it.
            actor.close_line()
        at = seat if _is_from_a_seat(event) else None
        receipt = actor.ask(Envelope(event, connection, parcel.ref, at))
        connection.asks += 1
        self._spawn(lambda: self._wait(connection, parcel, receipt))

    async def _wait(self, connection: FarConnection, parcel: Ask, receipt: Receipt) -> None:
        await receipt.wait()
        connection.asks -= 1
        self._answer(connection, parcel, receipt.refusal)

    def _answer(self, connection: FarConnection, parcel: Ask, refusal: RequestError | None) -> None:
        seat = connection.seats.get(parcel.session_id)
        taken = Taken(
            session_id=parcel.session_id,
            connection=parcel.connection,
            number=parcel.number,
            role=None if seat is None or connection.closed else seat.role,
            refusal=None if refusal is None else codec.error_message(refusal),
        )
        self._post.send(connection.node, taken)
        self._tidy(connection)

    def _connection(self, sender: str, parcel: Ask) -> FarConnection:
        connection = self._connections.get((sender, parcel.connection))
        if connection is None:
            connection = FarConnection(self._post, sender, parcel.connection)
            self._connections[sender, parcel.connection] = connection
        connection.owner, connection.address = parcel.owner, parcel.address
        return connection

    def _tidy(self, connection: FarConnection) -> None:
        if connection.closed or not (connection.seats or connection.asks):
            self._connections.pop((connection.node, connection.number), None)

    def _left(self, sender: str, parcel: Left) -> None:
        connection = self._connections.get((sender, parcel.connection))
        if connection is None:
            return
        seat = connection.seats.pop(parcel.session_id, None)
        if seat is not None:
            seat.actor.leave(seat)
        self._tidy(connection)

    # -- signals -----------------------------------------------------------------------------

    def _say(self, sender: str, parcel: Say) -> None:
        connection = self._connections.get((sender, parcel.connection))
        if connection is None:
            return
        signal = Signal(session_id=parcel.session_id, data=parcel.data, ref=parcel.ref)
        try:
            relay(connection, signal, trio.current_time())
        except RequestError as error:
            error.session_id = parcel.session_id
            connection.tell(codec.error_message(error, parcel.ref))

    def lines_changed(self, actor: Actor) -> None:
        """Put the nodes of both sides in touch, or part them."""
        session_id = actor.session.session_id
        ends = {
            role: seat.connection
            for role, seat in actor.seats.items()
            if seat.line is not None and isinstance(seat.connection, FarConnection)
        }
        before = self._lines.get(session_id)
        if before is not None and before.ends == ends:
            return
        if before is not None:
            del self._lines[session_id]
            for role, end in before.ends.items():
                number = before.numbers[role]
                self._send(before.ends[role.peer], Listen, session_id, 0)
                self._send(end, Cut, session_id, number)
        if len(ends) == len(Role):
            self._put_up(session_id, ends)

    def _put_up(self, session_id: str, ends: dict[Role, FarConnection]) -> None:
        lines = self._lines[session_id] = _Lines({}, ends)
        for role, end in ends.items():
            self._last_line += 1
            lines.numbers[role] = self._last_line
            self._send(ends[role.peer], Listen, session_id, self._last_line)
            self._send(end, Hold, session_id, self._last_line)

    def _held(self, sender: str, parcel: Held) -> None:
        """What was said before has come, and has been handed on: the line may be used."""
        lines = self._lines.get(parcel.session_id)
        if lines is None:
            return
        for role, end in lines.ends.items():
            is_it = (end.node, end.number) == (sender, parcel.connection)
            if is_it and lines.numbers[role] == parcel.line:
                peer = lines.ends[role.peer]
                self._post.send(
                    end.node,
                    Go(
                        session_id=parcel.session_id,
                        connection=end.number,
                        line=parcel.line,
                        node=peer.node,
                        to=peer.number,
                    ),
                )

    def _send(
        self, end: FarConnection, kind: type[Listen | Hold | Cut], session_id: str, line: int
    ) -> None:
        if not end.closed:
            self._post.send(end.node, kind(session_id=session_id, connection=end.number, line=line))

    # -- what may go wrong -------------------------------------------------------------------

    def bury(self, node: str | None = None) -> None:
        """That node, or every other, lives no more, and neither do its connections."""
        for key, connection in list(self._connections.items()):
            if node in (None, connection.node):
                connection.vanish()
                self._connections.pop(key, None)


def _session_of(message: NodeMessage) -> str:
    """Which session a message is about; an actor tells of nothing else."""
    if isinstance(message, Resumed):
        return message.session.session_id
    return str(getattr(message, "session_id", ""))


def _is_from_a_seat(event: ev.Event) -> bool:
    """Whether only who has a seat may say so; else it is about to take one, or is the owner."""
    if isinstance(event, ev.CloseRequested):
        return event.sender is not None
    return not isinstance(event, ev.HostJoined | ev.PairRequested | ev.ResumeRequested)
