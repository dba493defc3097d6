"""Connections of this node at sessions on other nodes.

To the router a ``RemoteSession`` looks like an actor: it takes letters and sends them to the node
that owns the session. A ``RemoteSeat`` holds the unanswered requests and the seat of one connection
at one such session.
"""

from __future__ import annotations

from typing import Protocol

from proxim.actors.seat import Connection, Letter
from proxim.backends.redis import rpc
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.remote_sessions import RemoteSeat, RemoteSession, unavailable
from proxim.backends.redis.rpc import Answer, CloseConnection, Deliver
from proxim.protocol import codec


class Reach(Protocol):
    """Whether other nodes can be reached."""

    @property
    def is_connected(self) -> bool:
        """Whether the coordinator has answered of late."""
        ...


class RemoteSessions:
    """All of them. ``reach`` says whether it makes sense to ask."""

    def __init__(self, bus: MessageBus, reach: Reach) -> None:
        self._bus = bus
        self._reach = reach
        self._places: dict[tuple[int, str], RemoteSeat] = {}
        self._numbers: dict[Connection, int] = {}
        self._sessions: dict[int, set[str]] = {}
        self._last = 0

    @property
    def nodes(self) -> set[str]:
        """The nodes that have the sessions."""
        return {place.far.node for place in self._places.values()}

    def send(self, node: str, message: rpc.Message) -> None:
        """Send a message to that node."""
        self._bus.send(node, message)

    def next_number(self) -> int:
        """A number that was not given before."""
        self._last += 1
        return self._last

    def check_room(self, node: str, session_id: str) -> None:
        """Raise ``Unavailable`` when nothing more should be sent to that node now."""
        if not self._reach.is_connected or self._bus.is_full(node):
            raise unavailable(session_id)

    def place(self, far: RemoteSession, letter: Letter) -> RemoteSeat:
        """Where the sender of a letter stands at that session."""
        assert letter.sender is not None
        number = self._numbers.get(letter.sender)
        if number is None:
            number = self._numbers[letter.sender] = self.next_number()
        key = number, far.session.session_id
        place = self._places.get(key)
        if place is None or (place.far.node, place.far.epoch) != (far.node, far.epoch):
            if place is not None:
                self._forget(place)
            self._numbers[letter.sender] = number
            place = self._places[key] = RemoteSeat(self, far, letter.sender, number)
            self._sessions.setdefault(number, set()).add(far.session.session_id)
        return place

    def tidy(self, place: RemoteSeat) -> None:
        """Forget a place where nothing is left."""
        if place.seat is None and not place.asks:
            self._forget(place)

    def _forget(self, place: RemoteSeat) -> None:
        key = place.number, place.session_id
        if self._places.get(key) is place:
            del self._places[key]
            sessions = self._sessions[place.number]
            sessions.discard(place.session_id)
            if not sessions:
                del self._sessions[place.number]
                self._numbers.pop(place.connection, None)

    # -- what comes --------------------------------------------------------------------------

    def arrived(self, sender: str, message: rpc.Message) -> None:
        """Deal with a message that is meant for a connection of this node."""
        if isinstance(message, CloseConnection):
            self._shut(sender, message)
            return
        assert not isinstance(message, rpc.Reset | rpc.Counted | rpc.Standing)
        place = self._places.get((message.connection, message.session_id))
        if place is None or place.far.node != sender:
            return
        match message:
            case Deliver():
                give = place.connection.give_back if message.kept else place.connection.tell
                give(codec.decode_node(bytes(message.message)))
            case Answer():
                place.taken(message)
            case _:
                pass

    def _shut(self, sender: str, message: CloseConnection) -> None:
        for session_id in self._sessions.get(message.connection, ()):
            place = self._places[message.connection, session_id]
            if place.far.node == sender:
                place.connection.close(message.code, message.reason)
                break

    # -- what may go wrong -------------------------------------------------------------------

    def overdue(self, now: float) -> None:
        """Refuse what was not answered in time."""
        for place in list(self._places.values()):
            if place.asks:
                place.overdue(now)

    def drop_node(self, node: str | None = None) -> None:
        """That node, or every other, lives no more: who has a seat there comes again."""
        for place in list(self._places.values()):
            if node in (None, place.far.node):
                place.give_up()
                if place.seat is not None:
                    place.connection.close(1012, "the session's node is gone; come again")
                self._forget(place)
