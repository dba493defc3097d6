"""The supervisor: it starts actors in a nursery, handles their crashes, sweeps and drains them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import trio
from msgspec import structs

from proxim import clock
from proxim.actors.actor import Actor
from proxim.actors.backend import Backend, SessionHandle
from proxim.actors.connection import Connection, Owner
from proxim.actors.inbox import Envelope
from proxim.actors.limits import NOWHERE, NodeLimits, Source, key_of
from proxim.actors.log import log_crash, session_extra
from proxim.actors.services import ClosedError
from proxim.actors.stats import Before, Stats
from proxim.actors.timers import Timers
from proxim.protocol.errors import (
    LimitReached,
    RateLimited,
    RequestError,
    Unavailable,
    UnknownSession,
)
from proxim.protocol.messages import Reason, SessionInfo, Status
from proxim.session import events as ev
from proxim.session.events import Finish, Terms
from proxim.session.ice import IceSource, no_ice_servers
from proxim.session.session import Session
from proxim.session.state import State

log = logging.getLogger(__name__)

SHORTEST_WAIT = 1.0
"""Seconds that a guest waits at least before it asks again, while a host has too many prompts."""

SWEEP_BATCH = 500
"""Actors that the sweep looks at before it lets other tasks run."""


class Observer:
    """Follows the life of sessions; this base class ignores it. No method waits or raises."""

    def added(self, session: Session) -> None:
        """Note that a session is in memory from here on."""

    def transitioned(self, session: Session, before: Before) -> None:
        """Note that a session went from one state to another."""

    def removed(self, session: Session) -> None:
        """Note that a session left memory; unless it has ended, its actor crashed."""


class Supervisor:
    """Starts, finds and ends all actors of this node.

    ``endings`` counts how sessions ended, ``crashes`` the actors that failed. ``limits`` holds the
    counters behind the node's limits, ``terms`` the settings of each session. ``ice`` grants ICE
    servers to approved sessions. ``announce`` is called for each session that was approved or has
    ended, with a function that describes it; it neither waits nor raises.
    """

    def __init__(
        self,
        *,
        terms: Terms,
        limits: NodeLimits | None = None,
        sweep_interval: float = 30.0,
        ice: IceSource = no_ice_servers,
        announce: Callable[[Callable[[], SessionInfo]], None] = lambda _: None,
        observer: Observer | None = None,
        make_backend: Callable[[Supervisor], Backend] = Backend,
    ) -> None:
        self.endings: Counter[Reason] = Counter()
        self.crashes = 0
        self.stats = Stats()
        self.terms = terms
        self.limits = limits or NodeLimits()
        self.grant_ice = ice
        self._sweep_interval = sweep_interval
        self._announce = announce
        self.observer = observer or Observer()
        self._actors: dict[str, Actor] = {}
        self._sources: dict[str, Source] = {}
        self._owned: dict[Owner, dict[str, Actor]] = {}
        self._timers = Timers()
        self._nursery: trio.Nursery | None = None
        self.backend = make_backend(self)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the actors and the timers, and sweep every ``sweep_interval``, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._timers.run)
            task_status.started()
            while True:
                await trio.sleep(self._sweep_interval)
                await self.sweep()

    async def open(self, session: Session, owner: Owner, host: Connection) -> Actor:
        """Start the actor of a new session, with ``host`` in its seat; return once it is saved.

        Raises ``LimitReached`` if there are too many sessions, or the refusal of the backend; then
        the session does not exist. Call this only while ``run`` runs.
        """
        self.check_limits(owner, host, standing=session.standing)
        source = self._sources[session.session_id] = Source(host.address, host.networks)
        self.limits.sessions.acquire(source.address)
        self.limits.session_networks.acquire(source)
        actor = Actor(session, owner, self._timers, self)
        actor.admit(ev.Role.HOST, host)
        self._spawn(actor)
        self._log(session, "a %s session was opened", session.session_type)
        saved = self.backend.save(actor)
        if saved is not None:
            await saved.wait()
            if saved.refusal is not None:
                self.release(actor)
                raise saved.refusal
        return actor

    def restore(self, session: Session, owner: Owner, *, handed: bool = False) -> Actor:
        """Start the actor of a session that was restored from a snapshot, while ``run`` runs.

        No limit applies, since the session was within them. ``handed`` is that of the snapshot.
        """
        actor = Actor(session, owner, self._timers, self)
        actor.notify(ev.Restored(handed))
        self._spawn(actor)
        return actor

    def release(self, actor: Actor, refuse_with: ClosedError = UnknownSession) -> bool:
        """Remove the actor of a session without a message to its clients.

        The backend keeps the session's state. Requests that arrive later get ``refuse_with``.
        Return whether the actor was still there.
        """
        was_there = self._remove(actor)
        actor.close(refuse_with)
        return was_there

    def check_limits(self, owner: Owner, host: Connection, *, standing: bool) -> None:
        """Raise ``LimitReached`` unless the owner may open another session by that connection.

        A ``standing`` session is one for a known device.
        """
        limits, owned = self.limits.settings, self._owned.get(owner, {})
        name, most = limits.for_owner(standing)
        if 0 < most <= len(owned):
            alive = sum(
                each.session.standing is standing and not each.session.ended
                for each in owned.values()
            )
            if alive >= most:
                raise self.owner_refusal(name, alive)
        source, networks = Source(host.address, host.networks), self.limits.session_networks
        room = networks.room(source, limits.max_sessions)
        if self.limits.sessions.is_full(host.address) or networks.is_full(source):
            self.stats.refusals["sessions_per_address"] += 1
            raise LimitReached("too many sessions were opened from this address")
        if 0 < room <= len(self._actors):
            self.stats.refusals["max_sessions"] += 1
            raise LimitReached("the node has too many sessions")

    def owner_refusal(self, limit: str, alive: int) -> LimitReached:
        """Return the refusal, counted, of a session of an owner that has so many."""
        self.stats.refusals[limit] += 1
        return LimitReached(f"{alive} sessions are open for this uuid and key: close one ({limit})")

    def prompt_refusal(self, actor: Actor, guest: Connection | None) -> RequestError | None:
        """Return the refusal of a guest that may not prompt the session's host now, or None.

        It may not if the host or the node has too many prompts, or the host has rejected guests
        from the same address too often.
        """
        now = clock.now()
        seconds_left = [
            left
            for each in self._owned[actor.owner].values()
            if each.session.state is State.PROMPTED and (left := each.session.prompt_left(now)) > 0
        ]
        address = None if guest is None else guest.address
        denied_for = self.limits.denials.retry_after(_denial_key(actor, address), now)
        wait = denied_for
        open_prompts = len(seconds_left) + self.limits.prompts.elsewhere(actor.owner.hash)
        if 0 < self.limits.settings.prompts_per_host <= open_prompts:
            wait = max(wait, min(seconds_left, default=0.0), SHORTEST_WAIT)
        limit = "denials_per_address" if denied_for > 0 else "prompts_per_host"
        if wait <= 0 and 0 < self.limits.prompt_room(self._source_of(actor)) <= self.stats.prompts:
            wait, limit = SHORTEST_WAIT, "max_prompts"
        if wait <= 0:
            return None
        self.stats.refusals[limit] += 1
        return RateLimited("too many prompts; the link stays valid, try again", retry_after=wait)

    def note_transition(self, actor: Actor, before: Before, now: float) -> None:
        """Count and log that an actor's session went from one state to another."""
        self.stats.transitioned(actor.session, before, now)
        if actor.session.state is State.PROMPTED:
            self.limits.prompt_begins(actor.owner.hash, self._source_of(actor))
        elif before.state is State.PROMPTED:
            self.limits.prompt_ends(actor.owner.hash, self._source_of(actor))
        self.observer.transitioned(actor.session, before)
        if not actor.session.ended:
            self._log(actor.session, "a session is %s", actor.session.state.name.lower())

    def note_approval(self, actor: Actor) -> None:
        """Announce that an actor's session is approved, and saved."""
        self._announce(actor.session.describe)

    def note_end(self, actor: Actor, end: Finish) -> None:
        """Count and log the end of a session; a denial counts for the guest's address."""
        self.endings[end.reason] += 1
        if end.is_denial:
            address = actor.asked_from
            self.limits.denials.add(_denial_key(actor, address), clock.now(), address)
        self._log(actor.session, "a %s session ended: %s", actor.session.session_type, end.reason)
        self._announce(actor.session.describe)

    @property
    def has_caught_up(self) -> bool:
        """Whether each session ended whose time was over while the machine slept."""
        return self._timers.has_caught_up

    async def catch_up(self) -> None:
        """After the machine slept, return once each session ended whose time was over meanwhile."""
        await self._timers.catch_up()

    def find(self, session_id: str) -> Actor | None:
        """Return the actor of a session, ended or not, or None if it is not in memory."""
        return self._actors.get(session_id)

    async def find_anywhere(self, session_id: str) -> SessionHandle | None:
        """Return a handle on a session, ended or not, at any node, or None.

        Raises ``Unavailable`` while it cannot be known.
        """
        return self.find(session_id) or await self.backend.find(session_id)

    def owned_by(self, owner: Owner) -> list[Actor]:
        """Return the actors of an owner's sessions, oldest first."""
        return list(self._owned.get(owner, {}).values())

    def actors(self) -> list[Actor]:
        """Return all actors, oldest first."""
        return list(self._actors.values())

    async def sweep(self) -> None:
        """Remove sessions whose end is saved and told, and end those that are of no more use."""
        for count, actor in enumerate(self.actors(), start=1):
            if actor.session.ended and not actor.is_saving:
                self.remove_ended(actor)
            elif actor.session.sweep_reason(clock.now()) is not None:
                actor.notify(ev.Swept())
            if count % SWEEP_BATCH == 0:
                await trio.lowlevel.checkpoint()

    def remove_ended(self, actor: Actor) -> None:
        """Remove an ended session from memory, and from what the backend keeps."""
        if self.release(actor):
            self.backend.delete(actor)

    async def drain(self) -> None:
        """End every session with ``shutdown``, and return once each seat has been told.

        Sessions that the backend hands over are only released, since they continue elsewhere. So
        are sessions whose end is not saved in time.
        """
        # Repeated, since a client may open a session, or resume one that was handed over, while
        # other sessions end.
        while alive := [actor for actor in self.actors() if not actor.session.ended]:
            to_end = [actor for actor in alive if not self.hand_over(actor)]
            receipts = {actor: actor.ask(Envelope(ev.ShutDown())) for actor in to_end}
            for actor, receipt in receipts.items():
                await receipt.wait()
                if receipt.refusal is not None and self.find(actor.session.session_id) is actor:
                    self.release(actor, Unavailable)

    def hand_over(self, actor: Actor) -> bool:
        """Release the actor if its session continues after this node stops; return whether."""
        if not self.backend.hand_over(actor):
            return False
        self.release(actor, Unavailable)
        return True

    async def _guard(self, actor: Actor) -> None:
        """Run an actor; if it crashes, end its session alone."""
        try:
            await actor.run()
        except Exception as error:
            what = "an actor crashed; its session ends, the others continue"
            log_crash(log, what, error, actor.session.session_id)
            self.crashes += 1
            if not actor.session.ended:
                self._note_crash_of(actor.session)
            was_there = self._remove(actor)
            actor.crash()
            if was_there:
                self.backend.delete(actor)

    def _spawn(self, actor: Actor) -> None:
        assert self._nursery is not None, "the supervisor does not run"
        self._actors[actor.session.session_id] = actor
        self._owned.setdefault(actor.owner, {})[actor.session.session_id] = actor
        self.stats.added(actor.session)
        if actor.session.state is State.PROMPTED:
            self.limits.prompt_begins(actor.owner.hash, self._source_of(actor))
        self.observer.added(actor.session)
        # One name for all, since Trio would build a string for each.
        self._nursery.start_soon(self._guard, actor, name="actor")

    def _source_of(self, actor: Actor) -> Source:
        return self._sources.get(actor.session.session_id, NOWHERE)

    def _note_crash_of(self, session: Session) -> None:
        self.endings[Reason.INTERNAL_ERROR] += 1
        info = session.describe()
        ended = structs.replace(info, status=Status.EXPIRED, reason=Reason.INTERNAL_ERROR)
        self._announce(lambda: ended)

    def _log(self, session: Session, text: str, *words: object) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug(text, *words, extra=session_extra(session.session_id))

    def _remove(self, actor: Actor) -> bool:
        session_id = actor.session.session_id
        if self._actors.get(session_id) is not actor:
            return False  # By its nonce the id may have been opened again, by another actor.
        del self._actors[session_id]
        self.stats.removed(actor.session)
        actor.session.drop_backlogs()
        if actor.session.state is State.PROMPTED:
            self.limits.prompt_ends(actor.owner.hash, self._source_of(actor))
        self.observer.removed(actor.session)
        source = self._sources.pop(session_id, NOWHERE)
        self.limits.sessions.release(source.address)
        self.limits.session_networks.release(source)
        owned = self._owned[actor.owner]
        del owned[session_id]
        if not owned:
            del self._owned[actor.owner]
        return True


def _denial_key(actor: Actor, address: str | None) -> str | None:
    """Return the key under which denials are counted: a guest at one host, and at no other."""
    return None if address is None else key_of(actor.owner.hash, address)
