"""The Redis backend: it composes what makes a node a member of a cluster.

The heartbeat keeps the lease, the write queue what Redis does not have yet, the message bus what
other nodes are to be sent, the registry finds sessions. Here stands what these do together.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import trio

from proxim.actors.actor import Actor
from proxim.actors.backend import Backend, SaveReceipt, SessionHandle, boot_of
from proxim.actors.connection import Owner
from proxim.actors.inbox import Envelope
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis import rights, rpc
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.cipher import ClusterCipher
from proxim.backends.redis.coordinator import Coordinator
from proxim.backends.redis.heartbeat import Heartbeat
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.records import CoordinatorLost, OtherLayout
from proxim.backends.redis.registry import Registry
from proxim.backends.redis.remote_connections import RemoteConnection, RemoteConnections
from proxim.backends.redis.remote_sessions import RemoteSessions, unavailable
from proxim.backends.redis.shared_limits import SharedLimits
from proxim.backends.redis.write_queue import WriteQueue
from proxim.protocol.errors import InvalidSetting, RequestError, Unavailable
from proxim.session.state import State

log = logging.getLogger(__name__)

WATCH_TIME = 0.25
"""Seconds between two looks at the lease, overdue requests and changed counts."""

LEAVE_TIME = 3.0
"""Seconds for a node that leaves to hand its sessions over."""

_RETRY_TIME = 0.2
_RESTARTING = "the node is restarting; come again"


class RedisBackend(Backend):
    """Keeps the sessions of one node in Redis, by the right of its lease.

    ``describe_node`` returns what other nodes and people may know of this node, as JSON types.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        coordinator: Coordinator,
        *,
        cipher: ClusterCipher,
        lease: float,
        describe_node: Callable[[], dict[str, object]],
    ) -> None:
        super().__init__(supervisor)
        self._coordinator = coordinator
        self._cipher = cipher
        self._work = trio.Event()
        self._flushing = trio.Lock()
        self._scope = trio.CancelScope()
        self._joining_as = ""
        self._former: list[str] = []
        self.lease = Lease(lease)
        self.write_queue = WriteQueue(cipher, self._wake)
        self.bus = MessageBus(cipher, self._wake, self._handle, supervisor.stats)
        self.limits = SharedLimits(supervisor.limits.by_name(), self._wake)
        self.heartbeat = Heartbeat(
            coordinator,
            self.lease,
            self.limits,
            lambda: {**describe_node(), "waiting": len(self.write_queue)},
        )
        self.remote_sessions = RemoteSessions(self.bus, self.lease)
        self.registry = Registry(
            supervisor,
            coordinator,
            self.heartbeat,
            self.lease,
            self.bus,
            self.write_queue,
            self.remote_sessions,
        )
        self.remote_connections = RemoteConnections(
            self.bus, supervisor, self.write_queue.epoch, self.registry.find
        )

    # -- membership --------------------------------------------------------------------------

    @property
    def close_reason(self) -> tuple[int, str]:
        return 1012, _RESTARTING

    @property
    def trouble(self) -> str:
        return "" if self.lease.is_connected else "the cluster's Redis does not answer"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._coordinator.opened())
            except CoordinatorLost as error:
                raise InvalidSetting(f"cluster: {error}") from None
            yield

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.write_queue.note_clock()
        try:
            await self._send_heartbeat()
            while not self.heartbeat.is_settled:
                await self.heartbeat.wait()
                await self._send_heartbeat()
        except CoordinatorLost as error:
            raise InvalidSetting(f"cluster: {error}") from None
        self.lease.note_running()
        with self._scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.remote_connections.run)
                for task in (
                    self._heartbeat_forever,
                    self._flush_forever,
                    self._receive_forever,
                    self._watch,
                    self.write_queue.mark_all_forever,
                ):
                    nursery.start_soon(task)
                task_status.started()

    async def leave(self) -> None:
        self._scope.cancel()
        with trio.move_on_after(LEAVE_TIME):
            try:
                while self.write_queue or self.bus.pack():
                    await self._flush()
                await self._coordinator.leave(self.bus.node)
            except CoordinatorLost:
                log.warning("Redis does not answer; the lease of this node has to run out")

    # -- the lease ---------------------------------------------------------------------------

    async def _heartbeat_forever(self) -> None:
        while True:
            try:
                await self._send_heartbeat()
            except OtherLayout as error:
                log.error("the node is out of the cluster: %s", error)
                await trio.sleep(self.lease.seconds)
            except CoordinatorLost:
                pass
            await self.heartbeat.wait()

    async def _send_heartbeat(self) -> None:
        node = self.bus.node
        # Before Redis is asked: a node that joins meanwhile may be missing from the reply.
        known = self.remote_sessions.nodes | self.remote_connections.nodes | self.bus.nodes
        heard = await self.heartbeat.send(node)
        if not heard.lease_held or node != self.bus.node:
            await self._join()
            return
        self.heartbeat.renew(heard)
        self._boot = boot_of(heard.dataset.encode())
        for dead in known - self.heartbeat.living:
            self._reset_node(dead)
            self.bus.forget(dead)

    async def _join(self) -> None:
        """Begin, or begin again after a break: other nodes may have taken sessions over."""
        async with self._flushing:
            if self.heartbeat.dataset and self.lease.was_suspended:
                self._give_up_all()
            elif self.heartbeat.dataset:
                log.warning("the node was out of the cluster, and is back")
                self._begin_again()
            elif self._joining_as == self.bus.node:
                # A node that has met this id may believe that it has died.
                self._former.append(self.bus.rename())
            self._joining_as = self.bus.node
            # The process runs, and knows it, though it holds no lease.
            self.lease.note_running()
            node = self.bus.node
            heard = await self.heartbeat.send(node)
            self.write_queue.mark_all()
            while saves := self.write_queue.pack(node):
                self._finish_flush(await self._coordinator.flush(node, saves, ()))
            if node != self.bus.node:
                return  # The process was suspended meanwhile; the next heartbeat joins again.
            self.heartbeat.renew(heard)
            self._boot = boot_of(heard.dataset.encode())
            self.limits.count_all()
        self._wake()
        # Only now: until all is saved under the new node id, other nodes could take it over.
        with suppress(CoordinatorLost):
            while self._former:
                await self._coordinator.leave(self._former[-1])
                self._former.pop()

    def _begin_again(self) -> None:
        self.heartbeat.end()
        self.remote_sessions.drop_node()
        self.remote_connections.drop_node()
        self.limits.forget()
        self._former.append(self.bus.rename())

    def _give_up_all(self) -> None:
        """The process was suspended for so long that other nodes may own its sessions."""
        log.warning("the process was suspended for too long, and gives up its sessions")
        self.lease.note_running()
        self._begin_again()
        for actor in self._supervisor.actors():
            self._give_up(actor)

    def _give_up(self, actor: Actor) -> None:
        connections = [seat.connection for seat in actor.seats.values()]
        self.write_queue.drop(actor.session.session_id)
        self._supervisor.release(actor, Unavailable)
        for connection in connections:
            connection.close(1012, "the session is on another node now; come again")

    async def _watch(self) -> None:
        """Note that the process runs, refuse overdue requests, flush changed counts."""
        while True:
            if self.lease.was_suspended:
                self._give_up_all()
            self.lease.note_running()
            self.remote_sessions.expire_requests(trio.current_time())
            if not self.lease.is_held:
                self.limits.forget()
            if self.limits.has_changed or self.bus.has_next:
                self._wake()
            await trio.sleep(WATCH_TIME)

    # -- the right to act --------------------------------------------------------------------

    def line_until(self, actor: Actor) -> float:
        return rights.line_until(self.lease, actor)

    def verify_right(self, actor: Actor, envelope: Envelope) -> RequestError | None:
        if self.lease.was_suspended:
            self._give_up_all()
            return unavailable()
        return None if rights.may_act(self.lease, actor, envelope) else unavailable()

    async def find(self, session_id: str) -> SessionHandle | None:
        return await self.registry.find(session_id)

    async def owned_elsewhere(self, owner: Owner) -> Sequence[SessionHandle]:
        return await self.registry.owned_elsewhere(owner)

    async def reserve(self, session_id: str) -> None:
        await self.registry.reserve(session_id)

    async def check_limits(self, owner: Owner, *, standing: bool) -> None:
        await self.registry.check_limits(owner, standing=standing)

    def hash_address(self, address: str) -> str:
        return self._cipher.name_of(address)

    # -- saving ------------------------------------------------------------------------------

    def save(self, actor: Actor) -> SaveReceipt | None:
        receipt = self.write_queue.add(actor)
        if receipt is not None and not self.lease.is_connected:
            self.write_queue.release_waiting()  # Redis is silent: only commitments may wait.
        return receipt

    def delete(self, actor: Actor) -> None:
        self.write_queue.delete(actor.session.session_id)
        self.remote_connections.session_removed(actor.session.session_id)

    def hand_over(self, actor: Actor) -> bool:
        """Set an approved session free: the first node that is asked for it takes it over."""
        if actor.session.state is not State.APPROVED:
            return False
        self.write_queue.add(actor, handed=True)
        for seat in list(actor.seats.values()):
            if isinstance(seat.connection, RemoteConnection):
                seat.connection.close(1012, _RESTARTING)
        return True

    # -- what goes to Redis ------------------------------------------------------------------

    def _wake(self) -> None:
        self._work.set()

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
                self._give_up_all()
            node = self.bus.node
            saves, batches = self.write_queue.pack(node), self.bus.pack()
            counts = self.limits.pack() if self.lease.is_connected else None
            if not (saves or batches or counts):
                return
            lost = await self._coordinator.flush(node, saves, batches, counts)
            self.lease.answered()
            self._finish_flush(lost)
            self.bus.mark_sent()
            if counts is not None:
                self.limits.mark_sent()

    def _finish_flush(self, lost: frozenset[str]) -> None:
        for session_id in lost:
            if (actor := self._supervisor.find(session_id)) is not None:
                self._give_up(actor)
            self.write_queue.drop(session_id)
        self.write_queue.mark_saved()

    # -- what comes from other nodes ---------------------------------------------------------

    async def _receive_forever(self) -> None:
        while True:
            node = self.bus.node
            try:
                bodies = await self._coordinator.receive(node)
            except CoordinatorLost:
                await trio.sleep(_RETRY_TIME)
                continue
            if node == self.bus.node and not self.lease.was_suspended:
                for body in bodies:
                    self.bus.receive(body) if body else self.heartbeat.request()

    def _handle(self, sender: str, message: rpc.Handled) -> None:
        if isinstance(message, rpc.Reset):
            self._reset_node(sender)
        elif isinstance(message, rpc.ToSession):
            self.remote_connections.receive(sender, message)
        else:
            self.remote_sessions.receive(sender, message)

    def _reset_node(self, node: str) -> None:
        self.remote_sessions.drop_node(node)
        self.remote_connections.drop_node(node)
