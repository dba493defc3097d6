"""The backend of persistent sessions: a change is on the disk before any client hears of it.

An actor waits for that, and no other does. What many of them have changed meanwhile is written at
once, so that the disk is waited for as often as it can be asked, however many sessions there are.
When it fails – full, read-only, broken, or just very slow – nobody waits: the node goes on in
memory, says so, and writes what it owes as soon as it can.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio
from msgspec import structs

from proxim.actors.actor import Actor
from proxim.actors.backend import Backend
from proxim.actors.seat import Owner, Receipt
from proxim.actors.supervisor import Supervisor
from proxim.backends.sqlite.file import DiskError, StoreFile
from proxim.backends.sqlite.seal import BrokenSeal, Seal
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import DeviceInfo, SessionType
from proxim.session import snapshot
from proxim.session.session import Session
from proxim.session.snapshot import InvalidSnapshot, Snapshot
from proxim.session.state import State

log = logging.getLogger(__name__)

WRITE_TIMEOUT = 2.0
"""Seconds for which an actor waits for the disk at most."""
RETRY_DELAY = 5.0
"""Seconds after which a disk that has failed is tried again."""
_LAST_WRITE_TIMEOUT = 3.0

_NAME_LENGTH = 64
_CHECK = b"check"
"""The name of a row that tells whether the key is the one with which the file was sealed."""

_Fields = tuple[object, ...]


class SqliteBackend(Backend):
    """Keeps persistent sessions in a file. ``failures`` counts writes that the disk refused.

    While ``is_failing`` the node goes on in memory, and ``owed`` changes wait to be written.
    ``write_timeout`` and ``retry_delay`` are seconds.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        file: StoreFile,
        seal: Seal,
        *,
        write_timeout: float = WRITE_TIMEOUT,
        retry_delay: float = RETRY_DELAY,
    ) -> None:
        super().__init__(supervisor)
        self.failures = 0
        self.is_failing = False
        self._write_timeout = write_timeout
        self._retry_delay = retry_delay
        self._file = file
        self._seal = seal
        self._stored: dict[str, _Fields] = {}
        self._changes: dict[str, bytes | None] = {}
        self._writing: dict[str, bytes | None] = {}
        self._written, self._next_written = Receipt(), Receipt()
        self._wake = trio.Event()
        self._found: list[Snapshot] = []
        self._key_checked = False

    @property
    def unsaved(self) -> int:
        """How many sessions have changed since they were written."""
        return len(self._writing.keys() | self._changes.keys())

    @property
    def saved(self) -> int:
        """How many sessions are in the file, or owed to it."""
        return len(self._stored)

    # -- what the supervisor calls -----------------------------------------------------------

    def save(self, actor: Actor) -> Receipt | None:
        """The session may have changed: what to wait for, if it is to be written."""
        session = actor.session
        if session.session_type is not SessionType.PERSISTENT:
            return None
        fields = None if session.ended else _stored_fields(session)
        if fields != self._stored.get(session.session_id):
            self._set_change(session, actor.owner, fields)
        if self.is_failing:
            return None
        if session.session_id in self._changes:
            return self._next_written
        return self._written if session.session_id in self._writing else None

    def delete(self, actor: Actor) -> None:
        """The session is gone for good."""
        if actor.session.session_id in self._stored:
            self._set_change(actor.session, actor.owner, None)

    def hand_over(self, actor: Actor) -> bool:
        """Return whether the session comes back when the node does.

        A prompt that is up does not, since no person can answer it meanwhile.
        """
        session = actor.session
        is_saved = session.session_id in self._stored and not self.is_failing
        return is_saved and session.state is not State.PROMPTED

    def _set_change(self, session: Session, owner: Owner, fields: _Fields | None) -> None:
        session_id = session.session_id
        if fields is None:
            self._stored.pop(session_id, None)
            self._changes[session_id] = None
        else:
            self._stored[session_id] = fields
            self._changes[session_id] = snapshot.encode(_snapshot_to_store(session, owner))
        self._wake.set()

    # -- what the node calls -----------------------------------------------------------------

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have the file, and read what is in it. In the end what is owed is written, if it can be.

        Raises ``InvalidSetting`` where the file is no store, is another process's, or has another
        key. A disk that fails is logged, and then nothing comes back for now.
        """
        try:
            self._found = await trio.to_thread.run_sync(self._read_all)
        except DiskError as trouble:
            self._fail(trouble)
        except InvalidSetting:
            self._file.close()
            raise
        try:
            yield
        finally:
            await self._close()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Bring back what was found, then write what changes, until cancelled.

        The supervisor's ``run`` comes first.
        """
        self._restore()
        task_status.started()
        while True:
            await self._wake.wait()
            if self.is_failing:
                await trio.sleep(self._retry_delay)
            self._wake = trio.Event()
            self._writing, self._changes = self._changes, {}
            self._written, self._next_written = self._next_written, Receipt()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._time_out_write)
                await self._write()
                nursery.cancel_scope.cancel()

    def _restore(self) -> None:
        for each in self._found:
            session = each.restore(self._supervisor.terms, skew=_skew())
            self._stored[session.session_id] = _stored_fields(session)
            self._supervisor.restore(session, Owner(each.uuid, each.key_hash))
        if self._found:
            log.info("%d persistent sessions are back", len(self._found))
        self._found = []

    async def _close(self) -> None:
        self._writing = {**self._writing, **self._changes}
        self._changes = {}
        with trio.move_on_after(_LAST_WRITE_TIMEOUT, shield=True):
            if self._writing:
                await self._write()
            await trio.to_thread.run_sync(self._file.close, abandon_on_cancel=True)

    def exposition(self) -> str:
        """Return what ``GET /metrics`` says of the store."""
        # Slow to import, and wanted only by those who scrape.
        from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

        registry = CollectorRegistry()
        for name, meaning, value in (
            (
                "failing",
                "1 while the disk fails and sessions live in memory only.",
                self.is_failing,
            ),
            ("sessions", "Sessions that come back after a restart.", self.saved),
            ("owed", "Sessions that have changed since they were written.", self.unsaved),
        ):
            Gauge(f"proxim_store_{name}", meaning, registry=registry).set(value)
        failures = Counter(
            "proxim_store_failures", "Writes that failed, or took too long.", registry=registry
        )
        failures.inc(self.failures)
        return generate_latest(registry).decode()

    # -- the disk ----------------------------------------------------------------------------

    async def _write(self) -> None:
        try:
            await trio.to_thread.run_sync(self._put, self._writing, abandon_on_cancel=True)
        except (DiskError, InvalidSetting) as trouble:
            self._changes = {**self._writing, **self._changes}
            self._writing = {}
            self._fail(trouble)
        else:
            self._writing = {}
            if self.is_failing:
                self.is_failing = False
                log.warning("the store works again; what was owed is written")
        self._written.set()

    def _put(self, changes: dict[str, bytes | None]) -> None:
        if not self._key_checked:
            self._check_key(self._file.rows())
        sealed = {}
        for session_id, content in changes.items():
            name = self._seal.name(session_id)
            sealed[name] = None if content is None else self._seal.close(content, name)
        self._file.write(sealed)

    async def _time_out_write(self) -> None:
        await trio.sleep(self._write_timeout)
        self._fail(f"no answer within {self._write_timeout:g} seconds")
        self._written.set()

    def _fail(self, trouble: object) -> None:
        self.failures += 1
        if not self.is_failing:
            log.error("the store fails, and sessions live in memory only for now: %s", trouble)
        self.is_failing = True
        # Who has changed something since this write began shall not wait for the next.
        self._next_written.set()
        self._next_written = Receipt()
        self._wake.set()

    def _read_all(self) -> list[Snapshot]:
        rows = self._file.rows()
        self._check_key(rows)
        rows.pop(_CHECK, None)
        return [found for name, sealed in rows.items() if (found := self._read(name, sealed))]

    def _check_key(self, rows: Mapping[bytes, bytes]) -> None:
        known = {_CHECK: rows[_CHECK]} if _CHECK in rows else rows
        if known and not any(self._can_open(name, sealed) for name, sealed in known.items()):
            raise InvalidSetting(
                f"store_key: {self._file.path} was sealed with another key; give that one, or move "
                "the file away to begin with an empty one"
            )
        if _CHECK not in rows:
            self._file.write({_CHECK: self._seal.close(_CHECK, _CHECK)})
        self._key_checked = True

    def _can_open(self, name: bytes, sealed: bytes) -> bool:
        try:
            self._seal.open(sealed, name)
        except BrokenSeal:
            return False
        return True

    def _read(self, name: bytes, sealed: bytes) -> Snapshot | None:
        try:
            return snapshot.decode(self._seal.open(sealed, name))
        except (BrokenSeal, InvalidSnapshot):
            log.error("a stored session cannot be read and is left as it is")
            return None


def _stored_fields(session: Session) -> _Fields:
    """What of a session is worth a write: what it still knows when it is back."""
    device_id = None if session.device is None else session.device.id
    link = session.token_hash, session.link_expires_at
    return (session.state, *link, session.resume_hash, device_id)


def _snapshot_to_store(session: Session, owner: Owner) -> Snapshot:
    """The snapshot to be written: without who is there, and without the device's name.

    The one is of no use later, the other nobody's business on a disk: it comes back under its id.
    """
    known = Snapshot.of(session, owner.key_hash, skew=_skew())
    device = known.device and DeviceInfo(name=known.device.id[:_NAME_LENGTH], id=known.device.id)
    return structs.replace(known, device=device, online=())


def _skew() -> float:
    """Wall-clock time less Trio's."""
    return time.time() - trio.current_time()
