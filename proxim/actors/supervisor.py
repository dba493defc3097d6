"""The supervisor: a nursery that spawns actors, guards them, reaps them and lets them go."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import trio
from msgspec import structs

from proxim.actors.actor import Actor, Parting
from proxim.actors.crash import log_crash
from proxim.actors.keeper import Keeper, NoKeeper
from proxim.actors.limits import Places, Quotas, Tally
from proxim.actors.pseudonym import about
from proxim.actors.seat import Connection, Envelope, Owner, Receipt
from proxim.actors.stats import Before, Stats
from proxim.actors.tenure import Freehold, Tenure
from proxim.actors.timers import Timers
from proxim.protocol.errors import LimitReached, RequestError, Unavailable, UnknownSession
from proxim.protocol.messages import Reason, SessionInfo, Status
from proxim.session import events as ev
from proxim.session.ice import IceGrant, IceSource, no_ice_servers
from proxim.session.session import Session
from proxim.session.state import State

log = logging.getLogger(__name__)

SHORTEST_WAIT = 1.0
"""Seconds after which a guest may ask a host again at the earliest, where others are before it."""

SWEEP_BATCH = 500
"""Actors looked at in one go; the sweep then lets the others have their turn."""


class Watcher(Protocol):
    """Who follows each session's life. It may neither wait nor raise."""

    def came(self, session: Session) -> None:
        """A session is in memory from here on."""

    def stepped(self, session: Session, before: Before) -> None:
        """A session has gone over from one state to another."""

    def went(self, session: Session) -> None:
        """A session is no longer in memory; unless it has ended, it has crashed."""


class Supervisor:
    """All actors of this node, by session id and by owner.

    ``endings`` counts how sessions ended, ``crashes`` the actors that failed, ``denials`` the
    guests whom a host denied, ``stats`` the rest; ``addresses`` are the places of each address for
    sessions, ``prompts`` those of each host for prompts. ``ice`` is where the ICE servers of
    approved sessions come from. ``tell_of`` is told of each session that was approved or has
    ended; it may neither wait nor raise. ``watcher`` may be set, before the first session is
    opened.
    """

    def __init__(
        self,
        *,
        sweep_interval: float,
        quotas: Quotas | None = None,
        tell_of: Callable[[SessionInfo], None] = lambda _: None,
        ice: IceSource = no_ice_servers,
        keeper: Keeper | None = None,
    ) -> None:
        self.endings: Counter[Reason] = Counter()
        self.crashes = 0
        self.stats = Stats()
        self.watcher: Watcher | None = None
        self.quotas = quotas or Quotas()
        self.keeper = keeper or NoKeeper()
        self.tenure: Tenure = Freehold()
        self._sweep_interval = sweep_interval
        self._tell_of = tell_of
        self._ice = ice
        self.addresses = Places(self.quotas.sessions_per_address)
        self.prompts = Places(self.quotas.prompts_per_host)
        self.denials = Tally(self.quotas.denials_per_address, self.quotas.guess_window)
        self._actors: dict[str, Actor] = {}
        self._owned: dict[Owner, dict[str, Actor]] = {}
        self._timers = Timers()
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the actors, and sweep every ``sweep_interval`` seconds, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._timers.run)
            task_status.started()
            while True:
                await trio.sleep(self._sweep_interval)
                await self.sweep()

    def open(self, session: Session, owner: Owner, host: Connection) -> Actor:
        """Spawn the actor of a new session, with ``host`` in its seat. ``run`` comes first.

        Raises ``LimitReached`` when there are too many.
        """
        self.check_room(owner, host.address)
        self.addresses.take(host.address)
        actor = Actor(session, owner, self._timers, self, host.address)
        actor.admit(ev.Role.HOST, host)
        self._spawn(actor)
        self._log(session, "a %s session was opened", session.session_type)
        return actor

    async def open_kept(self, session: Session, owner: Owner, host: Connection) -> Actor:
        """As ``open``; returns when the session is kept, where the node has a keeper.

        Raises what the keeper refuses it with; there is no such session then.
        """
        actor = self.open(session, owner, host)
        kept = self.keep(actor)
        if kept is not None:
            await kept.wait()
            if kept.refusal is not None:
                self.abandon(actor)
                raise kept.refusal
        return actor

    def bring_back(self, session: Session, owner: Owner, *, handed: bool = False) -> Actor:
        """Spawn the actor of a session that was restored from a snapshot. ``run`` comes first.

        Whatever bounds there are, it was within them once. ``handed`` as in ``Snapshot``.
        """
        actor = Actor(session, owner, self._timers, self)
        actor.notify(ev.BroughtBack(handed))
        self._spawn(actor)
        return actor

    def abandon(self, actor: Actor, parting: Parting = UnknownSession) -> None:
        """Let go of a session that lives elsewhere from now on, or was never to be.

        Nobody is told, and the keeper keeps what it has of it. ``parting`` as in ``Actor.dismiss``.
        """
        self._drop(actor)
        actor.dismiss(parting)

    @property
    def lines_until(self) -> float:
        """Until when a line serves before its actor is asked again (on Trio's clock)."""
        return self.tenure.lines_until

    def refusal(self, actor: Actor, envelope: Envelope) -> RequestError | None:
        """Why nothing may be done about an envelope now; None if it may."""
        return self.tenure.refusal(actor, envelope)

    def lines_changed(self, actor: Actor) -> None:
        """An actor has put its lines up, or taken them down."""
        self.tenure.lines_changed(actor)

    def keep(self, actor: Actor) -> Receipt | None:
        """The session may have changed: what to wait for before anybody hears of it."""
        return self.keeper.keep(actor)

    def check_room(self, owner: Owner, address: str | None) -> None:
        """Raise ``LimitReached`` unless that owner, at that address, may open one session more."""
        quotas, owned = self.quotas, self._owned.get(owner, {})
        if 0 < quotas.sessions_per_owner <= len(owned):
            alive = sum(not actor.session.ended for actor in owned.values())
            if alive >= quotas.sessions_per_owner:
                self.stats.refusals["sessions_per_owner"] += 1
                raise LimitReached(
                    f"{alive} sessions are open for this uuid and key: close one "
                    "(sessions_per_owner)"
                )
        if self.addresses.is_full(address):
            self.stats.refusals["sessions_per_address"] += 1
            raise LimitReached("too many sessions were opened from this address")
        if 0 < quotas.max_sessions <= len(self._actors):
            self.stats.refusals["max_sessions"] += 1
            raise LimitReached("the node has as many sessions as it may have")

    def prompt_wait(self, actor: Actor, guest: Connection | None) -> float:
        """For how many seconds the guest may not ask the host of that session; 0 if it may."""
        now = trio.current_time()
        prompts = [
            left
            for each in self._owned[actor.owner].values()
            if each.session.state is State.PROMPTED and (left := each.session.prompt_left(now)) > 0
        ]
        wait = self.denials.wait(guest.address if guest is not None else None, now)
        before = len(prompts) + self.prompts.elsewhere(actor.owner.name)
        if 0 < self.quotas.prompts_per_host <= before:
            wait = max(wait, min(prompts, default=0.0), SHORTEST_WAIT)
        return wait

    def note_made_to_wait(self, guest: Connection | None) -> None:
        """A guest with the right token was not let ask: count by which limit."""
        address = guest.address if guest is not None else None
        denied = self.denials.wait(address, trio.current_time()) > 0
        self.stats.refusals["denials_per_address" if denied else "prompts_per_host"] += 1

    def note_step(self, actor: Actor, before: Before, now: float) -> None:
        """An actor's session has gone over from one state to another."""
        self.stats.stepped(actor.session, before, now)
        if actor.session.state is State.PROMPTED:
            self.prompts.take(actor.owner.name)
        elif before.state is State.PROMPTED:
            self.prompts.give_back(actor.owner.name)
        if self.watcher is not None:
            self.watcher.stepped(actor.session, before)
        if not actor.session.ended:
            self._log(actor.session, "a session is %s", actor.session.state.name.lower())
        if actor.session.state is State.APPROVED:
            self._tell_of(actor.session.describe())

    def grant_ice(self, lifetime: float) -> IceGrant:
        """ICE servers for one peer of a session that lives ``lifetime`` seconds at most."""
        return self._ice(lifetime)

    def note_ending(self, actor: Actor, reason: Reason) -> None:
        """An actor's session has ended; a guest who was denied is remembered by its address."""
        self.endings[reason] += 1
        if reason is Reason.REJECTED:
            self.denials.add(actor.asked_from, trio.current_time())
        self._log(actor.session, "a %s session ended: %s", actor.session.session_type, reason)
        self._tell_of(actor.session.describe())

    def find(self, session_id: str) -> Actor | None:
        """The actor of a session, ended or not, as long as it is in memory."""
        return self._actors.get(session_id)

    def owned_by(self, owner: Owner) -> list[Actor]:
        """The actors of all of an owner's sessions, oldest first."""
        return list(self._owned.get(owner, {}).values())

    def actors(self) -> list[Actor]:
        """All actors, oldest first."""
        return list(self._actors.values())

    async def sweep(self) -> None:
        """Drop ended sessions from memory, and end those that nobody can use any more."""
        for count, actor in enumerate(self.actors(), start=1):
            if actor.session.ended:
                self.abandon(actor)
                self.keeper.forget(actor)
            elif actor.session.is_inactive(trio.current_time()):
                actor.notify(ev.Swept())
            if count % SWEEP_BATCH == 0:
                await trio.lowlevel.checkpoint()

    async def drain(self) -> None:
        """End every session with ``shutdown``; each seat has been told when this returns.

        Approved ones that the keeper hands over are only let go of: they go on elsewhere. So are
        those whose end it does not keep in time.
        """
        # Until nothing lives: somebody may open a session, or come back to one that was handed
        # over, while the others are told.
        while alive := [actor for actor in self.actors() if not actor.session.ended]:
            to_end = [actor for actor in alive if not self.hands_over(actor)]
            told = {actor: actor.ask(Envelope(ev.ShutDown())) for actor in to_end}
            for actor, taken in told.items():
                await taken.wait()
                if taken.refusal is not None and self.find(actor.session.session_id) is actor:
                    self.abandon(actor, Unavailable)

    def hands_over(self, actor: Actor) -> bool:
        """The node goes away: let go of a session that goes on elsewhere, if this one does."""
        if actor.session.state is not State.APPROVED or not self.keeper.hand_over(actor):
            return False
        self.abandon(actor, Unavailable)
        return True

    async def _guard(self, actor: Actor) -> None:
        """Let an actor live; should it crash, its session ends and nothing else does."""
        try:
            await actor.run()
        except Exception as error:
            what = "an actor crashed; its session ends, the others go on"
            log_crash(log, what, error, actor.session.session_id)
            self.crashes += 1
            if not actor.session.ended:
                self._note_crash_of(actor.session)
            self._drop(actor)
            actor.crash()
            self.keeper.forget(actor)

    def _spawn(self, actor: Actor) -> None:
        assert self._nursery is not None, "run() comes first"
        self._actors[actor.session.session_id] = actor
        self._owned.setdefault(actor.owner, {})[actor.session.session_id] = actor
        self.stats.came(actor.session)
        if actor.session.state is State.PROMPTED:
            self.prompts.take(actor.owner.name)
        if self.watcher is not None:
            self.watcher.came(actor.session)
        # One name for all: trio would make each its own.
        self._nursery.start_soon(self._guard, actor, name="actor")

    def _note_crash_of(self, session: Session) -> None:
        self.endings[Reason.INTERNAL_ERROR] += 1
        info = session.describe()
        self._tell_of(structs.replace(info, status=Status.EXPIRED, reason=Reason.INTERNAL_ERROR))

    def _log(self, session: Session, text: str, *words: object) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug(text, *words, extra=about(session.session_id))

    def _drop(self, actor: Actor) -> None:
        session_id = actor.session.session_id
        if self._actors.pop(session_id, None) is None:
            return
        self.stats.went(actor.session)
        if actor.session.state is State.PROMPTED:
            self.prompts.give_back(actor.owner.name)
        if self.watcher is not None:
            self.watcher.went(actor.session)
        self.addresses.give_back(actor.opened_from)
        owned = self._owned[actor.owner]
        del owned[session_id]
        if not owned:
            del self._owned[actor.owner]
