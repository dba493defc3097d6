"""A coordinator in memory, for several nodes in one program, by the same rules as Redis."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import trio
from msgspec import Struct

from proxim.backends.redis.coordinator import (
    STREAM_BOUND,
    Claim,
    Claims,
    EncodedBatch,
    FlushReply,
    HeartbeatReply,
    Owned,
    Save,
)

_PATIENCE = 1.0


class _Entry(Struct):
    node: str
    owner: str
    epoch: int
    revision: int
    snapshot: bytes


class Memory:
    """What all nodes of the program have in common."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew, as Redis does without persistence."""
        self.name = secrets.token_hex(8)
        self.born = trio.current_time()
        self.leases: dict[str, tuple[bytes, float]] = {}
        self.sessions: dict[str, _Entry] = {}
        self.mail: dict[str, list[bytes]] = {}
        self.arrived = trio.Event()

    def lives(self, node: str) -> bool:
        """Whether the node's lease runs."""
        return node in self.leases and trio.current_time() < self.leases[node][1]


class MemoryCoordinator:
    """A node's way to a ``Memory``."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def heartbeat(
        self, node: str, about: bytes, lease: float, watched: Sequence[str]
    ) -> HeartbeatReply:
        """As ``Coordinator.heartbeat``."""
        await trio.lowlevel.checkpoint()
        memory, now = self._memory, trio.current_time()
        kept = memory.lives(node)
        memory.leases[node] = about, now + lease
        gone = frozenset(each for each in watched if not memory.lives(each))
        return HeartbeatReply(kept, memory.name, now - memory.born, gone)

    async def claim(self, node: str, session_ids: Sequence[str]) -> Claims:
        """As ``Coordinator.claim``."""
        await trio.lowlevel.checkpoint()
        found = [
            self._claim(node, session_id, entry)
            for session_id in session_ids
            if (entry := self._memory.sessions.get(session_id)) and entry.snapshot
        ]
        return Claims(self._memory.name, found)

    def _claim(self, node: str, session_id: str, entry: _Entry) -> Claim:
        if entry.node == node or not self._memory.lives(entry.node):
            entry.node, entry.epoch, entry.revision = node, entry.epoch + 1, 0
        return Claim(session_id, entry.node, entry.epoch, entry.snapshot)

    async def owned_by(self, owner: str) -> Owned:
        """As ``Coordinator.owned_by``."""
        await trio.lowlevel.checkpoint()
        session_ids = [
            session_id
            for session_id, entry in self._memory.sessions.items()
            if entry.owner == owner and entry.snapshot
        ]
        return Owned(self._memory.name, session_ids)

    async def flush(
        self, node: str, saves: Sequence[Save], batches: Sequence[EncodedBatch]
    ) -> FlushReply:
        """As ``Coordinator.flush``."""
        await trio.lowlevel.checkpoint()
        lost = frozenset(save.session_id for save in saves if not self._save(node, save))
        sent = batches if self._memory.lives(node) else ()
        gone = frozenset(batch.node for batch in sent if not self._send(batch))
        return FlushReply(lost, gone)

    def _save(self, node: str, save: Save) -> bool:
        entry = self._memory.sessions.get(save.session_id)
        if entry is None or entry.epoch < save.epoch:
            entry = self._memory.sessions[save.session_id] = _Entry(
                "", save.owner, save.epoch, 0, b""
            )
        elif entry.epoch > save.epoch:
            return False
        if save.revision > entry.revision:
            entry.node = "" if save.free or not save.snapshot else node
            entry.revision, entry.snapshot = save.revision, save.snapshot
        return True

    def _send(self, batch: EncodedBatch) -> bool:
        memory = self._memory
        if not memory.lives(batch.node):
            return False
        mail = memory.mail.setdefault(batch.node, [])
        mail.append(batch.body)
        del mail[:-STREAM_BOUND]
        memory.arrived.set()
        memory.arrived = trio.Event()
        return True

    async def receive(self, node: str) -> list[bytes]:
        """As ``Coordinator.receive``."""
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(_PATIENCE):
            while not self._memory.mail.get(node):
                await self._memory.arrived.wait()
        return self._memory.mail.pop(node, [])

    async def leave(self, node: str) -> None:
        """As ``Coordinator.leave``."""
        await trio.lowlevel.checkpoint()
        self._memory.leases.pop(node, None)
        self._memory.mail.pop(node, None)

    async def members(self) -> dict[str, tuple[bytes, float]]:
        """As ``Coordinator.members``."""
        await trio.lowlevel.checkpoint()
        now = trio.current_time()
        return {
            node: (about, until - now)
            for node, (about, until) in self._memory.leases.items()
            if self._memory.lives(node)
        }
