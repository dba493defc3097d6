"""The actor: the task that owns one session.

The actor takes one envelope after the other from its inbox, a memory channel. It hands the event
to the session, and performs the effects that the session returns. A timer puts ``TimePassed`` into
the inbox at the session's deadline. The actor waits only for the backend to save a change.

Signals need not pass through the inbox. After the effect ``OpenLine`` each seat has a *line*, the
``tell`` of the other side's connection, and ``relay`` calls that. The actor closes the line when a
seat changes hands or the session ends, and opens it only when the inbox is empty, to keep order.
"""

from __future__ import annotations

import math

import trio
from msgspec import structs

from proxim import clock
from proxim.actors.backend import SaveReceipt
from proxim.actors.congestion import Congestion, too_many_signals
from proxim.actors.connection import Connection, Owner
from proxim.actors.inbox import TIME_PASSED, Envelope, Inbox, Receipt
from proxim.actors.seat import LEFT_EVENTS, Seat
from proxim.actors.services import ClosedError, Services
from proxim.actors.stats import Before
from proxim.actors.timers import Timers
from proxim.protocol.codec import error_message
from proxim.protocol.errors import (
    InternalError,
    RateLimited,
    RequestError,
    Unavailable,
    UnknownSession,
)
from proxim.protocol.messages import NodeMessage, Reason, SessionEnded, Signal, Status
from proxim.session import events as ev
from proxim.session.events import Effect, Event, Role
from proxim.session.ice import with_ice_servers
from proxim.session.session import Session
from proxim.session.state import State

_CRASHED = "the node failed at this session"
_UNSAVED_EVENTS = (ev.SignalSent, ev.IceRequested, ev.HostAcknowledged)
"""Events that change nothing which a snapshot holds, unless the session's time was up before."""

SAVE_TIMEOUT = 3.0
"""Seconds to wait for a save before the requester gets ``unavailable``."""


class Actor:
    """Runs one session: takes events from the inbox, and performs the session's effects.

    The task runs until ``close``, so an ended session answers. ``asked_from``: the guest's address.
    ``is_saving``: a change waits to be saved, and no client has been told of it.
    """

    __slots__ = (
        "_closed_with",
        "_inbox",
        "_line_allowed",
        "_services",
        "_timer",
        "_timers",
        "asked_from",
        "is_saving",
        "owner",
        "seats",
        "session",
    )

    def __init__(self, session: Session, owner: Owner, timers: Timers, services: Services) -> None:
        self.session = session
        self.owner = owner
        self.seats: dict[Role, Seat] = {}
        self.asked_from: str | None = None
        self.is_saving = False
        self._services = services
        self._line_allowed = False
        self._closed_with: ClosedError | None = None
        self._timers = timers
        self._timer = timers.reset(None, session.deadline, self)
        self._inbox = Inbox(services.stats)

    async def run(self) -> None:
        """Handle one envelope after the other until ``close``."""
        async for first in self._inbox:
            envelope = first
            for envelope in self._inbox.in_a_row(first):
                await self._receive(envelope)
                if self._closed_with is None:
                    self._timer = self._timers.reset(self._timer, self.session.deadline, self)
            del first, envelope  # Otherwise they stay in memory while the actor waits.

    def wake(self) -> None:
        """Put ``TimePassed`` into the inbox: the session's deadline has come."""
        self._inbox.put(TIME_PASSED)

    # -- what the router and the supervisor call ---------------------------------------------

    def post(self, envelope: Envelope) -> Congestion | None:
        """Put a client's event into the inbox; slow the sender of signals down if many wait there.

        Raises ``RateLimited`` if too many wait there, and after ``close`` the error it was given.
        """
        if self._closed_with is not None:
            raise self._closed_error()
        if self._inbox.is_full:
            self._services.stats.refusals["inbox"] += 1
            raise RateLimited(
                "too many requests wait for this session",
                session_id=self.session.session_id,
                retry_after=1.0,
            )
        self._inbox.put(envelope)
        is_signal = isinstance(envelope.event, ev.SignalSent)
        return Congestion.HIGH if is_signal and self._inbox.is_high else None

    def notify(self, event: Event, seat: Seat | None = None) -> None:
        """Put an event into the inbox that cannot be refused."""
        if self._closed_with is None:
            self._inbox.put(Envelope(event, seat=seat))

    def ask(self, envelope: Envelope) -> Receipt:
        """Put a request into the inbox whose sender waits for the returned receipt.

        A waiting sender sends nothing else, so this needs no bound. The receipt is set when the
        envelope has been handled; after ``close`` at once, with ``refuse_with`` as the refusal.
        """
        receipt = Receipt()
        if self._closed_with is not None:
            receipt.refuse(self._closed_error())
        else:
            self._inbox.put(envelope._replace(receipt=receipt))
        return receipt

    def admit(self, role: Role, connection: Connection) -> None:
        """Give a seat to a connection, and close the one that held it before with 4000."""
        old = self.seats.get(role)
        if self._closed_with or (old is not None and old.connection is connection):
            return
        self.close_line()
        self.seats[role] = connection.seats[self.session.session_id] = Seat(self, role, connection)
        if old is not None:
            self._vacate(old)
            old.connection.close(4000, "replaced by a newer connection")
        if connection.closed:
            # It closed while its request waited in the inbox, when it held no seat to leave.
            self.leave(connection.seats[self.session.session_id])

    def leave(self, seat: Seat) -> None:
        """Close the line, and have the session told that a seat's connection is gone."""
        self.close_line()
        self.notify(LEFT_EVENTS[seat.role](), seat)

    def close_line(self) -> None:
        """Close the line: from now on signals go through the inbox."""
        for seat in self.seats.values():
            seat.line = None

    def close(self, refuse_with: ClosedError = UnknownSession) -> None:
        """Free the seats and let the task end, without a message to any client.

        Requests that arrive later are refused with ``refuse_with``.
        """
        self._closed_with = refuse_with
        self.close_line()
        for seat in self.seats.values():
            self._vacate(seat)
        self.seats.clear()
        self._inbox.close()
        self._timer = self._timers.reset(self._timer, math.inf, self)

    def _vacate(self, seat: Seat) -> None:
        # The connection may hold a newer seat of this session by now.
        if seat.connection.seats.get(self.session.session_id) is seat:
            del seat.connection.seats[self.session.session_id]

    def _closed_error(self) -> RequestError:
        assert self._closed_with is not None
        return self._closed_with(session_id=self.session.session_id)

    def crash(self) -> None:
        """Tell both sides that the session ended, without using the session, and close.

        Requests that still wait are refused with ``internal_error``.
        """
        ended = SessionEnded(
            session_id=self.session.session_id,
            status=Status.EXPIRED,
            reason=Reason.INTERNAL_ERROR,
        )
        if not self.session.ended:
            for seat in list(self.seats.values()):
                seat.connection.tell(ended)
        self.close()
        for envelope in self._inbox.drain():
            self._refuse(envelope, InternalError(_CRASHED))

    # -- one envelope ------------------------------------------------------------------------

    async def _receive(self, envelope: Envelope) -> None:
        """Handle or refuse an envelope; drop it if its sender has lost its seat or is gone."""
        self._inbox.note_taken(envelope)
        if envelope.receipt is not None and envelope.sender is not None and envelope.sender.closed:
            pass  # The sender asked for a seat and is gone: its token must not be used up.
        elif self._closed_with is not None:
            self._refuse(envelope, self._closed_error())
        elif refusal := self._services.backend.verify_right(self, envelope):
            self._refuse(envelope, refusal)
        elif envelope.seat is None or self.seats.get(envelope.seat.role) is envelope.seat:
            try:
                await self._handle(envelope)
            except Exception:
                self._refuse(envelope, InternalError(_CRASHED))
                raise
        if envelope.receipt is not None:
            envelope.receipt.set()

    def _refuse(self, envelope: Envelope, error: RequestError) -> None:
        error.session_id = self.session.session_id
        if envelope.receipt is not None:
            envelope.receipt.refuse(error)
        elif envelope.sender is not None:
            envelope.sender.tell(error_message(error, envelope.ref))

    async def _handle(self, envelope: Envelope) -> None:
        """Have the session decide about an event, unless it is handed over or may not prompt."""
        event = envelope.event
        if envelope.seat is not None and isinstance(event, ev.HostLeft | ev.GuestLeft):
            self._vacate(self.seats.pop(envelope.seat.role))
            if self.session.ended:
                self.session.handle(event, clock.now())
                return  # Nothing is to be saved, and nobody to be told.
        if isinstance(event, ev.ShutDown) and self._services.hand_over(self):
            return  # The session was approved while this event waited in the inbox.
        if (
            isinstance(event, ev.PairRequested)
            and self.session.would_prompt(event, clock.now())
            and (refusal := self._services.prompt_refusal(self, envelope.sender)) is not None
        ):
            self._refuse(envelope, refusal)
            return
        await self._decide(event, envelope)
        if self._line_allowed and not self._inbox and self._closed_with is None:
            self._open_line()

    async def _decide(self, event: Event, envelope: Envelope) -> None:
        """Give an event to the session, save what that changed, and perform the effects."""
        session, now = self.session, clock.now()
        before = Before(session.state, session.deadline, session.prompted_at)
        try:
            effects = session.handle(event, now)
        finally:
            if session.state is not before.state:
                self._services.note_transition(self, before, now)
        is_saved = self._services.backend.can_save
        if not isinstance(event, _UNSAVED_EVENTS) or session.state is not before.state:
            saved = self._services.backend.save(self)
            if saved is not None:
                self.is_saving = True
                await self._wait_for_save(saved, envelope)
                self.is_saving = False
                is_saved = is_saved and saved.is_saved
        if not is_saved and isinstance(event, ev.ResumeRequested) and event.successor is not None:
            session.handle(ev.SuccessorLost(event.successor), now)
        if self._closed_with is not None:
            self._refuse(envelope, self._closed_error())
            return
        if before.state is not session.state is State.APPROVED:
            self._services.note_approval(self)
        for effect in effects:
            self._perform(effect, envelope, now, is_saved=is_saved)

    async def _wait_for_save(self, saved: SaveReceipt, envelope: Envelope) -> None:
        """Wait for a save; after ``SAVE_TIMEOUT`` refuse the request that caused it.

        Requests that wait in the inbox are refused then, too; other events stay there.
        """
        late = [envelope]
        while True:
            with trio.move_on_after(SAVE_TIMEOUT):
                await saved.wait()
                return
            for each in late:
                self._refuse(each, Unavailable())
            late.clear()
            for each in self._inbox.drain():
                if each.sender is None and each.receipt is None and self._closed_with is None:
                    self._inbox.put(each)
                else:
                    self._refuse(each, Unavailable())

    def _perform(self, effect: Effect, envelope: Envelope, now: float, *, is_saved: bool) -> None:
        match effect:
            case ev.Tell(role, message):
                if role in self.seats:
                    self._tell(self.seats[role].connection, effect, message, envelope)
                elif isinstance(message, Signal):
                    # The request for the seat was refused for being late; the session is told next.
                    for each in self.session.handle(ev.SignalReturned(role, message.data), now):
                        self._perform(each, envelope, now, is_saved=is_saved)
            case ev.Reply(message, _, if_unsaved):
                if envelope.sender is not None and not envelope.is_refused:
                    reply = message if is_saved or if_unsaved is None else if_unsaved
                    self._tell(envelope.sender, effect, reply, envelope)
            case ev.Refuse(error):
                if not envelope.is_refused:
                    self._refuse(envelope, error)
            case ev.Admit(role) if envelope.is_refused:
                if role not in self.seats:  # The sender knows of no seat, and would leave none.
                    self.notify(LEFT_EVENTS[role]())
            case ev.Admit(role):
                if envelope.sender is not None:
                    if isinstance(envelope.event, ev.PairRequested):
                        self.asked_from = envelope.sender.address
                    self.admit(role, envelope.sender)
            case ev.OpenLine():
                self._line_allowed = True
            case ev.CloseLine():
                self._line_allowed = False
                self.close_line()
            case _:  # Finish
                self._services.note_end(self, effect)

    def _tell(
        self,
        to: Connection,
        effect: ev.Tell | ev.Reply,
        message: NodeMessage,
        envelope: Envelope,
    ) -> None:
        if effect.ice_lifetime is not None:
            seat = to.seats.get(self.session.session_id)
            side = f"{self.session.session_id} {seat.role if seat else ''}"
            message = with_ice_servers(message, self._services.grant_ice(effect.ice_lifetime, side))
        if isinstance(effect, ev.Reply) and envelope.ref is not None:
            message = structs.replace(message, ref=envelope.ref)
        if isinstance(effect, ev.Tell) and effect.is_backlog:
            to.tell_backlog(message)  # It bypasses the outbox limit.
        elif to.tell(message) is Congestion.FULL:
            self._refuse(envelope, too_many_signals(self.session.session_id))

    def _open_line(self) -> None:
        host, guest = self.seats[Role.HOST], self.seats[Role.GUEST]
        host.line, guest.line = guest.connection.tell, host.connection.tell
        # No signal crosses after the session's deadline, even if the timer fires late.
        until = self._services.backend.line_until(self)
        host.line_until = guest.line_until = min(self.session.deadline, until)
