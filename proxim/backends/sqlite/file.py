"""The file of a store: a SQLite table of names and encrypted rows.

When ``write`` returns, the rows survive ``kill -9`` and loss of power: the write-ahead log is
synchronised at each commit (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit

from proxim.protocol.errors import InvalidSetting

_APPLICATION_ID = 0x5072_6F78
"""The application id in the header of the file, which marks it as a store."""
_VERSION = 1

_DISK_ERRORS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}
"""Errors of the disk, not of the settings (https://www.sqlite.org/rescode.html)."""

_DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
_NOT_A_STORE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_PRAGMAS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
"""
_TABLE = "CREATE TABLE IF NOT EXISTS sessions (name BLOB PRIMARY KEY, sealed BLOB) WITHOUT ROWID"


class DiskError(Exception):
    """The disk is full, read-only or broken."""


class StoreFile:
    """Reads and writes the file at ``path``, which one process at a time may open.

    Its methods may be called from any thread.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def rows(self) -> dict[bytes, bytes]:
        """Return all rows by name; create the file if it does not exist.

        Raises ``DiskError``, or ``InvalidSetting`` if the file cannot be a store.
        """
        with self._connected() as connection:
            found = connection.execute("SELECT name, sealed FROM sessions").fetchall()
            if not all(isinstance(value, bytes) for row in found for value in row):
                raise _damaged(self.path, "a row is not bytes")
        return dict(found)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write rows, and delete those that are None, in one transaction. Raises like ``rows``."""
        gone = [(name,) for name, sealed in changes.items() if sealed is None]
        kept = [row for row in changes.items() if row[1] is not None]
        with self._connected() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM sessions WHERE name = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO sessions VALUES (?, ?)", kept)

    def close(self) -> None:
        """Close the file, so that another process can open it."""
        with self._lock:
            self._close()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _open(self.path)
                yield self._connection
            except Exception as error:
                # After an error the connection is of no use; the next call opens a new one. On
                # Windows an open file cannot be moved away.
                self._close()
                raise _error_for(error, self.path) from None

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def path_of(url: str) -> str:
    """Return the path of ``sqlite:///path``, which is absolute, as in any URL.

    On Windows it begins with a drive, as in ``sqlite:///C:/Users/me/sessions.db``.
    """
    path = unquote(urlsplit(url).path)
    has_drive = sys.platform == "win32" and path[2:3] == ":"
    return path[1:] if has_drive else path


def _open(path: str) -> sqlite3.Connection:
    # Only this user may read the file, and SQLite's other files get its mode. On Windows the mode
    # has no effect: the access list of the folder decides.
    made = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        is_file = stat.S_ISREG(os.fstat(made).st_mode)
    finally:
        os.close(made)
    if not is_file:
        raise InvalidSetting(f"store: {path} is a device or a pipe; it needs a file")
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        # Checked before the pragmas, which would write into the file of another program.
        _is_new(connection, path)
        connection.executescript(_PRAGMAS)
        with connection:
            connection.execute("BEGIN EXCLUSIVE")
            if _is_new(connection, path):
                connection.execute(_TABLE)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_new(connection: sqlite3.Connection, path: str) -> bool:
    """Return whether the file is empty. Raises ``InvalidSetting`` if it is not a store."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == 0 and not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        return True
    if application != _APPLICATION_ID:
        raise InvalidSetting(
            f"store: {path} is the database of another program; it needs a file of its own"
        )
    if version > _VERSION:
        raise InvalidSetting(
            f"store: {path} was written by a newer version of Proxim; use that version, or move "
            "the file away to begin with an empty one"
        )
    if version < _VERSION:
        raise _damaged(path, "its version is missing")
    return False


def _error_for(error: Exception, path: str) -> Exception:
    if isinstance(error, OSError):
        if error.errno in _DISK_ERRNOS:
            return DiskError(error.strerror)
        return InvalidSetting(
            f"store: {path}: {error.strerror}; it needs the path of a file, which may not exist "
            "yet, in a folder where this user may write"
        )
    if not isinstance(error, sqlite3.Error):
        return error
    # The lowest byte is the kind of error; the others are its details.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DISK_ERRORS:
        return DiskError(str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return InvalidSetting(f"store: another process has {path} open")
    if code in _NOT_A_STORE:
        return _damaged(path, str(error))
    return InvalidSetting(f"store: {path}: {error}")


def _damaged(path: str, why: str) -> InvalidSetting:
    return InvalidSetting(
        f"store: {path} is damaged, or not a store ({why}); restore a copy, or move it away "
        "to begin with an empty one"
    )
