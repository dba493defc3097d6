"""The actor: the task that owns one session.

It takes one envelope after the other from its inbox, a memory channel, hands the event to the
session, and performs the effects. A timer puts ``TimePassed`` into the inbox at the session's
deadline. It waits for no socket and no other actor. At most it waits for the backend to save a
change, before it tells any client of the change.

Signals need not pass through here. Once the session says ``OpenLine``, each seat gets a *line*, a
direct way to the other side's connection, and the router uses that. The actor takes the line down
whenever a seat changes hands or the session ends. So that no signal overtakes an earlier one, the
line goes up only when the inbox is empty: what was sent before has then gone before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import trio
from msgspec import structs

from proxim.actors.seat import Connection, Envelope, Owner, Receipt, Seat
from proxim.actors.stats import Before, Stats
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
from proxim.session.events import (
    Admit,
    CloseLine,
    Effect,
    Event,
    OpenLine,
    Refuse,
    Reply,
    Role,
    Tell,
)
from proxim.session.ice import IceGrant, with_ice_servers
from proxim.session.session import Session

if TYPE_CHECKING:
    from proxim.actors.backend import Backend

_CRASHED = "the node failed at this session"
_TIME_PASSED = Envelope(ev.TimePassed())
_UNSAVED_EVENTS = (ev.SignalSent, ev.IceRequested)
"""Events after which a session is as it was, or would keep no signal anywhere but here."""

SAVE_TIMEOUT = 3.0
"""Seconds to wait for a save before the requester gets ``unavailable``."""

INBOX_BOUND = 256
"""Requests that may wait for one actor; more are refused with ``rate_limited``."""


Refusal = type[UnknownSession] | type[Unavailable]
"""The kind of error with which a closed actor refuses requests."""


class Services(Protocol):
    """What an actor needs of its supervisor."""

    stats: Stats
    backend: Backend

    def prompt_refusal(self, actor: Actor, guest: Connection | None) -> RequestError | None:
        """Return why the guest may not ask the host of that session now, or None if it may."""
        ...

    def note_transition(self, actor: Actor, before: Before, now: float) -> None:
        """Count that the actor's session went from one state to another."""

    def note_end(self, actor: Actor, reason: Reason) -> None:
        """Count that the actor's session has ended; called once."""

    def hand_over(self, actor: Actor) -> bool:
        """Release the actor if its session continues after this node stops; return whether."""
        ...

    def grant_ice(self, lifetime: float) -> IceGrant:
        """Return ICE servers for one peer of a session that lives at most ``lifetime`` seconds."""
        ...


class Actor:
    """One session's task, its inbox and its seats.

    The task lives on until ``close``, so that an ended session still answers. ``opened_from`` is
    the address of the host that opened the session, ``asked_from`` that of the guest that asked to
    pair.
    """

    __slots__ = (
        "_closed_with",
        "_inbox",
        "_send_channel",
        "_services",
        "_timer",
        "_timers",
        "_wants_line",
        "asked_from",
        "opened_from",
        "owner",
        "seats",
        "session",
    )

    def __init__(
        self,
        session: Session,
        owner: Owner,
        timers: Timers,
        services: Services,
        opened_from: str | None = None,
    ) -> None:
        self.session = session
        self.owner = owner
        self.seats: dict[Role, Seat] = {}
        self.opened_from = opened_from
        self.asked_from: str | None = None
        self._services = services
        self._wants_line = False
        self._closed_with: Refusal | None = None
        self._timers = timers
        self._timer = timers.reset(None, session.deadline, self)
        # Unbounded, since no departure may be lost; ``post`` bounds the requests.
        self._send_channel, self._inbox = trio.open_memory_channel[Envelope](math.inf)

    async def run(self) -> None:
        """Take one envelope after the other until ``close``."""
        async for envelope in self._inbox:
            await self._handle_envelope(envelope)
            del envelope  # It would stay in memory while the actor sleeps.
            self._timer = self._timers.reset(self._timer, self.session.deadline, self)

    def wake(self) -> None:
        """Have the session look at its deadline, which has come."""
        if self._closed_with is None:
            self._send_channel.send_nowait(_TIME_PASSED)

    @property
    def _waiting(self) -> int:
        """How many envelopes wait in the inbox."""
        return self._inbox.statistics().current_buffer_used

    # -- what the router and the supervisor call ---------------------------------------------

    def post(self, envelope: Envelope) -> None:
        """Put a request into the inbox.

        Raises ``RateLimited`` when too many wait there, and after ``close`` what that says.
        """
        if self._closed_with is not None:
            raise self._closed_error()
        if self._waiting >= INBOX_BOUND:
            self._services.stats.refusals["inbox"] += 1
            raise RateLimited(
                "too many requests wait for this session",
                session_id=self.session.session_id,
                retry_after=1.0,
            )
        self._put(envelope)

    def notify(self, event: Event, seat: Seat | None = None) -> None:
        """Put something into the inbox that has happened and cannot be refused."""
        if self._closed_with is None:
            self._put(Envelope(event, seat=seat))

    def ask(self, envelope: Envelope) -> Receipt:
        """Put something into the inbox whose sender waits for the receipt that this returns.

        Who waits sends nothing more meanwhile, so this needs no bound. The receipt is set once the
        envelope has been dealt with, and after ``close`` at once, with what that says.
        """
        receipt = Receipt()
        if self._closed_with is not None:
            receipt.refusal = self._closed_error()
            receipt.set()
        else:
            self._put(envelope._replace(receipt=receipt))
        return receipt

    def _put(self, envelope: Envelope) -> None:
        self._send_channel.send_nowait(envelope)
        self._services.stats.queued += 1

    def admit(self, role: Role, connection: Connection) -> None:
        """Give a seat to a connection; one that held it before is replaced (close 4000)."""
        old = self.seats.get(role)
        if self._closed_with or (old is not None and old.connection is connection):
            return
        self.close_line()
        self.seats[role] = connection.seats[self.session.session_id] = Seat(self, role, connection)
        if old is not None:
            self._vacate(old)
            old.connection.close(4000, "replaced by a newer connection")
        if connection.closed:
            # It closed while its request was waiting, when it had no seat to leave.
            self.leave(connection.seats[self.session.session_id])

    def leave(self, seat: Seat) -> None:
        """A seat's connection is gone: no line leads there from now on."""
        self.close_line()
        self.notify(ev.HostLeft() if seat.role is Role.HOST else ev.GuestLeft(), seat)

    def close_line(self) -> None:
        """Take the line down: from here on signals come through the inbox."""
        for seat in self.seats.values():
            seat.line = None
        self._services.backend.lines_changed(self)

    def close(self, refuse_with: Refusal = UnknownSession) -> None:
        """Let every seat go and the task end; nothing is told to anybody.

        Requests that arrive after this are refused with ``refuse_with``.
        """
        self._closed_with = refuse_with
        self.close_line()
        for seat in self.seats.values():
            self._vacate(seat)
        self.seats.clear()
        self._send_channel.close()
        if self._timer is not None:
            self._timers.stop(self._timer)

    def _vacate(self, seat: Seat) -> None:
        # Who has left it, which the inbox may have yet to tell, may have no more of it.
        if seat.connection.seats.get(self.session.session_id) is seat:
            del seat.connection.seats[self.session.session_id]

    def _closed_error(self) -> RequestError:
        assert self._closed_with is not None
        error = self._closed_with()
        error.session_id = self.session.session_id
        return error

    def crash(self) -> None:
        """The task has failed: tell both sides, in words that need no working session.

        Whoever still waits for an answer gets ``internal_error``.
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
        for envelope in self._drain_inbox():
            self._refuse(envelope, InternalError(_CRASHED))

    def _drain_inbox(self) -> list[Envelope]:
        """Empty the inbox; return what waited there, without ``TimePassed``."""
        envelopes = [self._inbox.receive_nowait() for _ in range(self._waiting)]
        envelopes = [each for each in envelopes if each is not _TIME_PASSED]
        self._services.stats.queued -= len(envelopes)
        return envelopes

    # -- one envelope ------------------------------------------------------------------------

    async def _handle_envelope(self, envelope: Envelope) -> None:
        if envelope is not _TIME_PASSED:
            self._services.stats.queued -= 1
        if envelope.receipt is not None and envelope.sender is not None and envelope.sender.closed:
            pass  # It asked for a seat and is gone; nothing may be spent on it.
        elif self._closed_with is not None:
            self._refuse(envelope, self._closed_error())
        elif refusal := self._services.backend.refusal(self, envelope):
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
            envelope.receipt.refusal = error
            envelope.receipt.set()
        elif envelope.sender is not None:
            envelope.sender.tell(error_message(error, envelope.ref))

    async def _handle(self, envelope: Envelope) -> None:
        if envelope.seat is not None and isinstance(envelope.event, ev.HostLeft | ev.GuestLeft):
            del self.seats[envelope.seat.role]
        event = envelope.event
        if isinstance(event, ev.ShutDown) and self._services.hand_over(self):
            return  # It was approved while this waited in the inbox.
        if (
            isinstance(event, ev.PairRequested)
            and self.session.would_prompt(event, trio.current_time())
            and (refusal := self._services.prompt_refusal(self, envelope.sender)) is not None
        ):
            self._refuse(envelope, refusal)
            return
        await self._step(event, envelope)
        if self._wants_line and not self._waiting and self._closed_with is None:
            self._open_line()

    async def _step(self, event: Event, envelope: Envelope) -> None:
        session, now = self.session, trio.current_time()
        before = Before(session.state, session.deadline, session.prompted_at)
        try:
            effects = session.handle(event, now)
        finally:
            if session.state is not before.state:
                self._services.note_transition(self, before, now)
        saved = None if isinstance(event, _UNSAVED_EVENTS) else self._services.backend.save(self)
        if saved is not None:
            await self._wait_for_save(saved, envelope)
        if self._closed_with is not None:
            self._refuse(envelope, self._closed_error())
            return
        for effect in effects:
            self._perform(effect, envelope)

    async def _wait_for_save(self, saved: Receipt, envelope: Envelope) -> None:
        """Wait for a save; after ``SAVE_TIMEOUT`` refuse the request that caused it.

        Requests that arrive meanwhile are refused, too; other events stay in the inbox.
        """
        while True:
            with trio.move_on_after(SAVE_TIMEOUT):
                await saved.wait()
                return
            self._refuse(envelope, Unavailable())
            for each in self._drain_inbox():
                if each.sender is None and each.receipt is None and self._closed_with is None:
                    self._put(each)
                else:
                    self._refuse(each, Unavailable())

    def _perform(self, effect: Effect, envelope: Envelope) -> None:
        match effect:
            case Tell(role, message, ice_lifetime):
                if role in self.seats:
                    self._tell(self.seats[role].connection, message, ice_lifetime, envelope)
            case Reply(message, ice_lifetime):
                if envelope.sender is not None:
                    if envelope.ref is not None:
                        message = structs.replace(message, ref=envelope.ref)
                    self._tell(envelope.sender, message, ice_lifetime, envelope)
            case Refuse(error):
                self._refuse(envelope, error)
            case Admit(role):
                if envelope.sender is not None:
                    if isinstance(envelope.event, ev.PairRequested):
                        self.asked_from = envelope.sender.address
                    self.admit(role, envelope.sender)
            case OpenLine():
                self._wants_line = True
            case CloseLine():
                self._wants_line = False
                self.close_line()
            case _:  # Finish
                self._services.note_end(self, effect.reason)

    def _tell(
        self,
        connection: Connection,
        message: NodeMessage,
        ice_lifetime: float | None,
        envelope: Envelope,
    ) -> None:
        if ice_lifetime is not None:
            message = with_ice_servers(message, self._services.grant_ice(ice_lifetime))
        # Signals delivered on joining are backlog; they bypass the outbox limit.
        if isinstance(message, Signal) and envelope.receipt is not None:
            connection.tell_backlog(message)
        else:
            connection.tell(message)

    def _open_line(self) -> None:
        host, guest = self.seats[Role.HOST], self.seats[Role.GUEST]
        host.line, guest.line = guest.connection.tell, host.connection.tell
        # Nothing crosses after the end, even if the alarm that says so rings late.
        host.line_until = guest.line_until = min(
            self.session.deadline, self._services.backend.lines_until
        )
        self._services.backend.lines_changed(self)
