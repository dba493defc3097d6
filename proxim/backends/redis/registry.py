"""The registry: it finds sessions at all nodes, and takes over those that are free."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from proxim.actors.actor import Actor
from proxim.actors.backend import Backend, SessionHandle
from proxim.actors.log import session_extra
from proxim.actors.seat import Owner, Receipt
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.coordinator import CoordinatorLost, Record
from proxim.backends.redis.heartbeat import Heartbeat
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.redis_coordinator import Coordinator
from proxim.backends.redis.remote_sessions import RemoteSession, RemoteSessions, unavailable
from proxim.backends.redis.seal import BrokenSeal
from proxim.backends.redis.write_queue import WriteQueue
from proxim.protocol.errors import LimitReached
from proxim.session.snapshot import InvalidSnapshot

log = logging.getLogger(__name__)

TAKE_TIME = 2.0
"""Seconds that the save may take by which a session is taken over, before `unavailable`."""

_LOOKS = 3


class Registry(Backend):
    """The part of the backend that finds a cluster's sessions, and takes over those that are free.

    ``RedisBackend`` sets the other parts of a member, with which this works.
    """

    bus: MessageBus
    heartbeat: Heartbeat
    lease: Lease
    remote_sessions: RemoteSessions
    write_queue: WriteQueue

    def __init__(self, supervisor: Supervisor, coordinator: Coordinator) -> None:
        super().__init__(supervisor)
        self._coordinator = coordinator
        self._finding: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)

    async def find(self, session_id: str) -> SessionHandle | None:
        """Return a session, here or at another node. Raises ``Unavailable``."""
        found = await self._find([session_id])
        if not found:
            self._check_settled(session_id)
        return found[0] if found else None

    async def owned_elsewhere(self, owner: Owner) -> Sequence[SessionHandle]:
        """Return an owner's sessions at other nodes; take over those that are free.

        Raises ``Unavailable``.
        """
        session_ids = await self._session_ids(owner)
        found = await self._find([each for each in session_ids if not self._supervisor.find(each)])
        self._check_settled()
        # A program that writes to Redis can list any session under any owner.
        return [each for each in found if not isinstance(each, Actor) and each.owner == owner]

    async def check_limits(self, owner: Owner) -> None:
        """Raise ``LimitReached`` if the owner may not open another session.

        A session that has ended at another node counts until it is swept there.
        """
        most = self._supervisor.limits.settings.sessions_per_owner
        if most <= 0:
            return
        ended = {
            actor.session.session_id
            for actor in self._supervisor.owned_by(owner)
            if actor.session.ended
        }
        if len(set(await self._session_ids(owner)) - ended) >= most:
            self._supervisor.stats.refusals["sessions_per_owner"] += 1
            raise LimitReached(
                f"{most} sessions are open for this uuid and key: close one (sessions_per_owner)"
            )

    async def _session_ids(self, owner: Owner) -> list[str]:
        self._check_connected()
        try:
            owned = await self._coordinator.owned_by(owner.hash)
        except CoordinatorLost:
            raise unavailable() from None
        self._check_dataset(owned.dataset)
        return owned.session_ids

    async def _find(self, session_ids: list[str]) -> list[SessionHandle]:
        """Return the sessions that exist. A lock has each looked for once at a time."""
        async with AsyncExitStack() as stack:
            for session_id in sorted(session_ids):
                await stack.enter_async_context(self._locked(session_id))
            handles: list[SessionHandle] = []
            missing = []
            for session_id in session_ids:
                actor = self._supervisor.find(session_id)
                handles.append(actor) if actor is not None else missing.append(session_id)
            return [*handles, *await self._find_elsewhere(missing)]

    @asynccontextmanager
    async def _locked(self, session_id: str) -> AsyncIterator[None]:
        lock = self._finding[session_id]
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._finding.pop(session_id, None)

    async def _find_elsewhere(self, session_ids: list[str]) -> list[SessionHandle]:
        """Return sessions without an actor here; take over those that are free.

        Where another node takes one over first, look again.
        """
        handles: list[SessionHandle] = []
        for _ in range(_LOOKS):
            if not session_ids:
                return handles
            taking: dict[str, Receipt] = {}
            for record in await self._look(session_ids):
                handle = self._handle_of(record)
                if isinstance(handle, Receipt):
                    taking[record.session_id] = handle
                elif handle is not None:
                    handles.append(handle)
            with trio.move_on_after(TAKE_TIME):
                for receipt in taking.values():
                    await receipt.wait()
            handles += [self._restore(each) for each in taking if self.write_queue.owned(each)]
            session_ids = [each for each in taking if not self.write_queue.owned(each)]
            if any(self.write_queue.taking(each) for each in session_ids):
                break
        raise unavailable()

    async def _look(self, session_ids: list[str]) -> list[Record]:
        self._check_connected()
        node = self.bus.node
        try:
            records = await self._coordinator.look(session_ids)
        except CoordinatorLost:
            raise unavailable() from None
        self.lease.answered()
        self._check_dataset(records.dataset)
        if node != self.bus.node:
            raise unavailable()
        return records.found

    def _handle_of(self, record: Record) -> SessionHandle | Receipt | None:
        """Return a handle on a session, or the receipt of the save that takes it over."""
        session_id, queue = record.session_id, self.write_queue
        if (receipt := queue.taking(session_id)) is not None:
            return receipt
        is_own = record.node == self.bus.node and not record.free
        if is_own and queue.owned(session_id):
            return self._restore(session_id)
        try:
            snapshot = queue.read(record)
        except (BrokenSeal, InvalidSnapshot) as error:
            log.error("a session cannot be read: %s", error, extra=session_extra(session_id))
            return None
        owner = Owner(snapshot.uuid, snapshot.key_hash)
        is_free = record.free or not record.lives
        if is_own or (is_free and queue.has_ended(record)):
            # This node has ended the session, or refused to open it: the record is outdated.
            queue.bury(record, owner)
            return None
        if is_free:
            return queue.take_over(record, snapshot, owner)
        session = snapshot.restore(self._supervisor.terms, skew=queue.skew)
        return RemoteSession(self.remote_sessions, record.node, record.epoch, session, owner)

    def _restore(self, session_id: str) -> Actor:
        snapshot = self.write_queue.owned(session_id)
        assert snapshot is not None
        session = snapshot.restore(self._supervisor.terms, skew=self.write_queue.skew)
        session.online = frozenset()
        owner = Owner(snapshot.uuid, snapshot.key_hash)
        return self._supervisor.restore(session, owner, handed=snapshot.handed)

    def _check_connected(self) -> None:
        if not self.lease.is_connected:
            raise unavailable()

    def _check_dataset(self, dataset: str) -> None:
        # Redis has forgotten everything since the last heartbeat: a session may only seem unknown.
        if dataset != self.heartbeat.dataset:
            raise unavailable()

    def _check_settled(self, session_id: str | None = None) -> None:
        if not self.heartbeat.is_settled:
            raise unavailable(session_id)
