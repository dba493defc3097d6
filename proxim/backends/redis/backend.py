"""The member: a node as a part of the cluster.

It keeps the node's lease, has the hub know what the node's sessions are like, carries mail, and
finds sessions that are elsewhere, or takes them over from a node that lives no more.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import msgspec
import trio

from proxim.actors.actor import Actor
from proxim.actors.backend import Backend, SessionHandle
from proxim.actors.log import log_crash
from proxim.actors.seat import Envelope, Owner, Receipt
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis import lines
from proxim.backends.redis.bus import LostMail, Post
from proxim.backends.redis.coordinator import KEEP_TIME, Beat, Hub, HubLost
from proxim.backends.redis.edge import Edge
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.registry import Finder
from proxim.backends.redis.remote_connections import FarConnection, Guests
from proxim.backends.redis.remote_sessions import unavailable
from proxim.backends.redis.rpc import Ask, Counted, Held, Left, Parcel, Reset, Say, Standing
from proxim.backends.redis.seal import BrokenSeal, Seal
from proxim.backends.redis.shared_limits import Counts
from proxim.backends.redis.write_queue import Ledger
from proxim.protocol.errors import InvalidSetting, RequestError, Unavailable
from proxim.session import events as ev
from proxim.session.state import State

log = logging.getLogger(__name__)

BEAT_TIME = 0.5
"""Seconds between two signs of life."""

MEET_TIME = 2.0
"""Seconds between two looks at who else there is."""

PULSE_TIME = 0.25

PART_TIME = 3.0
"""Seconds in which a node that leaves hands over what it has."""

_DECIDING = (ev.PairRequested, ev.HostDecided, ev.RenewalRequested, ev.CloseRequested)
_RETRY_TIME = 0.2
_RESTARTING = "the node is restarting; come again"
_ELSEWHERE = "the session is on another node now; come again"


class Member(Backend):
    """``describe_node`` returns what the others may know of this node, in JSON."""

    def __init__(
        self,
        supervisor: Supervisor,
        hub: Hub,
        *,
        seal: Seal,
        lease: float,
        describe_node: Callable[[], dict[str, object]],
    ) -> None:
        super().__init__(supervisor)
        self.lease = Lease(lease)
        self.ledger = Ledger(seal)
        self.post = Post(seal, self._wake)
        self.counts = Counts(self.post)
        self.counts.share(supervisor.limits.by_name())
        self.edge = Edge(self.post, self.lease)
        self.guests = Guests(self.post, supervisor, self.ledger.epoch, self._spawn, self._revive)
        self._seal = seal
        self._hub = hub
        self._describe_node = describe_node
        self._joined = False
        self._lag = 0.0
        self._in_touch = False
        self._prolong_at = -math.inf
        self._work = trio.Event()
        self._flushing = trio.Lock()
        self.finder = Finder(
            hub,
            supervisor,
            post=self.post,
            edge=self.edge,
            ledger=self.ledger,
            lease=self.lease,
        )
        self._nursery: trio.Nursery | None = None

    # -- its life ----------------------------------------------------------------------------

    @property
    def close_reason(self) -> tuple[int, str]:
        return 1012, _RESTARTING

    @property
    def trouble(self) -> str:
        return "" if self.lease.is_in_touch else "the cluster's Redis does not answer"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Stay connected to Redis. Raises ``InvalidSetting`` if it is not there, or unsuitable."""
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._hub.opened())
            except HubLost as error:
                raise InvalidSetting(f"cluster: {error}") from None
            yield

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be a member until cancelled. Started once the cluster knows this node.

        Raises ``InvalidSetting`` if it cannot.
        """
        self.lease.pulse()
        self.ledger.note_clock()
        try:
            await self._beat()
        except HubLost as error:
            raise InvalidSetting(f"cluster: {error}") from None
        while not self.finder.is_settled:
            await trio.sleep(BEAT_TIME)
            await self._beat()
        async with trio.open_nursery() as self._nursery:
            for task in (
                self._beat_forever,
                self._flush_forever,
                self._fetch_forever,
                self._watch,
                self._meet_forever,
            ):
                self._nursery.start_soon(task)
            task_status.started()

    async def leave(self) -> None:
        """Send what is left, and live no more."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()
        self.counts.part()
        with trio.move_on_after(PART_TIME):
            try:
                while self.ledger or self.post.pack():
                    await self._flush()
                await self._hub.leave(self.post.node)
            except HubLost:
                log.warning("the node left without a word: the hub does not answer")

    async def _revive(self, session_id: str) -> None:
        """The hub has it that a session is here: a claim of this node's that it gave up on."""
        with suppress(RequestError):
            await self.finder.find(session_id)

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(work)

    def _wake(self) -> None:
        self._work.set()

    # -- the lease ---------------------------------------------------------------------------

    async def _beat_forever(self) -> None:
        while True:
            with suppress(HubLost):
                await self._beat()
            await trio.sleep(BEAT_TIME)

    async def _beat(self) -> None:
        asked_at = trio.current_time()
        watched = sorted(self.edge.nodes | self.guests.nodes | self.counts.others)
        node = self.post.node
        beat = await self._hub.beat(node, self._introduction(), self.lease.seconds, watched)
        self.lease.answered()
        self._lag = trio.current_time() - asked_at
        self.finder.hub_age = beat.age
        forgot = beat.memory != self.finder.hub_memory
        # Where the hub was frozen, an earlier beat may have come just before this one.
        kept = beat.kept and self.lease.is_held
        if node == self.post.node and self._joined and kept and not forgot:
            self.lease.renew(asked_at)
            for gone in beat.gone:
                self._bury(gone)
        else:
            await self._join(beat)

    def _introduction(self) -> bytes:
        own = {"lag": round(self._lag, 4), "waiting": len(self.ledger), "lease": self.lease.seconds}
        return msgspec.json.encode({**self._describe_node(), **own})

    async def _join(self, beat: Beat) -> None:
        """Begin, or begin anew after a break: others may have taken what they were asked for."""
        former = self.post.node
        async with self._flushing:
            if self._joined:
                log.warning("the node was out of the cluster, and is back")
                self._begin_anew()
            asked_at = trio.current_time()
            node, about = self.post.node, self._introduction()
            beat = await self._hub.beat(node, about, self.lease.seconds, ())
            self.ledger.mark_all()
            while saves := self.ledger.pack():
                flushed = await self._hub.flush(self.post.node, saves, ())
                self._settle(flushed.lost)
            self.finder.hub_memory, self.finder.hub_age = beat.memory, beat.age
        self._joined = True
        self.lease.answered()
        self.lease.renew(asked_at)
        if former != node:
            # Not before: until it was saved anew, all that it had would have been free.
            with suppress(HubLost):
                await self._hub.leave(former)

    def _begin_anew(self) -> None:
        self._joined = False
        self.lease.end()
        self.edge.bury()
        self.guests.bury()
        self.counts.forget_all()
        self.post.rename()

    def _give_all_up(self) -> None:
        """The node was frozen: its sessions may be others' by now, and all goes on from there."""
        log.warning("the node was frozen for too long, and gives up its sessions")
        self.lease.pulse()
        self._begin_anew()
        for actor in self._supervisor.actors():
            self._let_go(actor)

    def _let_go(self, actor: Actor) -> None:
        connections = [seat.connection for seat in actor.seats.values()]
        self.ledger.lose(actor.session.session_id)
        self._supervisor.release(actor, Unavailable)
        for connection in connections:
            connection.close(1012, _ELSEWHERE)

    async def _watch(self) -> None:
        """See that the node runs, that who waits is answered, and that lines stay up."""
        while True:
            if self.lease.was_frozen:
                self._give_all_up()
            self.lease.pulse()
            self.edge.overdue(trio.current_time())
            was_in_touch, self._in_touch = self._in_touch, self.lease.is_in_touch
            if was_in_touch and not self._in_touch:
                lines.cut_far(self._supervisor)
            if not self.lease.is_held:
                # Nobody can have told anything for a lease: the node counts alone.
                self.counts.forget_all()
            if self.counts.has_changed:
                self._wake()
            if trio.current_time() >= self._prolong_at:
                self._prolong_at = trio.current_time() + self.lease.seconds / 4
                await lines.prolong(self._supervisor, self.lease.awake_until)
            await trio.sleep(PULSE_TIME)

    # -- the right to act --------------------------------------------------------------------

    @property
    def lines_until(self) -> float:
        return self.lease.awake_until

    def refusal(self, actor: Actor, envelope: Envelope) -> RequestError | None:
        """As ``Backend.refusal``: while nobody can have taken the session, anything may be done.

        Later, what happens by itself still does; what is asked for has to wait, and what is decided
        already when it could not be saved.
        """
        if self.lease.was_frozen:
            self._give_all_up()
            return unavailable()
        if envelope.sender is None:
            return None
        if isinstance(envelope.event, ev.SignalSent):
            reachable = self.lease.is_in_touch or not lines.has_far_side(actor)
        elif isinstance(envelope.event, _DECIDING):
            reachable = self.lease.is_in_touch
        else:
            reachable = self.lease.is_held
        return None if reachable else unavailable()

    def lines_changed(self, actor: Actor) -> None:
        self.guests.lines_changed(actor)

    # -- sessions of other nodes -------------------------------------------------------------

    async def find(self, session_id: str) -> SessionHandle | None:
        return await self.finder.find(session_id)

    async def owned_elsewhere(self, owner: Owner) -> Sequence[SessionHandle]:
        return await self.finder.owned_elsewhere(owner)

    async def check_limits(self, owner: Owner) -> None:
        await self.finder.check_limits(owner)

    def hash_address(self, address: str) -> str:
        return self._seal.name_of(address)

    # -- saving ------------------------------------------------------------------------------

    def save(self, actor: Actor) -> Receipt | None:
        receipt = self.ledger.record(actor)
        if receipt is None:
            return None
        self._wake()
        if not self.lease.is_in_touch:
            self.ledger.wait_no_more()
        return receipt

    def delete(self, actor: Actor) -> None:
        self.ledger.strike(actor.session.session_id)
        self._wake()

    def hand_over(self, actor: Actor) -> bool:
        """As ``Backend.hand_over``: the node that is asked for it next continues the session."""
        if actor.session.state is not State.APPROVED:
            return False
        self.ledger.record(actor, handed=True)
        for seat in list(actor.seats.values()):
            if isinstance(seat.connection, FarConnection):
                seat.connection.close(1012, _RESTARTING)
        self._wake()
        return True

    async def _flush_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            try:
                await self._flush()
            except HubLost:
                self.ledger.wait_no_more()
                await trio.sleep(_RETRY_TIME)
                self._wake()

    async def _flush(self) -> None:
        async with self._flushing:
            if self.lease.was_frozen:
                self._give_all_up()
            if self.lease.is_in_touch:
                self.counts.tell()
            saves, sacks = self.ledger.pack(), self.post.pack()
            if not (saves or sacks):
                return
            flushed = await self._hub.flush(self.post.node, saves, sacks)
            self.lease.answered()
            self._settle(flushed.lost)
            self.post.is_sent()
        if self.ledger:
            self._wake()
        for gone in flushed.gone:
            self._bury(gone)

    def _settle(self, lost: frozenset[str]) -> None:
        for session_id in lost:
            actor = self._supervisor.find(session_id)
            if actor is not None:
                self._let_go(actor)
            self.ledger.lose(session_id)
        self.ledger.is_saved()

    # -- mail --------------------------------------------------------------------------------

    async def _fetch_forever(self) -> None:
        while True:
            node = self.post.node
            try:
                bodies = await self._hub.receive(node)
            except HubLost:
                await trio.sleep(_RETRY_TIME)
                continue
            if node == self.post.node and not self.lease.was_frozen:
                for body in bodies:
                    self._open(body)

    def _open(self, body: bytes) -> None:
        try:
            sender, content = self.post.open(body)
        except LostMail as loss:
            log.warning("mail from another node was lost; what went through it begins anew")
            self.post.send(loss.sender, Reset())
            self._part_from(loss.sender)
            self.counts.meet(loss.sender)
            return
        except (BrokenSeal, msgspec.DecodeError) as error:
            log.error("mail that cannot be read: %s", type(error).__name__)
            return
        for parcel in content:
            try:
                self._arrived(sender, parcel)
            except Exception as error:
                log_crash(log, "a parcel could not be dealt with", error)

    def _arrived(self, sender: str, parcel: Parcel) -> None:
        if isinstance(parcel, Reset):
            self.edge.lost_mail(sender)
            self._part_from(sender)
            self.counts.meet(sender)
        elif isinstance(parcel, Counted | Standing):
            self.counts.arrived(sender, parcel, trio.current_time())
        elif isinstance(parcel, Ask | Say | Left | Held):
            self.guests.arrived(sender, parcel)
        else:
            self.edge.arrived(sender, parcel)

    async def _meet_forever(self) -> None:
        """Know who else there is; and have the hub not forget what long stays as it is."""
        touch_at = trio.current_time() + KEEP_TIME / 30
        while True:
            if trio.current_time() >= touch_at:
                touch_at = trio.current_time() + KEEP_TIME / 30
                self.ledger.mark_all()
                self._wake()
            with suppress(HubLost):
                self.counts.meet_all(set(await self._hub.members()) - {self.post.node})
            await trio.sleep(MEET_TIME)

    def _bury(self, node: str) -> None:
        self._part_from(node)
        self.post.forget(node)
        self.counts.forget(node)

    def _part_from(self, node: str) -> None:
        self.edge.bury(node)
        self.guests.bury(node)
