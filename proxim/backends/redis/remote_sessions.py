"""A connection of this node's at a session of another's: what is asked, and the seat."""

from __future__ import annotations

from typing import Protocol

import trio
from msgspec import Raw

from proxim.actors.seat import Connection, Letter, Owner, Receipt, Seat
from proxim.backends.redis import rpc
from proxim.backends.redis.rpc import Answer
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import RateLimited, RequestError, Unavailable, request_error
from proxim.session import events as ev
from proxim.session.session import Session

ANSWER_TIME = 4.0
"""Seconds that another node has to answer a request."""

ASKS_BOUND = 64
"""Requests of one connection at one session that may be unanswered; more are refused."""


def unavailable(session_id: str | None = None) -> Unavailable:
    """The refusal of what takes another node, when none can be reached."""
    return Unavailable(session_id=session_id)


class Office(Protocol):
    """What keeps all places, and sends for them."""

    def next_number(self) -> int:
        """A number that was not given before."""
        ...

    def check_room(self, node: str, session_id: str) -> None:
        """Raise ``Unavailable`` when nothing more should be sent to that node now."""

    def place(self, far: RemoteSession, letter: Letter) -> RemoteSeat:
        """Where the sender of a letter stands at that session."""
        ...

    def send(self, node: str, message: rpc.Message) -> None:
        """Send a message to that node."""

    def tidy(self, place: RemoteSeat) -> None:
        """Forget a place where nothing is left."""


class RemoteSession:
    """A session on another node, as it was when it was found."""

    def __init__(
        self, office: Office, node: str, epoch: int, session: Session, owner: Owner
    ) -> None:
        self.node = node
        self.epoch = epoch
        self.session = session
        self.owner = owner
        self._office = office

    def ask(self, letter: Letter) -> Receipt:
        """As ``Actor.ask``; the refusal may be ``Unavailable``."""
        receipt = Receipt()
        try:
            self._office.place(self, letter).ask(letter, receipt)
        except RequestError as refusal:
            receipt.refusal = refusal
            receipt.set()
        return receipt

    def post(self, letter: Letter) -> None:
        """As ``Actor.post``."""
        self._office.place(self, letter).post(letter)

    def leave(self, seat: Seat) -> None:
        """Nobody has a seat here; a ``RemoteSeat`` is where they are taken."""

    def cut(self) -> None:
        """There is no line here."""


class RemoteSeat:
    """One connection at one session on another node."""

    def __init__(
        self, office: Office, far: RemoteSession, connection: Connection, number: int
    ) -> None:
        self.far = far
        self.connection = connection
        self.number = number
        self.asks: dict[int, tuple[Letter, Receipt | None, float]] = {}
        self.seat: Seat | None = None
        self._office = office

    @property
    def session_id(self) -> str:
        """Which session."""
        return self.far.session.session_id

    # -- what the router calls ---------------------------------------------------------------

    def post(self, letter: Letter) -> None:
        """Send a request on. Raises ``Unavailable`` and ``RateLimited``."""
        if isinstance(letter.event, ev.Signalled):
            self._office.check_room(self.far.node, self.session_id)
            self._say(letter.event, letter.ref)
        else:
            self.ask(letter, None)

    def ask(self, letter: Letter, receipt: Receipt | None) -> None:
        """Send a request on; the receipt is set when it was dealt with there."""
        self._office.check_room(self.far.node, self.session_id)
        if len(self.asks) >= ASKS_BOUND:
            raise RateLimited(
                "too many requests wait for this session",
                session_id=self.session_id,
                retry_after=1.0,
            )
        number = self._office.next_number()
        self.asks[number] = letter, receipt, trio.current_time() + ANSWER_TIME
        event, fields = rpc.encode_event(letter.event)
        self._office.send(
            self.far.node,
            rpc.Request(
                session_id=self.session_id,
                connection=self.number,
                number=number,
                epoch=self.far.epoch,
                event=event,
                fields=fields,
                ref=letter.ref,
                address=self.connection.address,
                owner=self.connection.owner,
            ),
        )

    def leave(self, seat: Seat) -> None:
        """The connection has left its seat."""
        self.seat = None
        self._send_left()
        self._office.tidy(self)

    def cut(self) -> None:
        """There is no line here: all that is sent to the session's node comes in order."""

    # -- what the session's node says --------------------------------------------------------

    def taken(self, message: Answer) -> None:
        """A request was dealt with."""
        if message.number not in self.asks:
            return
        letter, receipt, _ = self.asks.pop(message.number)
        self._sit(message)
        refusal = None if message.refusal is None else _error(message.refusal)
        if receipt is not None:
            receipt.refusal = refusal
            receipt.set()
        elif refusal is not None:
            self.connection.tell(codec.error_message(refusal, letter.ref))
        self._office.tidy(self)

    def _sit(self, message: Answer) -> None:
        if message.role is None:
            if self.seat is not None:
                self._rise()
        elif self.connection.closed:
            self._send_left()
        elif self.seat is None:
            self.seat = Seat(self, message.role, self.connection)
            self.connection.seats[self.session_id] = self.seat

    def _rise(self) -> None:
        if self.connection.seats.get(self.session_id) is self.seat:
            del self.connection.seats[self.session_id]
        self.seat = None

    def overdue(self, now: float) -> None:
        """Refuse what was not answered in time; who asked for a seat does not want it any more."""
        for number, (letter, receipt, until) in list(self.asks.items()):
            if now >= until:
                del self.asks[number]
                self._give_up(letter, receipt)
        self._office.tidy(self)

    def give_up(self) -> None:
        """The session's node lives no more, or has lost the thread."""
        for letter, receipt, _ in self.asks.values():
            self._give_up(letter, receipt)
        self.asks.clear()

    def _give_up(self, letter: Letter, receipt: Receipt | None) -> None:
        if receipt is None:
            refusal = unavailable(self.session_id)
            self.connection.tell(codec.error_message(refusal, letter.ref))
        else:
            if self.seat is None:
                self._send_left()
            receipt.refusal = unavailable(self.session_id)
            receipt.set()

    def _send_left(self) -> None:
        left = rpc.LeaveSeat(session_id=self.session_id, connection=self.number)
        self._office.send(self.far.node, left)

    def _say(self, event: ev.Signalled, ref: str | None) -> None:
        self._office.send(
            self.far.node,
            rpc.SendSignal(
                session_id=self.session_id,
                connection=self.number,
                data=_own(event.data),
                ref=ref,
            ),
        )


def _error(refusal: wire.Error) -> RequestError:
    return request_error(
        refusal.code,
        refusal.message,
        session_id=refusal.session_id or None,
        retry_after=refusal.retry_after or None,
    )


def _own(data: Raw) -> Raw:
    # A Raw is a view into the whole frame; what waits to be sent shall not keep that alive.
    return data.copy()
