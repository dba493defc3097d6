"""The finder: where a session is, on whatever node; who is asked for one that is free takes it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

import trio

from proxim.actors.actor import Actor
from proxim.actors.backend import SessionHandle
from proxim.actors.log import session_extra
from proxim.actors.seat import Owner
from proxim.actors.supervisor import Supervisor
from proxim.backends.redis.bus import Post
from proxim.backends.redis.coordinator import Claim, Hub, HubLost
from proxim.backends.redis.edge import Edge
from proxim.backends.redis.lease import Lease
from proxim.backends.redis.remote_sessions import FarSession, unavailable
from proxim.backends.redis.seal import BrokenSeal
from proxim.backends.redis.write_queue import Ledger
from proxim.protocol.errors import LimitReached
from proxim.session.snapshot import InvalidSnapshot, Snapshot

log = logging.getLogger(__name__)

SETTLE_TIME = 2.0
"""Seconds in which nodes write back what a hub has forgotten; until then nothing is unknown."""


class Finder:
    """The directory of a cluster.

    ``hub_memory`` is the name of what the hub remembers, and ``hub_age`` for how many seconds it
    has done so, as this node last heard.
    """

    def __init__(
        self,
        hub: Hub,
        supervisor: Supervisor,
        *,
        post: Post,
        edge: Edge,
        ledger: Ledger,
        lease: Lease,
    ) -> None:
        self.hub_memory = ""
        self.hub_age = 0.0
        self._hub = hub
        self._supervisor = supervisor
        self._post = post
        self._edge = edge
        self._ledger = ledger
        self._lease = lease
        self._finding: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)

    @property
    def is_settled(self) -> bool:
        """Whether what the hub does not know is nowhere."""
        return self.hub_age >= SETTLE_TIME

    async def find(self, session_id: str) -> SessionHandle | None:
        """As ``Backend.find``."""
        found = await self._find([session_id])
        if not found and not self.is_settled:
            raise unavailable(session_id)
        return found[0] if found else None

    async def owned_elsewhere(self, owner: Owner) -> Sequence[SessionHandle]:
        """As ``Backend.owned_elsewhere``; those that were free are on this node afterwards."""
        session_ids = await self._session_ids(owner)
        found = await self._find([each for each in session_ids if not self._supervisor.find(each)])
        if not self.is_settled:
            raise unavailable()
        return [handle for handle in found if not isinstance(handle, Actor)]

    async def check_limits(self, owner: Owner) -> None:
        """As ``Backend.check_limits``: ended ones on other nodes count until their sweep."""
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
        self._check_reach()
        try:
            memory, session_ids = await self._hub.owned_by(owner.hash)
        except HubLost:
            raise unavailable() from None
        self._check_memory(memory)
        return session_ids

    async def _find(self, session_ids: list[str]) -> list[SessionHandle]:
        """Where they are reached. One at a time looks for a session, and may take it over."""
        locks = [self._finding[session_id] for session_id in sorted(session_ids)]
        for lock in locks:
            await lock.acquire()
        try:
            desks: list[SessionHandle] = []
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

    async def _claim(self, session_ids: list[str]) -> list[SessionHandle]:
        self._check_reach()
        node = self._post.node
        try:
            memory, claims = await self._hub.claim(node, session_ids)
        except HubLost:
            raise unavailable() from None
        self._lease.answered()
        self._check_memory(memory)
        if node != self._post.node:
            raise unavailable()
        return [desk for claim in claims if (desk := self._desk(claim)) is not None]

    def _desk(self, claim: Claim) -> SessionHandle | None:
        try:
            kept = self._ledger.read(claim.session_id, claim.snapshot)
        except (BrokenSeal, InvalidSnapshot) as error:
            log.error("a session cannot be read: %s", error, extra=session_extra(claim.session_id))
            return None
        session = kept.restore(self._supervisor.terms, skew=self._ledger.skew)
        owner = Owner(kept.uuid, kept.key_hash)
        if claim.node != self._post.node:
            return FarSession(self._edge, claim.node, claim.epoch, session, owner)
        return self._take_over(claim, kept, owner)

    def _take_over(self, claim: Claim, kept: Snapshot, owner: Owner) -> Actor:
        self._ledger.adopt(kept, owner, claim.epoch)
        session = kept.restore(self._supervisor.terms, skew=self._ledger.skew)
        session.online = frozenset()
        return self._supervisor.restore(session, owner, handed=kept.handed)

    def _check_memory(self, memory: str) -> None:
        # It has forgotten everything since this node last heard from it.
        if memory != self.hub_memory:
            raise unavailable()

    def _check_reach(self) -> None:
        if not self._lease.is_in_touch:
            raise unavailable()
