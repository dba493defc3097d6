"""The member: a node as a part of the cluster.

It keeps the node's lease, saves the node's sessions in Redis, exchanges messages with other nodes,
and finds sessions on other nodes, or takes them over from a node that died.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import suppress

import msgspec
import trio

from proxim.actors.actor import Actor
from proxim.actors.crash import log_crash
from proxim.actors.directory import Directory
from proxim.actors.seat import Letter, Receipt
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis import lines
from proxim.backends.redis.bus import MessageBus, MessagesLost
from proxim.backends.redis.coordinator import (
    RETENTION_TIME,
    Coordinator,
    CoordinatorLost,
    HeartbeatReply,
)
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.registry import Registry
from proxim.backends.redis.remote_connections import Relay, RemoteConnection, RemoteConnections
from proxim.backends.redis.remote_sessions import RemoteSessions, unavailable
from proxim.backends.redis.rpc import (
    Counted,
    LeaveSeat,
    Message,
    Request,
    Reset,
    SendSignal,
    Standing,
)
from proxim.backends.redis.seal import BrokenSeal, Seal
from proxim.backends.redis.shared_limits import Shared, SharedLimits
from proxim.backends.redis.write_queue import WriteQueue
from proxim.protocol.errors import InvalidSetting, RequestError, Unavailable
from proxim.session import events as ev
from proxim.session.events import Terms

log = logging.getLogger(__name__)

HEARTBEAT_TIME = 0.5
"""Seconds between two signs of life."""

MEET_TIME = 2.0
"""Seconds between two looks at who else there is."""

PULSE_TIME = 0.25

PART_TIME = 3.0
"""Seconds in which a node that leaves hands over what it has."""

_DECIDING = (ev.GuestAsked, ev.HostDecided, ev.LinkRenewed, ev.CloseAsked)
_RETRY_TIME = 0.2
_RESTARTING = "the node is restarting; come again"
_ELSEWHERE = "the session is on another node now; come again"


class Member:
    """``about`` says what the others may know of this node, in JSON."""

    farewell = 1012, _RESTARTING

    def __init__(
        self,
        coordinator: Coordinator,
        supervisor: Supervisor,
        *,
        terms: Terms,
        seal: Seal,
        lease: float,
        about: Callable[[], dict[str, object]],
    ) -> None:
        self.lease = Lease(lease)
        self.write_queue = WriteQueue(seal)
        self.bus = MessageBus(seal, self._wake)
        self.limits = SharedLimits(self.bus)
        self.remote_sessions = RemoteSessions(self.bus, self.lease)
        self.name_of = seal.name_of
        self._coordinator = coordinator
        self._supervisor = supervisor
        self._about = about
        self._joined = False
        self._lag = 0.0
        self._connected = False
        self._extend_at = -math.inf
        self._work = trio.Event()
        self._flushing = trio.Lock()
        self.registry = Registry(
            coordinator,
            supervisor,
            terms,
            bus=self.bus,
            remote_sessions=self.remote_sessions,
            write_queue=self.write_queue,
            lease=self.lease,
        )
        self.remote_connections = RemoteConnections(
            self.bus, supervisor, self.write_queue.epoch, self.registry.find
        )
        self._nursery: trio.Nursery | None = None

    # -- its life ----------------------------------------------------------------------------

    @property
    def directory(self) -> Directory:
        """Where the cluster's sessions are."""
        return self.registry

    @property
    def trouble(self) -> str:
        """As ``Membership.trouble``."""
        return "" if self.lease.is_connected else "the cluster's Redis does not answer"

    async def run(
        self,
        relay: Relay,
        shared: Shared,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Be a member until cancelled. Started once the cluster knows this node.

        ``relay`` is how the router hands on a signal; ``shared`` is what all count together.
        Raises ``InvalidSetting`` if it cannot.
        """
        self.limits.share(shared)
        self.lease.note_running()
        try:
            await self._heartbeat()
        except CoordinatorLost as error:
            raise InvalidSetting(f"cluster: {error}") from None
        while not self.registry.is_settled:
            await trio.sleep(HEARTBEAT_TIME)
            await self._heartbeat()
        async with trio.open_nursery() as self._nursery:
            await self._nursery.start(self.remote_connections.run, relay)
            for task in (
                self._heartbeat_forever,
                self._flush_forever,
                self._fetch_forever,
                self._watch,
                self._meet_forever,
            ):
                self._nursery.start_soon(task)
            task_status.started()

    async def part(self) -> None:
        """Send what is left, and live no more."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()
        self.limits.part()
        with trio.move_on_after(PART_TIME):
            try:
                while self.write_queue or self.bus.pack():
                    await self._flush()
                await self._coordinator.leave(self.bus.node)
            except CoordinatorLost:
                log.warning("the node left without a word: the coordinator does not answer")

    def _wake(self) -> None:
        self._work.set()

    # -- the lease ---------------------------------------------------------------------------

    async def _heartbeat_forever(self) -> None:
        while True:
            with suppress(CoordinatorLost):
                await self._heartbeat()
            await trio.sleep(HEARTBEAT_TIME)

    async def _heartbeat(self) -> None:
        asked_at = trio.current_time()
        watched = sorted(
            self.remote_sessions.nodes | self.remote_connections.nodes | self.limits.others
        )
        node = self.bus.node
        reply = await self._coordinator.heartbeat(
            node, self._introduction(), self.lease.seconds, watched
        )
        self.lease.answered()
        self._lag = trio.current_time() - asked_at
        self.registry.dataset_age = reply.age
        forgot = reply.memory != self.registry.dataset
        # Where the coordinator was frozen, an earlier heartbeat may have come just before this one.
        kept = reply.kept and self.lease.is_held
        if node == self.bus.node and self._joined and kept and not forgot:
            self.lease.renew(asked_at)
            for gone in reply.gone:
                self._node_died(gone)
        else:
            await self._join(reply)

    def _introduction(self) -> bytes:
        own = {
            "lag": round(self._lag, 4),
            "waiting": len(self.write_queue),
            "lease": self.lease.seconds,
        }
        return msgspec.json.encode({**self._about(), **own})

    async def _join(self, reply: HeartbeatReply) -> None:
        """Begin, or begin anew after a break: others may have taken what they were asked for."""
        former = self.bus.node
        async with self._flushing:
            if self._joined:
                log.warning("the node was out of the cluster, and is back")
                self._begin_anew()
            asked_at = trio.current_time()
            node, about = self.bus.node, self._introduction()
            reply = await self._coordinator.heartbeat(node, about, self.lease.seconds, ())
            self.write_queue.mark_all()
            while saves := self.write_queue.pack():
                flushed = await self._coordinator.flush(self.bus.node, saves, ())
                self._settle(flushed.lost)
            self.registry.dataset, self.registry.dataset_age = reply.memory, reply.age
        self._joined = True
        self.lease.answered()
        self.lease.renew(asked_at)
        if former != node:
            # Not before: until it was saved anew, all that it had would have been free.
            with suppress(CoordinatorLost):
                await self._coordinator.leave(former)

    def _begin_anew(self) -> None:
        self._joined = False
        self.lease.end()
        self.remote_sessions.drop_node()
        self.remote_connections.drop_node()
        self.limits.forget_all()
        self.bus.rename()

    def _give_all_up(self) -> None:
        """The node was frozen: its sessions may be others' by now, and all goes on from there."""
        log.warning("the node was frozen for too long, and gives up its sessions")
        self.lease.note_running()
        self._begin_anew()
        for actor in self._supervisor.actors():
            self._let_go(actor)

    def _let_go(self, actor: Actor) -> None:
        connections = [seat.connection for seat in actor.seats.values()]
        self.write_queue.drop(actor.session.session_id)
        self._supervisor.abandon(actor, Unavailable)
        for connection in connections:
            connection.close(1012, _ELSEWHERE)

    async def _watch(self) -> None:
        """See that the node runs, that who waits is answered, and that lines stay up."""
        while True:
            if self.lease.was_suspended:
                self._give_all_up()
            self.lease.note_running()
            self.remote_sessions.expire_requests(trio.current_time())
            was_connected, self._connected = self._connected, self.lease.is_connected
            if was_connected and not self._connected:
                lines.cut_remote(self._supervisor)
            if not self.lease.is_held:
                # Nobody can have told anything for a lease: the node counts alone.
                self.limits.forget_all()
            if self.limits.has_changed:
                self._wake()
            if trio.current_time() >= self._extend_at:
                self._extend_at = trio.current_time() + self.lease.seconds / 4
                await lines.extend(self._supervisor, self.lease.running_until)
            await trio.sleep(PULSE_TIME)

    # -- as the tenure -----------------------------------------------------------------------

    @property
    def lines_until(self) -> float:
        """As ``Tenure.lines_until``."""
        return self.lease.running_until

    def refusal(self, actor: Actor, letter: Letter) -> RequestError | None:
        """As ``Tenure.refusal``: while nobody can have taken the session, anything may be done.

        Later, what happens by itself still does; what is asked for has to wait, and what is decided
        already when it could not be saved.
        """
        if self.lease.was_suspended:
            self._give_all_up()
            return unavailable()
        if letter.sender is None:
            return None
        if isinstance(letter.event, ev.Signalled):
            reachable = self.lease.is_connected or not lines.has_remote_side(actor)
        elif isinstance(letter.event, _DECIDING):
            reachable = self.lease.is_connected
        else:
            reachable = self.lease.is_held
        return None if reachable else unavailable()

    def lines_changed(self, actor: Actor) -> None:
        """A signal goes by way of this node, so no other need know."""

    # -- as the keeper -----------------------------------------------------------------------

    def keep(self, actor: Actor) -> Receipt | None:
        """As ``Keeper.keep``."""
        receipt = self.write_queue.record(actor)
        if receipt is None:
            return None
        self._wake()
        if not self.lease.is_connected:
            self.write_queue.release_waiting()
        return receipt

    def forget(self, actor: Actor) -> None:
        """As ``Keeper.forget``."""
        self.write_queue.delete(actor.session.session_id)
        self._wake()

    def hand_over(self, actor: Actor) -> bool:
        """As ``Keeper.hand_over``: whoever is asked for the session next goes on with it."""
        self.write_queue.record(actor, handed=True)
        for seat in list(actor.seats.values()):
            if isinstance(seat.connection, RemoteConnection):
                seat.connection.close(1012, _RESTARTING)
        self._wake()
        return True

    async def _flush_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            try:
                await self._flush()
            except CoordinatorLost:
                self.write_queue.release_waiting()
                await trio.sleep(_RETRY_TIME)
                self._wake()

    async def _flush(self) -> None:
        async with self._flushing:
            if self.lease.was_suspended:
                self._give_all_up()
            if self.lease.is_connected:
                self.limits.tell()
            saves, batches = self.write_queue.pack(), self.bus.pack()
            if not (saves or batches):
                return
            flushed = await self._coordinator.flush(self.bus.node, saves, batches)
            self.lease.answered()
            self._settle(flushed.lost)
            self.bus.mark_sent()
        if self.write_queue:
            self._wake()
        for gone in flushed.gone:
            self._node_died(gone)

    def _settle(self, lost: frozenset[str]) -> None:
        for session_id in lost:
            actor = self._supervisor.find(session_id)
            if actor is not None:
                self._let_go(actor)
            self.write_queue.drop(session_id)
        self.write_queue.mark_saved()

    # -- mail --------------------------------------------------------------------------------

    async def _fetch_forever(self) -> None:
        while True:
            node = self.bus.node
            try:
                bodies = await self._coordinator.receive(node)
            except CoordinatorLost:
                await trio.sleep(_RETRY_TIME)
                continue
            if node == self.bus.node and not self.lease.was_suspended:
                for body in bodies:
                    self._open(body)

    def _open(self, body: bytes) -> None:
        try:
            sender, content = self.bus.open(body)
        except MessagesLost as loss:
            log.warning("mail from another node was lost; what went through it begins anew")
            self.bus.send(loss.sender, Reset())
            self._reset_node(loss.sender)
            self.limits.meet(loss.sender)
            return
        except (BrokenSeal, msgspec.DecodeError) as error:
            log.error("mail that cannot be read: %s", type(error).__name__)
            return
        for message in content:
            try:
                self._arrived(sender, message)
            except Exception as error:
                log_crash(log, "a message could not be dealt with", error)

    def _arrived(self, sender: str, message: Message) -> None:
        if isinstance(message, Reset):
            self._reset_node(sender)
            self.limits.meet(sender)
        elif isinstance(message, Counted | Standing):
            self.limits.arrived(sender, message, trio.current_time())
        elif isinstance(message, Request | SendSignal | LeaveSeat):
            self.remote_connections.receive(sender, message)
        else:
            self.remote_sessions.receive(sender, message)

    async def _meet_forever(self) -> None:
        """Know who else there is; and have the coordinator not forget what long stays as it is."""
        touch_at = trio.current_time() + RETENTION_TIME / 30
        while True:
            if trio.current_time() >= touch_at:
                touch_at = trio.current_time() + RETENTION_TIME / 30
                self.write_queue.mark_all()
                self._wake()
            with suppress(CoordinatorLost):
                self.limits.meet_all(set(await self._coordinator.members()) - {self.bus.node})
            await trio.sleep(MEET_TIME)

    def _node_died(self, node: str) -> None:
        self._reset_node(node)
        self.bus.forget(node)
        self.limits.forget(node)

    def _reset_node(self, node: str) -> None:
        self.remote_sessions.drop_node(node)
        self.remote_connections.drop_node(node)
