"""The backend of persistent sessions: a change is on the disk before any client is told of it.

Only the actor of the session waits for the disk. Changes of other sessions that arrive during a
write are written together by the next one. When the disk fails (full, read-only, broken or very
slow), no actor waits: the node continues in memory, logs that, and writes the changes later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio
from msgspec import structs

from proxim.actors.actor import Actor
from proxim.actors.backend import Backend, SaveReceipt, boot_of
from proxim.actors.connection import Owner
from proxim.actors.supervisor import Supervisor
from proxim.backends.sqlite.cipher import CannotDecrypt, RowCipher
from proxim.backends.sqlite.file import DiskError, StoreFile
from proxim.clock import now
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import DeviceInfo, SessionType
from proxim.session import snapshot
from proxim.session.session import Session
from proxim.session.snapshot import InvalidSnapshot, Snapshot
from proxim.session.state import State

log = logging.getLogger(__name__)

WRITE_TIMEOUT = 2.0
"""Seconds that one write may take; an actor waits for at most two writes."""
RETRY_DELAY = 5.0
"""Seconds before a write is tried again after a failure."""
_LAST_WRITE_TIMEOUT = 3.0

_NAME_LENGTH = 64
_CHECK = b"check"
"""The name of a row that only the right key can open."""


class SqliteBackend(Backend):
    """Saves persistent sessions in a file. ``failures`` counts the writes that failed.

    While ``is_failing`` the node continues in memory. ``write_timeout`` and ``retry_delay`` are in
    seconds.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        file: StoreFile,
        cipher: RowCipher,
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
        self._cipher = cipher
        self._skew = 0.0
        self._stored: dict[str, Snapshot] = {}
        self._changes: dict[str, Snapshot | None] = {}
        self._writing: dict[str, Snapshot | None] = {}
        self._written, self._next_written = SaveReceipt(), SaveReceipt()
        self._wake = trio.Event()
        self._found: list[Snapshot] = []
        self._key_checked = False

    @property
    def unsaved(self) -> int:
        """The number of sessions that have changed since they were written."""
        return len(self._writing.keys() | self._changes.keys())

    @property
    def saved(self) -> int:
        """The number of sessions that are in the file, or will be after the next write."""
        return len(self._stored)

    # -- what the supervisor calls -----------------------------------------------------------

    def save(self, actor: Actor) -> SaveReceipt | None:
        """Note a change of a session; return a receipt if it has to be written first."""
        session = actor.session
        if session.session_type is not SessionType.PERSISTENT:
            return None
        taken = None if session.ended else self._snapshot(session, actor.owner)
        if taken != self._stored.get(session.session_id):
            self._set_change(session.session_id, taken)
        if self.is_failing:
            return None
        if session.session_id in self._changes:
            return self._next_written
        return self._written if session.session_id in self._writing else None

    @property
    def can_save(self) -> bool:
        """Whether the disk works."""
        return not self.is_failing

    def delete(self, actor: Actor) -> None:
        """Remove a session from the file."""
        if actor.session.session_id in self._stored:
            self._set_change(actor.session.session_id, None)

    def hand_over(self, actor: Actor) -> bool:
        """Return whether the session is restored when the node starts again.

        A prompted session is not, since no person can answer the prompt in the meantime.
        """
        session = actor.session
        is_saved = session.session_id in self._stored and not self.is_failing
        return is_saved and session.state is not State.PROMPTED

    def _set_change(self, session_id: str, taken: Snapshot | None) -> None:
        self._changes[session_id] = taken
        if taken is None:
            self._stored.pop(session_id, None)
        else:
            self._stored[session_id] = taken
        self._wake.set()

    def _snapshot(self, session: Session, owner: Owner) -> Snapshot:
        """Return the snapshot to store, without seats, and with the device's id as its name.

        A restored session has empty seats, and the name of a device is private. A sealed session
        has no name to hide.
        """
        taken = Snapshot.of(session, owner.key_hash, skew=self._skew)
        device = taken.device
        if device is not None and not session.sealed:
            device = DeviceInfo(device.id[:_NAME_LENGTH], device.id)
        return structs.replace(taken, device=device, host_name="", online=())

    # -- what the node calls -----------------------------------------------------------------

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the file and read it. At the end write all changes, if possible, and close it.

        Raises ``InvalidSetting`` if the file is not a store, is open in another process, or has
        another key. If the disk fails, that is logged, and no session is restored.
        """
        # Taken once, so that a clock that is set later changes no session.
        self._skew = time.time() - now()
        try:
            self._found = await trio.to_thread.run_sync(self._read_all)
        except DiskError as error:
            self._fail(error)
        except InvalidSetting:
            self._file.close()
            raise
        try:
            yield
        finally:
            await self._close()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Restore the sessions of the file, then write changes until cancelled.

        Call this only while the supervisor's ``run`` runs.
        """
        self._restore()
        task_status.started()
        while True:
            await self._wake.wait()
            if self.is_failing:
                await trio.sleep(self._retry_delay)
            self._wake = trio.Event()
            self._writing, self._changes = self._changes, {}
            self._written, self._next_written = self._next_written, SaveReceipt()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._time_out_write)
                await self._write()
                nursery.cancel_scope.cancel()

    def _restore(self) -> None:
        for each in self._found:
            session = each.restore(self._supervisor.terms, skew=self._skew)
            owner = Owner(each.uuid, each.key_hash)
            self._stored[session.session_id] = self._snapshot(session, owner)
            self._supervisor.restore(session, owner)
        if self._found:
            log.info("%d persistent sessions were restored", len(self._found))
        self._found = []

    async def _close(self) -> None:
        self._writing = {**self._writing, **self._changes}
        self._changes = {}
        with trio.move_on_after(_LAST_WRITE_TIMEOUT, shield=True):
            if self._writing:
                await self._write()
            await trio.to_thread.run_sync(self._file.close, abandon_on_cancel=True)

    def exposition(self) -> str:
        """Return the metrics of the store in Prometheus text format."""
        # Imported here, since it is slow to import and only scraping needs it.
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
        except (DiskError, InvalidSetting) as error:
            self._changes = {**self._writing, **self._changes}
            self._writing = {}
            self._fail(error)
            self._written.set()
        else:
            self._writing = {}
            if self.is_failing:
                self.is_failing = False
                log.warning("the store works again; all changes are written")
            self._written.set_saved()

    def _put(self, changes: dict[str, Snapshot | None]) -> None:
        if not self._key_checked:
            self._check_key(self._file.rows())
        encrypted = {}
        for session_id, taken in changes.items():
            name = self._cipher.name(session_id)
            text = None if taken is None else snapshot.encode(taken)
            encrypted[name] = None if text is None else self._cipher.encrypt(text, name)
        self._file.write(encrypted)

    async def _time_out_write(self) -> None:
        await trio.sleep(self._write_timeout)
        self._fail(f"no answer within {self._write_timeout:g} seconds")
        self._written.set()

    def _fail(self, error: object) -> None:
        self.failures += 1
        if not self.is_failing:
            log.error("the store fails, and sessions live in memory only for now: %s", error)
        self.is_failing = True
        # Actors whose change came during this write must not wait for the next one.
        self._next_written.set()
        self._next_written = SaveReceipt()
        self._wake.set()

    def _read_all(self) -> list[Snapshot]:
        rows = self._file.rows()
        self._check_key(rows)
        rows.pop(_CHECK, None)
        return [found for name, encrypted in rows.items() if (found := self._read(name, encrypted))]

    def _check_key(self, rows: Mapping[bytes, bytes]) -> None:
        known = {_CHECK: rows[_CHECK]} if _CHECK in rows else rows
        if known and not any(self._can_open(name, encrypted) for name, encrypted in known.items()):
            raise InvalidSetting(
                f"store_key: {self._file.path} was encrypted with another key; give that one, or "
                "move the file away to begin with an empty one"
            )
        check = rows.get(_CHECK)
        if check is None:
            check = self._cipher.encrypt(_CHECK, _CHECK)
            self._file.write({_CHECK: check})
        # It was encrypted with a random nonce when the file was new, and names this file.
        self._boot = boot_of(check)
        self._key_checked = True

    def _can_open(self, name: bytes, encrypted: bytes) -> bool:
        try:
            self._cipher.decrypt(encrypted, name)
        except CannotDecrypt:
            return False
        return True

    def _read(self, name: bytes, encrypted: bytes) -> Snapshot | None:
        try:
            return snapshot.decode(self._cipher.decrypt(encrypted, name))
        except (CannotDecrypt, InvalidSnapshot):
            log.error("a stored session cannot be read and is left as it is")
            return None
