"""A connection of this node's at a session of another's: what is asked, the seat, and the line."""

from __future__ import annotations

import math
from typing import Protocol

import trio
from msgspec import Raw

from proxim.actors.seat import Connection, Envelope, Owner, Receipt, Seat
from proxim.backends.redis import rpc
from proxim.backends.redis.rpc import Go, Held, Straight, Taken
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import RateLimited, RequestError, Unavailable, request_error
from proxim.session import events as ev
from proxim.session.session import Session
from proxim.session.state import Alarm

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

    def place(self, far: FarSession, envelope: Envelope) -> Place:
        """Where the sender of an envelope stands at that session."""
        ...

    def send(self, node: str, parcel: rpc.Parcel) -> None:
        """Send a parcel to that node."""

    def send_straight(self, node: str, parcel: Straight) -> None:
        """Send a signal on a line. Raises ``Unavailable``."""

    def tidy(self, place: Place) -> None:
        """Forget a place where nothing is left."""


class FarSession:
    """A session on another node, as it was when it was found."""

    def __init__(
        self, office: Office, node: str, epoch: int, session: Session, owner: Owner
    ) -> None:
        self.node = node
        self.epoch = epoch
        self.session = session
        self.owner = owner
        self._office = office

    def ask(self, envelope: Envelope) -> Receipt:
        """As ``Actor.ask``; the refusal may be ``Unavailable``."""
        receipt = Receipt()
        try:
            self._office.place(self, envelope).ask(envelope, receipt)
        except RequestError as refusal:
            receipt.refusal = refusal
            receipt.set()
        return receipt

    def post(self, envelope: Envelope) -> None:
        """As ``Actor.post``."""
        self._office.place(self, envelope).post(envelope)

    def leave(self, seat: Seat) -> None:
        """Nobody has a seat here; a ``Place`` is where they are taken."""

    def close_line(self) -> None:
        """There is no line here."""


class Place:
    """One connection at one session on another node."""

    def __init__(
        self, office: Office, far: FarSession, connection: Connection, number: int
    ) -> None:
        self.far = far
        self.connection = connection
        self.number = number
        self.asks: dict[int, tuple[Envelope, Receipt | None, float]] = {}
        self.seat: Seat | None = None
        self.line = 0
        self.listens = 0
        self._office = office
        self._held: list[wire.Signal] | None = None
        self._goes_to = ("", 0)

    @property
    def session_id(self) -> str:
        """Which session."""
        return self.far.session.session_id

    # -- what the router calls ---------------------------------------------------------------

    def post(self, envelope: Envelope) -> None:
        """Send a request on. Raises ``Unavailable`` and ``RateLimited``."""
        if isinstance(envelope.event, ev.SignalSent):
            self._office.check_room(self.far.node, self.session_id)
            signal = wire.Signal(
                session_id=self.session_id, data=envelope.event.data, ref=envelope.ref
            )
            self._say(signal) if self._held is None else self._held.append(signal)
        else:
            self.ask(envelope, None)

    def ask(self, envelope: Envelope, receipt: Receipt | None) -> None:
        """Send a request on; the receipt is set when it was dealt with there."""
        self._office.check_room(self.far.node, self.session_id)
        if len(self.asks) >= ASKS_BOUND:
            raise RateLimited(
                "too many requests wait for this session",
                session_id=self.session_id,
                retry_after=1.0,
            )
        number = self._office.next_number()
        self.asks[number] = envelope, receipt, trio.current_time() + ANSWER_TIME
        event, fields = rpc.pack_event(envelope.event)
        self._office.send(
            self.far.node,
            rpc.Ask(
                session_id=self.session_id,
                connection=self.number,
                number=number,
                epoch=self.far.epoch,
                event=event,
                fields=fields,
                ref=envelope.ref,
                address=self.connection.address,
                owner=self.connection.owner,
            ),
        )

    def leave(self, seat: Seat) -> None:
        """The connection has left its seat."""
        self.close_line()
        self.seat = None
        self._send_left()
        self._office.tidy(self)

    def close_line(self) -> None:
        """What is said from now on goes to the session's node; what was held back goes before."""
        if self.seat is not None:
            self.seat.line = None
        held, self._held = self._held or [], None
        for signal in held:
            self._say(signal)

    # -- what the session's node says --------------------------------------------------------

    def taken(self, parcel: Taken) -> None:
        """A request was dealt with."""
        if parcel.number not in self.asks:
            return
        envelope, receipt, _ = self.asks.pop(parcel.number)
        self._sit(parcel)
        refusal = None if parcel.refusal is None else _error(parcel.refusal)
        if receipt is not None:
            receipt.refusal = refusal
            receipt.set()
        elif refusal is not None:
            self.connection.tell(codec.error_message(refusal, envelope.ref))
        self._office.tidy(self)

    def _sit(self, parcel: Taken) -> None:
        if parcel.role is None:
            if self.seat is not None:
                self._rise()
        elif self.connection.closed:
            self._send_left()
        elif self.seat is None:
            self.seat = Seat(self, parcel.role, self.connection)
            self.connection.seats[self.session_id] = self.seat

    def _rise(self) -> None:
        if self.connection.seats.get(self.session_id) is self.seat:
            del self.connection.seats[self.session_id]
        self.seat = None

    def hold(self, line: int) -> None:
        """A line is about to go up."""
        if self.seat is not None:
            self.seat.line = None
        self.line = line
        self._held = self._held or []
        self._office.send(
            self.far.node,
            Held(session_id=self.session_id, connection=self.number, line=line),
        )

    def sends_to(self, node: str) -> bool:
        """Whether signals go straight to that node."""
        line = self.seat.line if self.seat is not None else None
        return line is not None and self._goes_to[0] == node

    def go(self, parcel: Go) -> None:
        """The line is up."""
        if parcel.line != self.line or self._held is None or self.seat is None:
            return
        self._goes_to = parcel.node, parcel.to
        held, self._held = self._held, None
        for signal in held:
            self._straight(signal)
        self.seat.line = self._straight
        self.seat.line_until = self.far.session.alarms.get(Alarm.EXPIRY, math.inf)

    def drop_line(self, line: int) -> None:
        """The line is down."""
        if line == self.line:
            self.close_line()

    def overdue(self, now: float) -> None:
        """Refuse what was not answered in time; who asked for a seat does not want it any more."""
        for number, (envelope, receipt, until) in list(self.asks.items()):
            if now >= until:
                del self.asks[number]
                self._give_up(envelope, receipt)
        self._office.tidy(self)

    def give_up(self) -> None:
        """The session's node lives no more, or has lost the thread."""
        for envelope, receipt, _ in self.asks.values():
            self._give_up(envelope, receipt)
        self.asks.clear()

    def _give_up(self, envelope: Envelope, receipt: Receipt | None) -> None:
        if receipt is None:
            refusal = unavailable(self.session_id)
            self.connection.tell(codec.error_message(refusal, envelope.ref))
        else:
            if self.seat is None:
                self._send_left()
            receipt.refusal = unavailable(self.session_id)
            receipt.set()

    def _send_left(self) -> None:
        left = rpc.Left(session_id=self.session_id, connection=self.number)
        self._office.send(self.far.node, left)

    def _say(self, signal: wire.Signal) -> None:
        self._office.send(
            self.far.node,
            rpc.Say(
                session_id=self.session_id,
                connection=self.number,
                data=_own(signal.data),
                ref=signal.ref,
            ),
        )

    def _straight(self, message: wire.NodeMessage) -> None:
        assert isinstance(message, wire.Signal)
        node, to = self._goes_to
        straight = Straight(
            session_id=self.session_id, connection=to, line=self.line, data=_own(message.data)
        )
        self._office.send_straight(node, straight)


def _error(refusal: wire.Error) -> RequestError:
    return request_error(
        refusal.code,
        refusal.message,
        session_id=refusal.session_id or None,
        retry_after=refusal.retry_after or None,
    )


def _own(data: Raw) -> Raw:
    # A Raw is a view into the whole frame; what waits for the hub shall not keep that alive.
    return data.copy()
