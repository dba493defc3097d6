"""The write queue: the sessions that this node owns, and which of their changes Redis lacks."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio
from msgspec import Struct

from proxim.actors.actor import Actor
from proxim.actors.backend import SaveReceipt
from proxim.actors.connection import Owner
from proxim.backends.redis.cipher import ClusterCipher
from proxim.backends.redis.records import RETENTION_TIME, STANDING, Record, Save
from proxim.clock import now
from proxim.protocol.errors import Unavailable
from proxim.protocol.messages import Reason
from proxim.session import snapshot
from proxim.session.snapshot import InvalidSnapshot, Snapshot

SAVES_AT_ONCE = 500
"""Sessions in one flush at most."""

MOST_ENDED = 65_536
"""Ended sessions whose epochs are kept, about 10 MB. The oldest goes first."""


MOST_RESERVED = 1000
"""Reserved ids whose sessions were not opened, since a limit was reached meanwhile."""


class _Entry(Struct):
    """One session of this node: what Redis has of it, and what is to be saved."""

    owner: str
    epoch: int = 1
    revision: int = 0
    snapshot: Snapshot | None = None
    saved: Snapshot | None = None
    """The snapshot in Redis, by which another node would take the session over."""
    is_known: bool = False
    """Whether Redis knows the session at all."""
    is_free: bool = False
    is_deleted: bool = False
    is_claiming: bool = False
    """Whether the save is under way by which this node takes the session over."""


class WriteQueue:
    """Knows which changes of this node's sessions are not in Redis yet, and who waits for them.

    ``wake`` asks for a flush. ``skew`` is wall-clock time less that of ``clock.now``, in seconds.
    """

    def __init__(self, cipher: ClusterCipher, wake: Callable[[], None]) -> None:
        self.skew = 0.0
        self._cipher = cipher
        self._wake = wake
        self._entries: dict[str, _Entry] = {}
        self._dirty: dict[str, list[SaveReceipt]] = {}
        self._packed: dict[str, list[SaveReceipt]] = {}
        self._packed_snapshots: dict[str, Snapshot | None] = {}
        self._ended: dict[str, int] = {}
        self._reserved: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many sessions have changes that Redis lacks."""
        return len(self._dirty) + len(self._packed)

    def note_clock(self) -> None:
        """Fix the skew. It is taken once, so that a clock that is set later changes no deadline."""
        self.skew = time.time() - now()

    def epoch(self, session_id: str) -> int:
        """Return the epoch in which this node owns a session, or 0 if it does not."""
        entry = self._entries.get(session_id)
        return entry.epoch if entry is not None else 0

    def owned(self, session_id: str) -> Snapshot | None:
        """Return the snapshot of a session that is this node's and has not ended."""
        entry = self._entries.get(session_id)
        return None if entry is None or entry.is_claiming or entry.is_deleted else entry.snapshot

    def claiming(self, session_id: str) -> SaveReceipt | None:
        """Return a receipt of the save by which this node claims a session, if it does."""
        entry = self._entries.get(session_id)
        if entry is None or not entry.is_claiming:
            return None
        return self._receipt_for(session_id)

    def deleting(self, session_id: str) -> SaveReceipt | None:
        """Return a receipt of the save that deletes a session of this node, if there is one."""
        entry = self._entries.get(session_id)
        return self._receipt_for(session_id) if entry is not None and entry.is_deleted else None

    def _receipt_for(self, session_id: str) -> SaveReceipt:
        queued = self._dirty if session_id in self._dirty else self._packed
        queued[session_id].append(receipt := SaveReceipt())
        return receipt

    def reserve(self, session_id: str, epoch: int) -> None:
        """Note the epoch in which this node opens a session whose id it has reserved."""
        self._reserved[session_id] = epoch
        if len(self._reserved) > MOST_RESERVED:
            del self._reserved[next(iter(self._reserved))]

    def read(self, record: Record) -> Snapshot:
        """Decode a session's snapshot. Raises ``CannotDecrypt`` and ``InvalidSnapshot``."""
        found = snapshot.decode(self._cipher.decrypt(record.snapshot, _bound_to(*record[:5])))
        if found.session_id != record.session_id:
            raise InvalidSnapshot("it is the snapshot of another session")
        return found

    def has_ended(self, record: Record) -> bool:
        """Return whether this node has ended the session of a record in its epoch or a later one.

        Then somebody has put an older record back, or Redis has restored it.
        """
        return record.epoch <= self._ended.get(record.session_id, 0)

    # -- changes -----------------------------------------------------------------------------

    def take_over(self, record: Record, saved: Snapshot, owner: Owner) -> SaveReceipt:
        """Queue the save by which this node takes a session over, unless another is faster."""
        self.drop(record.session_id)
        name = _list_of(owner, saved.standing)
        entry = _Entry(name, record.epoch + 1, snapshot=saved, saved=saved)
        entry.is_known = entry.is_claiming = True
        self._entries[record.session_id] = entry
        return self._mark(record.session_id, entry)

    def delete_outdated(self, record: Record, saved: Snapshot, owner: Owner) -> None:
        """Queue the deletion of a session that this node has ended, and Redis lists as good."""
        name = _list_of(owner, saved.standing)
        entry = _Entry(name, record.epoch + 1, is_known=True, is_deleted=True)
        self._entries[record.session_id] = entry
        self._mark(record.session_id, entry)

    def drop(self, session_id: str) -> None:
        """Own a session no longer: another node does."""
        self._entries.pop(session_id, None)
        for receipts in (self._dirty.pop(session_id, ()), self._packed.pop(session_id, ())):
            for receipt in receipts:
                receipt.set()

    def add(self, actor: Actor, *, handed: bool = False) -> SaveReceipt | None:
        """Queue a session's snapshot. The receipt is set once it is saved; None if it is."""
        session_id, key_hash = actor.session.session_id, actor.owner.key_hash
        entry = self._entries.get(session_id)
        if entry is None:
            name = _list_of(actor.owner, actor.session.standing)
            epoch = self._reserved.pop(session_id, 1)
            entry = self._entries[session_id] = _Entry(name, epoch)
        current = Snapshot.of(actor.session, key_hash, skew=self.skew, handed=handed)
        if current == entry.snapshot and session_id not in self._dirty:
            waiting = self._packed.get(session_id)
            if waiting is None:
                return None
            waiting.append(receipt := SaveReceipt())
            return receipt
        entry.snapshot, entry.is_free = current, handed
        return self._mark(session_id, entry)

    def delete(self, session_id: str) -> None:
        """Queue the deletion of a session."""
        entry = self._entries.get(session_id)
        if entry is not None:
            entry.is_deleted = True
            self._ended[session_id] = max(entry.epoch, self._ended.get(session_id, 0))
            if len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]
            self._mark(session_id, entry)

    def mark_all(self) -> None:
        """Queue all sessions again, since Redis may lack them."""
        for session_id, entry in self._entries.items():
            if entry.snapshot is not None and not entry.is_claiming:
                self._mark(session_id, entry)

    async def mark_all_forever(self) -> None:
        """Queue all sessions often enough that Redis does not delete one that never changes."""
        while True:
            await trio.sleep(RETENTION_TIME / 30)
            self.mark_all()

    def _mark(self, session_id: str, entry: _Entry) -> SaveReceipt:
        entry.revision += 1
        self._dirty.setdefault(session_id, []).append(receipt := SaveReceipt())
        self._wake()
        return receipt

    # -- the flush ---------------------------------------------------------------------------

    def pack(self, node: str) -> list[Save]:
        """Return the saves for a node to flush, those of a failed flush among them."""
        for session_id in list(self._dirty)[:SAVES_AT_ONCE]:
            receipts = self._dirty.pop(session_id)
            self._packed.setdefault(session_id, []).extend(receipts)
        self._packed_snapshots = {each: self._entries[each].snapshot for each in self._packed}
        return [self._save(node, each, self._entries[each]) for each in self._packed]

    def _save(self, node: str, session_id: str, entry: _Entry) -> Save:
        encrypted, version = b"", (entry.epoch, entry.revision)
        if entry.snapshot is not None and not entry.is_deleted:
            bound_to = _bound_to(session_id, node, *version, entry.is_free)
            encrypted = self._cipher.encrypt(snapshot.encode(entry.snapshot), bound_to)
        return Save(session_id, entry.owner, *version, encrypted, entry.is_free)

    def mark_saved(self) -> None:
        """Set the receipts of what was packed: Redis has it."""
        packed, self._packed = self._packed, {}
        for session_id, receipts in packed.items():
            entry = self._entries.get(session_id)
            if entry is not None:
                entry.is_known, entry.is_claiming = True, False
                entry.saved = self._packed_snapshots.get(session_id)
                if entry.is_deleted and session_id not in self._dirty:
                    del self._entries[session_id]
            for receipt in receipts:
                receipt.set_saved()
        if self._dirty:
            self._wake()

    def release_waiting(self) -> None:
        """Let no actor wait longer, since Redis does not answer; a new session is given up.

        A commitment still waits, as long as another node may take the session over by an older
        snapshot: no client may hear of it before it is saved.
        """
        for queued in (self._packed, self._dirty):
            for session_id, receipts in list(queued.items()):
                entry = self._entries[session_id]
                if entry.is_known and _is_commitment(entry.snapshot, entry.saved):
                    continue
                for receipt in receipts:
                    if entry.is_known:
                        receipt.set()
                    else:
                        receipt.refuse(Unavailable("the nodes cannot reach each other"))
                receipts.clear()
                if not entry.is_known:
                    del queued[session_id]
        for session_id in [each for each, entry in self._entries.items() if not entry.is_known]:
            del self._entries[session_id]


def _list_of(owner: Owner, standing: bool) -> str:
    return owner.hash + STANDING if standing else owner.hash


def _bound_to(session_id: str, node: str, epoch: int, revision: int, free: bool) -> str:
    """Return what a snapshot is encrypted for: the save that it was, and no other."""
    return f"snapshot:{session_id}:{node}:{epoch}:{revision}:{free:d}"


_BY_ITSELF = frozenset(Reason) - {
    *(Reason.CLOSED, Reason.REJECTED, Reason.SHUTDOWN, Reason.TOKEN_REUSED)
}
"""Why a session ends without a commitment, as it would at any node that takes it over."""


def _is_commitment(current: Snapshot | None, saved: Snapshot | None) -> bool:
    """Return whether another node, with the saved snapshot, would not come to the same state.

    It sees by itself who is there, and that a session's time is up. It does not see that neither
    side came back to a session that was handed over, since it would wait for both sides again.
    """
    if current is None or saved is None:
        return current is not None and current.reason not in _BY_ITSELF
    if current.reason in _BY_ITSELF:
        return current.reason is Reason.DISCONNECTED and saved.handed
    return _committed(current) != _committed(saved)


def _committed(current: Snapshot) -> object:
    return current.state, current.reason, current.token_hash, current.resume_hash
