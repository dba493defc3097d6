"""The ledger: the sessions of a node, their epochs, and what the hub has yet to know of them."""

from __future__ import annotations

import time

import trio
from msgspec import Struct

from proxim.actors.actor import Actor
from proxim.actors.seat import Owner, Receipt
from proxim.backends.redis.coordinator import Save
from proxim.backends.redis.seal import Seal
from proxim.protocol.errors import Unavailable
from proxim.protocol.messages import Reason
from proxim.session import snapshot
from proxim.session.snapshot import Snapshot

SAVES_AT_ONCE = 500


class _Entry(Struct):
    owner: str
    epoch: int = 1
    revision: int = 0
    snapshot: Snapshot | None = None
    free: bool = False
    known: bool = False
    """Whether the hub knows of it at all."""
    safe: Snapshot | None = None
    """What others would go by: how it stands as far as the hub knows."""
    gone: bool = False
    """Whether it is over for good."""


class Ledger:
    """``skew`` is wall-clock time less Trio's, in seconds; see ``note_clock``."""

    def __init__(self, seal: Seal) -> None:
        self.skew = 0.0
        self._seal = seal
        self._entries: dict[str, _Entry] = {}
        self._dirty: dict[str, list[Receipt]] = {}
        self._packed: dict[str, list[Receipt]] = {}
        self._packed_as: dict[str, Snapshot | None] = {}

    def __len__(self) -> int:
        """For how many sessions the hub has yet to know something."""
        return len(self._dirty) + len(self._packed)

    def note_clock(self) -> None:
        """Fix the skew; that somebody sets the clock later changes nothing."""
        self.skew = time.time() - trio.current_time()

    def epoch(self, session_id: str) -> int:
        """In which epoch this node has a session; 0 if it has not."""
        entry = self._entries.get(session_id)
        return entry.epoch if entry is not None else 0

    def adopt(self, kept: Snapshot, owner: Owner, epoch: int) -> None:
        """The session is this node's from now on, as it was kept."""
        self.lose(kept.session_id)
        self._entries[kept.session_id] = _Entry(owner.hash, epoch, known=True, safe=kept)

    def record(self, actor: Actor, *, handed: bool = False) -> Receipt | None:
        """Note how a session stands. None when that was noted before and is known."""
        session_id, key_hash = actor.session.session_id, actor.owner.key_hash
        entry = self._entries.get(session_id)
        if entry is None:
            entry = self._entries[session_id] = _Entry(actor.owner.hash)
        made = Snapshot.of(actor.session, key_hash, skew=self.skew, handed=handed)
        if made == entry.snapshot and session_id not in self._dirty:
            waiting = self._packed.get(session_id)
            if waiting is None:
                return None
            waiting.append(receipt := Receipt())
            return receipt
        entry.snapshot, entry.free = made, handed
        return self._mark(session_id, entry)

    def strike(self, session_id: str) -> None:
        """The session is gone for good."""
        entry = self._entries.get(session_id)
        if entry is not None:
            entry.gone = True
            self._mark(session_id, entry)

    def lose(self, session_id: str) -> None:
        """The session is another node's."""
        self._entries.pop(session_id, None)
        for receipts in (self._dirty.pop(session_id, ()), self._packed.pop(session_id, ())):
            for receipt in receipts:
                receipt.set()

    def mark_all(self) -> None:
        """The hub may know nothing any more."""
        for session_id, entry in self._entries.items():
            if entry.snapshot is not None:
                self._mark(session_id, entry)

    def _mark(self, session_id: str, entry: _Entry) -> Receipt:
        entry.revision += 1
        self._dirty.setdefault(session_id, []).append(receipt := Receipt())
        return receipt

    def pack(self) -> list[Save]:
        """What is to be saved now, at most ``SAVES_AT_ONCE``."""
        for session_id in list(self._dirty)[:SAVES_AT_ONCE]:
            receipts = self._dirty.pop(session_id)
            self._packed.setdefault(session_id, []).extend(receipts)
        self._packed_as = {each: self._entries[each].snapshot for each in self._packed}
        return [self._save(session_id, self._entries[session_id]) for session_id in self._packed]

    def is_saved(self) -> None:
        """It has been saved."""
        packed, self._packed = self._packed, {}
        for session_id, receipts in packed.items():
            entry = self._entries.get(session_id)
            if entry is not None:
                entry.known = True
                entry.safe = self._packed_as.get(session_id)
                if entry.gone and session_id not in self._dirty:
                    del self._entries[session_id]
            for receipt in receipts:
                receipt.set()

    def wait_no_more(self) -> None:
        """The hub does not answer. Of what is new there is nothing; who waits for a change goes on.

        Not so where others, who may take the session over, would tell of it otherwise: that nobody
        hears of before it is saved.
        """
        for noted in (self._packed, self._dirty):
            for session_id, receipts in list(noted.items()):
                entry = self._entries[session_id]
                if entry.known and _is_news(entry.snapshot, entry.safe):
                    continue
                for receipt in receipts:
                    if not entry.known:
                        receipt.refusal = Unavailable("the nodes cannot reach each other")
                    receipt.set()
                receipts.clear()
                if not entry.known:
                    del noted[session_id]
        for session_id in [each for each, entry in self._entries.items() if not entry.known]:
            del self._entries[session_id]

    def _save(self, session_id: str, entry: _Entry) -> Save:
        text = b"" if entry.gone or entry.snapshot is None else snapshot.encode(entry.snapshot)
        sealed = text and self._seal.close(text, f"snapshot:{session_id}")
        return Save(session_id, entry.owner, entry.epoch, entry.revision, sealed, entry.free)

    def read(self, session_id: str, sealed: bytes) -> Snapshot:
        """What the hub knows of a session. Raises ``BrokenSeal`` and ``InvalidSnapshot``."""
        return snapshot.decode(self._seal.open(sealed, f"snapshot:{session_id}"))


_SAME_ANYWHERE = frozenset(Reason) - {Reason.CLOSED, Reason.REJECTED, Reason.SHUTDOWN}
"""Why a session ends by itself; so it would on any node that takes it over."""


def _is_news(kept: Snapshot | None, safe: Snapshot | None) -> bool:
    """Whether others, who may take a session over as it was saved, would tell of it otherwise.

    Who is there, and that its time was up, they see for themselves; but not that nobody came back,
    where they would wait for both sides anew.
    """
    if kept is None or safe is None:
        return kept is not None and kept.reason not in _SAME_ANYWHERE
    if kept.reason in _SAME_ANYWHERE:
        return kept.reason is Reason.DISCONNECTED and safe.handed
    return _essence(kept) != _essence(safe)


def _essence(kept: Snapshot) -> object:
    return kept.state, kept.reason, kept.token_hash, kept.resume_hash
