"""The registry: it finds sessions at all nodes, and takes over those that are free."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import trio
from msgspec import structs

from proxim.actors.actor import Actor
from proxim.actors.backend import SaveReceipt, SessionHandle
from proxim.actors.connection import Owner
from proxim.actors.log import session_extra
from proxim.actors.stats import RECORD_OUTDATED, RECORD_UNREADABLE
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.cipher import CannotDecrypt
from proxim.backends.redis.coordinator import Coordinator
from proxim.backends.redis.heartbeat import Heartbeat
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.records import STANDING, CoordinatorLost, Record
from proxim.backends.redis.remote_sessions import RemoteSession, RemoteSessions, unavailable
from proxim.backends.redis.write_queue import WriteQueue
from proxim.session.snapshot import InvalidSnapshot

log = logging.getLogger(__name__)

CLAIM_TIME = 2.0
"""Seconds that the save may take by which a session is taken over, before `unavailable`."""

_LOOKS = 3


class Registry:
    """Finds the sessions of all nodes, and takes over those that are free."""

    def __init__(
        self,
        supervisor: Supervisor,
        coordinator: Coordinator,
        heartbeat: Heartbeat,
        lease: Lease,
        bus: MessageBus,
        write_queue: WriteQueue,
        remote_sessions: RemoteSessions,
    ) -> None:
        self._supervisor = supervisor
        self._coordinator = coordinator
        self._heartbeat = heartbeat
        self._lease = lease
        self._bus = bus
        self._write_queue = write_queue
        self._remote_sessions = remote_sessions
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
        session_ids = [*await self._session_ids(owner), *await self._session_ids(owner, STANDING)]
        found = await self._find([each for each in session_ids if not self._supervisor.find(each)])
        self._check_settled()
        # A program that writes to Redis can list any session under any owner.
        return [each for each in found if not isinstance(each, Actor) and each.owner == owner]

    async def reserve(self, session_id: str) -> None:
        """Keep an id for a new session of this node; no other node can open it then.

        Raises ``Unavailable`` if the session exists at another node, or is being opened.
        """
        node, queue = self._bus.node, self._write_queue
        with trio.move_on_after(CLAIM_TIME):
            # An ended session of this id is still to be deleted from Redis.
            if (deleted := queue.deleting(session_id)) is not None:
                await deleted.wait()
        self._check_connected()
        self._check_settled(session_id)
        try:
            epoch = await self._coordinator.reserve(node, session_id)
        except CoordinatorLost:
            raise unavailable(session_id) from None
        if not epoch or node != self._bus.node:
            raise unavailable(session_id)
        queue.reserve(session_id, epoch)

    async def check_limits(self, owner: Owner, *, standing: bool) -> None:
        """Raise ``LimitReached`` if the owner may not open another session.

        A session that has ended at another node counts until it is swept there.
        """
        name, most = self._supervisor.limits.settings.for_owner(standing)
        if most <= 0:
            return
        ended = {
            actor.session.session_id
            for actor in self._supervisor.owned_by(owner)
            if actor.session.ended
        }
        session_ids = await self._session_ids(owner, STANDING if standing else "")
        if len(set(session_ids) - ended) >= most:
            raise self._supervisor.owner_refusal(name, most)

    async def _session_ids(self, owner: Owner, which: str = "") -> list[str]:
        self._check_connected()
        try:
            owned = await self._coordinator.owned_by(owner.hash + which)
        except CoordinatorLost:
            raise unavailable() from None
        self._check_dataset(owned.dataset)
        return owned.session_ids

    async def _find(self, session_ids: list[str]) -> list[SessionHandle]:
        """Return the sessions that exist. No two tasks look for the same one at a time."""
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
            claiming: dict[str, SaveReceipt] = {}
            for record in await self._look(session_ids):
                found = self._claim_or_reach(record)
                if isinstance(found, SaveReceipt):
                    claiming[record.session_id] = found
                elif found is not None:
                    handles.append(found)
            with trio.move_on_after(CLAIM_TIME):
                for receipt in claiming.values():
                    await receipt.wait()
            handles += [self._restore(each) for each in claiming if self._write_queue.owned(each)]
            session_ids = [each for each in claiming if not self._write_queue.owned(each)]
            if any(self._write_queue.claiming(each) for each in session_ids):
                break
        raise unavailable()

    async def _look(self, session_ids: list[str]) -> list[Record]:
        self._check_connected()
        node = self._bus.node
        try:
            records = await self._coordinator.look(session_ids)
        except CoordinatorLost:
            raise unavailable() from None
        self._lease.answered()
        self._check_dataset(records.dataset)
        if node != self._bus.node:
            raise unavailable()
        return records.found

    def _claim_or_reach(self, record: Record) -> SessionHandle | SaveReceipt | None:
        """Decide by its record in Redis how this node comes to a session without an actor here.

        - This node is about to claim it: return the receipt of that save.
        - The record is this node's: restore the session, or delete the record if it is outdated.
        - The session is free, or its node died: claim it, and return the receipt.
        - It is at another node: return a remote session.
        - Its snapshot cannot be read: log that, and return None.
        """
        session_id, queue = record.session_id, self._write_queue
        if (receipt := queue.claiming(session_id)) is not None:
            return receipt
        is_own = record.node == self._bus.node and not record.free
        if is_own and queue.owned(session_id):
            return self._restore(session_id)
        try:
            snapshot = queue.read(record)
        except (CannotDecrypt, InvalidSnapshot) as error:
            self._supervisor.stats.cluster_refusals[RECORD_UNREADABLE] += 1
            log.error("a session cannot be read: %s", error, extra=session_extra(session_id))
            return None
        owner = Owner(snapshot.uuid, snapshot.key_hash)
        is_free = record.free or not record.lives
        if is_own or (is_free and queue.has_ended(record)):
            # This node has ended the session, or refused to open it: the record is outdated.
            self._supervisor.stats.cluster_refusals[RECORD_OUTDATED] += 1
            queue.delete_outdated(record, snapshot, owner)
            return None
        if is_free:
            return queue.take_over(record, snapshot, owner)
        session = snapshot.restore(self._supervisor.terms, skew=queue.skew)
        return RemoteSession(self._remote_sessions, record.node, record.epoch, session, owner)

    def _restore(self, session_id: str) -> Actor:
        snapshot = self._write_queue.owned(session_id)
        assert snapshot is not None
        # The seats of the actor that is gone are empty now.
        vacant = structs.replace(snapshot, online=())
        session = vacant.restore(self._supervisor.terms, skew=self._write_queue.skew)
        owner = Owner(snapshot.uuid, snapshot.key_hash)
        return self._supervisor.restore(session, owner, handed=snapshot.handed)

    def _check_connected(self) -> None:
        if not self._lease.is_connected:
            raise unavailable()

    def _check_dataset(self, dataset: str) -> None:
        # Redis has forgotten everything since the last heartbeat: a session may only seem unknown.
        if dataset != self._heartbeat.dataset:
            raise unavailable()

    def _check_settled(self, session_id: str | None = None) -> None:
        if not self._heartbeat.is_settled:
            raise unavailable(session_id)
