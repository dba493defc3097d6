"""A node's own connections, at sessions on other nodes.

To the router such a session looks as if it were here: a ``FarSession`` takes letters as its actor
would, and sends them to the node that has it. Where a connection has asked at one, a ``Place``
keeps how the two stand: what has not been answered yet, and the seat.
"""

from __future__ import annotations

from typing import Protocol

from proxim.actors.seat import Connection, Letter
from proxim.backends.redis import rpc
from proxim.backends.redis.bus import Post
from proxim.backends.redis.remote_sessions import FarSession, Place, unavailable
from proxim.backends.redis.rpc import Shut, Taken, Told
from proxim.protocol import codec


class Reach(Protocol):
    """Whether other nodes can be reached."""

    @property
    def is_in_touch(self) -> bool:
        """Whether the hub has answered of late."""
        ...


class Edge:
    """All of them. ``reach`` says whether it makes sense to ask."""

    def __init__(self, post: Post, reach: Reach) -> None:
        self._post = post
        self._reach = reach
        self._places: dict[tuple[int, str], Place] = {}
        self._numbers: dict[Connection, int] = {}
        self._sessions: dict[int, set[str]] = {}
        self._last = 0

    @property
    def nodes(self) -> set[str]:
        """The nodes that have the sessions."""
        return {place.far.node for place in self._places.values()}

    def send(self, node: str, parcel: rpc.Parcel) -> None:
        """Send a parcel to that node."""
        self._post.send(node, parcel)

    def next_number(self) -> int:
        """A number that was not given before."""
        self._last += 1
        return self._last

    def check_room(self, node: str, session_id: str) -> None:
        """Raise ``Unavailable`` when nothing more should be sent to that node now."""
        if not self._reach.is_in_touch or self._post.is_full(node):
            raise unavailable(session_id)

    def place(self, far: FarSession, letter: Letter) -> Place:
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
            place = self._places[key] = Place(self, far, letter.sender, number)
            self._sessions.setdefault(number, set()).add(far.session.session_id)
        return place

    def tidy(self, place: Place) -> None:
        """Forget a place where nothing is left."""
        if place.seat is None and not place.asks:
            self._forget(place)

    def _forget(self, place: Place) -> None:
        key = place.number, place.session_id
        if self._places.get(key) is place:
            del self._places[key]
            sessions = self._sessions[place.number]
            sessions.discard(place.session_id)
            if not sessions:
                del self._sessions[place.number]
                self._numbers.pop(place.connection, None)

    # -- what comes --------------------------------------------------------------------------

    def arrived(self, sender: str, parcel: rpc.Parcel) -> None:
        """Deal with a parcel that is meant for a connection of this node."""
        if isinstance(parcel, Shut):
            self._shut(sender, parcel)
            return
        assert not isinstance(parcel, rpc.Reset | rpc.Counted | rpc.Standing)
        place = self._places.get((parcel.connection, parcel.session_id))
        if place is None or place.far.node != sender:
            return
        match parcel:
            case Told():
                message = codec.decode_node(bytes(parcel.message))
                give = place.connection.give_back if parcel.kept else place.connection.tell
                give(message)
            case Taken():
                place.taken(parcel)
            case _:
                pass

    def _shut(self, sender: str, parcel: Shut) -> None:
        for session_id in self._sessions.get(parcel.connection, ()):
            place = self._places[parcel.connection, session_id]
            if place.far.node == sender:
                place.connection.close(parcel.code, parcel.reason)
                break

    # -- what may go wrong -------------------------------------------------------------------

    def overdue(self, now: float) -> None:
        """Refuse what was not answered in time."""
        for place in list(self._places.values()):
            if place.asks:
                place.overdue(now)

    def bury(self, node: str | None = None) -> None:
        """That node, or every other, lives no more: who has a seat there comes again."""
        for place in list(self._places.values()):
            if node in (None, place.far.node):
                place.give_up()
                if place.seat is not None:
                    place.connection.close(1012, "the session's node is gone; come again")
                self._forget(place)
