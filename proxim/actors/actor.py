"""The actor: the task that owns one session.

It sleeps until something is in its inbox or its session's own deadline has come, hands the event
to the session, and performs the effects. It waits for no socket and no other actor; where the
node has a keeper, for that a change is kept before anybody hears of it.

Signals need not pass through here. Once the session says ``Patch``, each seat gets a *line*, a
direct way to the other side's connection, and the router uses that. The actor takes the line down
whenever a seat changes hands or the session ends. So that no signal overtakes an earlier one, the
line goes up only when the inbox is empty: what was sent before has then gone before.
"""

from __future__ import annotations

from typing import Protocol

import trio
from msgspec import structs

from proxim.actors.mailbox import Mailbox
from proxim.actors.seat import Connection, Letter, Owner, Receipt, Seat
from proxim.actors.stats import Before, Census
from proxim.actors.timers import Timers
from proxim.protocol.codec import error_message
from proxim.protocol.errors import (
    InternalError,
    RateLimited,
    RequestError,
    Unavailable,
    UnknownSession,
    request_error,
)
from proxim.protocol.messages import Error, NodeMessage, Reason, SessionEnded, Signal, Status
from proxim.session import events as ev
from proxim.session.events import Admit, Effect, Event, Patch, Reply, Role, Tell, Unpatch
from proxim.session.ice import IceGrant, with_ice_servers
from proxim.session.session import Session

_FAILED = "the node failed at this session"
_TIME_PASSED = Letter(ev.TimePassed())
_CHANGING_NOTHING = (ev.Signalled, ev.IceAsked)
"""Events after which a session is as it was, or would keep no signal anywhere but here."""

KEPT_WITHIN = 3.0
"""Seconds after which who asked for something that is not yet kept is told so."""

INBOX_BOUND = 256
"""Requests that may wait for one actor; more are refused with ``rate_limited``."""


Parting = type[UnknownSession] | type[Unavailable]
"""With what is refused that comes when the actor is gone."""


class Warden(Protocol):
    """Who watches over an actor. ``census`` is what it counts."""

    census: Census

    def note_step(self, actor: Actor, before: Before, now: float) -> None:
        """The actor's session has gone over from one state to another."""

    @property
    def lines_until(self) -> float:
        """Until when a line serves before the actor is asked again (on Trio's clock)."""
        ...

    def refusal(self, actor: Actor, letter: Letter) -> RequestError | None:
        """Why nothing may be done about a letter now; None if it may."""
        ...

    def lines_changed(self, actor: Actor) -> None:
        """The actor has put its lines up, or taken them down."""

    def note_ending(self, actor: Actor, reason: Reason) -> None:
        """The actor's session has ended; said once."""

    def hands_over(self, actor: Actor) -> bool:
        """The node goes away. Whether the actor was let go, since its session goes on elsewhere."""
        ...

    def prompt_wait(self, actor: Actor, guest: Connection | None) -> float:
        """For how many seconds the guest may not ask the host of that session; 0 if it may."""
        ...

    def note_made_to_wait(self, guest: Connection | None) -> None:
        """A guest with the right token was not let ask, for ``prompt_wait`` said so."""

    def grant_ice(self, lifetime: float) -> IceGrant:
        """ICE servers for one peer of a session that lives ``lifetime`` seconds at most."""
        ...

    def keep(self, actor: Actor) -> Receipt | None:
        """The actor's session may have changed. What to wait for before anybody hears of it."""
        ...


class Actor:
    """One session's task, its inbox and its seats.

    ``warden`` hears once why the session ended. The task lives on until ``dismiss``, so that an
    ended session still answers. ``opened_from`` is the address of the host that opened it,
    ``asked_from`` that of the guest who has asked to pair.
    """

    __slots__ = (
        "_inbox",
        "_parting",
        "_patched",
        "_warden",
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
        warden: Warden,
        opened_from: str | None = None,
    ) -> None:
        self.session = session
        self.owner = owner
        self.seats: dict[Role, Seat] = {}
        self.opened_from = opened_from
        self.asked_from: str | None = None
        self._warden = warden
        self._patched = False
        self._parting: Parting | None = None
        # Unbounded, since the news that somebody left must never be lost; ``post`` bounds the rest.
        self._inbox = Mailbox[Letter](timers)

    async def run(self) -> None:
        """Live until dismissed."""
        try:
            while True:
                # No name is given to the letter: it would be kept while the actor sleeps.
                await self._take(await self._inbox.receive(self.session.deadline) or _TIME_PASSED)
        except trio.EndOfChannel:
            pass

    # -- what the router and the supervisor call ---------------------------------------------

    def post(self, letter: Letter) -> None:
        """Put a request into the inbox.

        Raises ``RateLimited`` when too many wait there, and after ``dismiss`` what that says.
        """
        if self._parting is not None:
            raise self._gone()
        if len(self._inbox) >= INBOX_BOUND:
            self._warden.census.refusals["inbox"] += 1
            raise RateLimited(
                "too many requests wait for this session",
                session_id=self.session.session_id,
                retry_after=1.0,
            )
        self._put(letter)

    def notify(self, event: Event, seat: Seat | None = None) -> None:
        """Put something into the inbox that has happened and cannot be refused."""
        if self._parting is None:
            self._put(Letter(event, seat=seat))

    def ask(self, letter: Letter) -> Receipt:
        """Put something into the inbox whose sender waits for the receipt that this returns.

        Who waits sends nothing more meanwhile, so this needs no bound. The receipt is set once the
        letter has been dealt with, and after ``dismiss`` at once, with what that says.
        """
        taken = Receipt()
        if self._parting is not None:
            taken.refusal = self._gone()
            taken.set()
        else:
            self._put(letter._replace(taken=taken))
        return taken

    def _put(self, letter: Letter) -> None:
        self._inbox.send_nowait(letter)
        self._warden.census.letters += 1

    def admit(self, role: Role, connection: Connection) -> None:
        """Give a seat to a connection; one that held it before is replaced (close 4000)."""
        old = self.seats.get(role)
        if self._parting or (old is not None and old.connection is connection):
            return
        self.cut()
        self.seats[role] = connection.seats[self.session.session_id] = Seat(self, role, connection)
        if old is not None:
            self._vacate(old)
            old.connection.close(4000, "replaced by a newer connection")
        if connection.closed:
            # It closed while its request was waiting, when it had no seat to leave.
            self.leave(connection.seats[self.session.session_id])

    def leave(self, seat: Seat) -> None:
        """A seat's connection is gone: no line leads there from now on."""
        self.cut()
        self.notify(ev.HostLeft() if seat.role is Role.HOST else ev.GuestLeft(), seat)

    def cut(self) -> None:
        """Take the line down: from here on signals come through the inbox."""
        for seat in self.seats.values():
            seat.line = None
        self._warden.lines_changed(self)

    def dismiss(self, parting: Parting = UnknownSession) -> None:
        """Let every seat go and the task end; nothing is told to anybody.

        ``parting`` is with what is refused that comes too late.
        """
        self._parting = parting
        self.cut()
        for seat in self.seats.values():
            self._vacate(seat)
        self.seats.clear()
        self._inbox.close()

    def _vacate(self, seat: Seat) -> None:
        # Who has left it, which the inbox may have yet to tell, may have no more of it.
        if seat.connection.seats.get(self.session.session_id) is seat:
            del seat.connection.seats[self.session.session_id]

    def _gone(self) -> RequestError:
        assert self._parting is not None
        error = self._parting()
        error.session_id = self.session.session_id
        return error

    def crash(self) -> None:
        """The task has failed: tell both sides, in words that need no working session.

        Whoever still waits for an answer gets ``internal_error``.
        """
        last_word = SessionEnded(
            session_id=self.session.session_id,
            status=Status.EXPIRED,
            reason=Reason.INTERNAL_ERROR,
        )
        if not self.session.ended:
            for seat in list(self.seats.values()):
                seat.connection.tell(last_word)
        self.dismiss()
        while self._inbox:
            self._warden.census.letters -= 1
            self._refuse(self._inbox.receive_nowait(), InternalError(_FAILED))

    # -- one letter --------------------------------------------------------------------------

    async def _take(self, letter: Letter) -> None:
        if letter is not _TIME_PASSED:
            self._warden.census.letters -= 1
        if letter.taken is not None and letter.sender is not None and letter.sender.closed:
            pass  # It asked for a seat and is gone; nothing may be spent on it.
        elif self._parting is not None:
            self._refuse(letter, self._gone())
        elif refusal := self._warden.refusal(self, letter):
            self._refuse(letter, refusal)
        elif letter.seat is None or self.seats.get(letter.seat.role) is letter.seat:
            try:
                await self._handle(letter)
            except Exception:
                self._refuse(letter, InternalError(_FAILED))
                raise
        if letter.taken is not None:
            letter.taken.set()

    def _refuse(self, letter: Letter, error: RequestError) -> None:
        error.session_id = self.session.session_id
        if letter.taken is not None:
            letter.taken.refusal = error
            letter.taken.set()
        elif letter.sender is not None:
            letter.sender.tell(error_message(error, letter.ref))

    async def _handle(self, letter: Letter) -> None:
        if letter.seat is not None and isinstance(letter.event, ev.HostLeft | ev.GuestLeft):
            del self.seats[letter.seat.role]
        event = letter.event
        if isinstance(event, ev.ShutDown) and self._warden.hands_over(self):
            return  # It was approved while this waited in the inbox.
        if isinstance(event, ev.GuestAsked):
            wait = self._warden.prompt_wait(self, letter.sender)
            event = structs.replace(event, wait=wait)
        await self._step(event, letter)
        if self._patched and not self._inbox and self._parting is None:
            self._connect()

    async def _step(self, event: Event, letter: Letter) -> None:
        session, now = self.session, trio.current_time()
        before = Before(session.state, session.deadline, session.prompted_at)
        try:
            effects = session.handle(event, now)
        finally:
            if session.state is not before.state:
                self._warden.note_step(self, before, now)
        kept = None if isinstance(event, _CHANGING_NOTHING) else self._warden.keep(self)
        if kept is not None:
            await self._wait_until(kept, letter)
        if self._parting is not None:
            self._refuse(letter, self._gone())
            return
        for effect in effects:
            self._perform(effect, letter)

    async def _wait_until(self, kept: Receipt, letter: Letter) -> None:
        """Nobody hears of a change before it is kept; but that it takes long, who asked does.

        What is asked for meanwhile is refused, and what has happened has to wait.
        """
        while True:
            with trio.move_on_after(KEPT_WITHIN):
                await kept.wait()
                return
            self._refuse(letter, Unavailable())
            happened = []
            while self._inbox:
                each = self._inbox.receive_nowait()
                if each.sender is None and each.taken is None:
                    happened.append(each)
                else:
                    self._warden.census.letters -= 1
                    self._refuse(each, Unavailable())
            for each in happened:
                self._inbox.send_nowait(each)

    def _perform(self, effect: Effect, letter: Letter) -> None:
        match effect:
            case Tell(role, message):
                if role in self.seats:
                    self._tell(self.seats[role].connection, message, letter)
            case Reply(message):
                self._reply(message, letter)
            case Admit(role):
                if letter.sender is not None:
                    if isinstance(letter.event, ev.GuestAsked):
                        self.asked_from = letter.sender.address
                    self.admit(role, letter.sender)
            case Patch():
                self._patched = True
            case Unpatch():
                self._patched = False
                self.cut()
            case _:  # Finish
                self._warden.note_ending(self, effect.reason)

    def _tell(self, connection: Connection, message: NodeMessage, letter: Letter) -> None:
        # Who is told signals for having come is told those that were kept.
        if isinstance(message, Signal) and letter.taken is not None:
            connection.tell_backlog(message)
        else:
            connection.tell(with_ice_servers(message, self._warden.grant_ice))

    def _reply(self, message: NodeMessage, letter: Letter) -> None:
        if isinstance(message, Error) and letter.taken is not None:
            if message.code == RateLimited.code:
                self._warden.note_made_to_wait(letter.sender)
            session_id = self.session.session_id
            retry_after = message.retry_after or None
            letter.taken.refusal = request_error(
                message.code, message.message, session_id=session_id, retry_after=retry_after
            )
        elif letter.sender is not None:
            if letter.ref is not None:
                message = structs.replace(message, ref=letter.ref)
            letter.sender.tell(with_ice_servers(message, self._warden.grant_ice))

    def _connect(self) -> None:
        host, guest = self.seats[Role.HOST], self.seats[Role.GUEST]
        host.line, guest.line = guest.connection.tell, host.connection.tell
        # Nothing crosses after the end, even if the alarm that says so rings late.
        host.line_until = guest.line_until = min(self.session.deadline, self._warden.lines_until)
        self._warden.lines_changed(self)
