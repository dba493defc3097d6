"""The registry: where each session is. A node that asks for a free session takes it over."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

import trio

from proxim.actors.actor import Actor
from proxim.actors.directory import Desk
from proxim.actors.pseudonym import about
from proxim.actors.seat import Owner
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import MessageBus
from proxim.backends.redis.coordinator import Claim, Coordinator, CoordinatorLost
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.remote_sessions import RemoteSession, RemoteSessions, unavailable
from proxim.backends.redis.seal import BrokenSeal
from proxim.backends.redis.write_queue import WriteQueue
from proxim.protocol.errors import LimitReached
from proxim.session.events import Terms
from proxim.session.snapshot import InvalidSnapshot, Snapshot

log = logging.getLogger(__name__)

SETTLE_TIME = 2.0
"""Seconds for nodes to write back what Redis has forgotten; no session is unknown before."""


class Registry:
    """The directory of a cluster.

    ``dataset`` names what Redis remembers, and ``dataset_age`` is its age in seconds, by the last
    reply that this node had.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        supervisor: Supervisor,
        terms: Terms,
        *,
        bus: MessageBus,
        remote_sessions: RemoteSessions,
        write_queue: WriteQueue,
        lease: Lease,
    ) -> None:
        self.dataset = ""
        self.dataset_age = 0.0
        self._coordinator = coordinator
        self._supervisor = supervisor
        self._terms = terms
        self._bus = bus
        self._remote_sessions = remote_sessions
        self._write_queue = write_queue
        self._lease = lease
        self._finding: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)

    @property
    def is_settled(self) -> bool:
        """Whether what the coordinator does not know is nowhere."""
        return self.dataset_age >= SETTLE_TIME

    async def find(self, session_id: str) -> Desk | None:
        """As ``Directory.find``."""
        found = await self._find([session_id])
        if not found and not self.is_settled:
            raise unavailable(session_id)
        return found[0] if found else None

    async def owned_by(self, owner: Owner) -> Sequence[Desk]:
        """As ``Directory.owned_by``."""
        here: Sequence[Desk] = self._supervisor.owned_by(owner)
        session_ids = await self._session_ids(owner)
        known = {desk.session.session_id for desk in here}
        elsewhere = await self._find([each for each in session_ids if each not in known])
        if not self.is_settled:
            raise unavailable()
        return sorted([*here, *elsewhere], key=lambda desk: desk.session.created_at)

    async def check_room(self, owner: Owner) -> None:
        """As ``Directory.check_room``: ended ones on other nodes count until their sweep."""
        most = self._supervisor.quotas.sessions_per_owner
        if most <= 0:
            return
        ended = {
            actor.session.session_id
            for actor in self._supervisor.owned_by(owner)
            if actor.session.ended
        }
        if len(set(await self._session_ids(owner)) - ended) >= most:
            self._supervisor.census.refusals["sessions_per_owner"] += 1
            raise LimitReached(
                f"{most} sessions are open for this uuid and key: close one (sessions_per_owner)"
            )

    async def _session_ids(self, owner: Owner) -> list[str]:
        self._check_reach()
        try:
            memory, session_ids = await self._coordinator.owned_by(owner.name)
        except CoordinatorLost:
            raise unavailable() from None
        self._check_memory(memory)
        return session_ids

    async def _find(self, session_ids: list[str]) -> list[Desk]:
        """Where they are reached. One at a time looks for a session, and may take it over."""
        locks = [self._finding[session_id] for session_id in sorted(session_ids)]
        for lock in locks:
            await lock.acquire()
        try:
            desks: list[Desk] = []
            missing = []
            for session_id in session_ids:
                actor = self._supervisor.find(session_id)
                desks.append(actor) if actor is not None else missing.append(session_id)
            return [*desks, *(await self._claim(missing) if missing else ())]
        finally:
            for session_id, lock in zip(sorted(session_ids), locks, strict=True):
                lock.release()
                if not lock.statistics().tasks_waiting:
                    self._finding.pop(session_id, None)

    async def _claim(self, session_ids: list[str]) -> list[Desk]:
        self._check_reach()
        node = self._bus.node
        try:
            memory, claims = await self._coordinator.claim(node, session_ids)
        except CoordinatorLost:
            raise unavailable() from None
        self._lease.answered()
        self._check_memory(memory)
        if node != self._bus.node:
            raise unavailable()
        return [desk for claim in claims if (desk := self._desk(claim)) is not None]

    def _desk(self, claim: Claim) -> Desk | None:
        try:
            kept = self._write_queue.read(claim.session_id, claim.snapshot)
        except (BrokenSeal, InvalidSnapshot) as error:
            log.error("a session cannot be read: %s", error, extra=about(claim.session_id))
            return None
        session = kept.restore(self._terms, skew=self._write_queue.skew)
        owner = Owner(kept.uuid, kept.key_hash)
        if claim.node != self._bus.node:
            return RemoteSession(self._remote_sessions, claim.node, claim.epoch, session, owner)
        return self._take_over(claim, kept, owner)

    def _take_over(self, claim: Claim, kept: Snapshot, owner: Owner) -> Actor:
        self._write_queue.adopt(kept, owner, claim.epoch)
        session = kept.restore(self._terms, skew=self._write_queue.skew)
        session.online = frozenset()
        return self._supervisor.bring_back(session, owner, handed=kept.handed)

    def _check_memory(self, memory: str) -> None:
        # It has forgotten everything since this node last heard from it.
        if memory != self.dataset:
            raise unavailable()

    def _check_reach(self) -> None:
        if not self._lease.is_connected:
            raise unavailable()
