"""Stores of known devices: the interfaces for applications, and files that only one user reads."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from proxim.devices.record import KnownDevice
from proxim.private_files import check_private
from proxim.protocol.errors import InvalidSetting

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)  # Windows has none.


class HostGrant(Struct, frozen=True):
    """The grant of one host as the device keeps it; all of it is secret.

    ``name`` is that of the host, with a number if another host has that name. ``private`` is the
    device's own key for this host. ``end`` is in seconds of the system clock.
    """

    node_url: str
    session_id: str
    name: str
    seed: Annotated[bytes, Meta(min_length=32, max_length=32)]
    host_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    private: Annotated[bytes, Meta(min_length=32, max_length=32)]
    ticket: Annotated[bytes, Meta(min_length=16, max_length=16)]
    end: float
    is_auto: bool = False

    def __repr__(self) -> str:
        # A log must not have the secrets.
        return f"HostGrant({self.name!r}, {self.node_url!r}, end={self.end!r})"


class Lock(Protocol):
    """What all programs that use a store take in turn."""

    def try_lock(self) -> bool:
        """Take the lock, and return true; return false at once if a program has it."""
        ...

    def unlock(self) -> None:
        """Give the lock back. If a program ends, its lock is free."""
        ...


LOCK_TIME = 5.0
"""Seconds to wait for another program that changes a store, which takes milliseconds."""


@contextmanager
def held(lock: Lock) -> Iterator[None]:
    """Hold a lock in the block, which is short. Raises ``OSError`` if a program keeps it."""
    deadline = time.monotonic() + LOCK_TIME
    while not lock.try_lock():
        if time.monotonic() > deadline:
            raise OSError("another program keeps the known devices locked")
        time.sleep(0.005)
    try:
        yield
    finally:
        lock.unlock()


class DeviceStore(Lock, Protocol):
    """The known devices of one host at one node.

    When ``save`` returns, they outlive the program. Each change is made under the lock, from
    ``load`` to ``save``.
    """

    def load(self) -> list[KnownDevice]:
        """Return the devices that were saved last; none before."""
        ...

    def save(self, entries: list[KnownDevice], /) -> None:
        """Replace the devices by these, all or none of them."""
        ...


class GrantStore(Lock, Protocol):
    """The grants of a device. When ``save`` returns, they outlive the program.

    Each change is made under the lock, from ``load`` to ``save``. A program that visits a host has
    the lock until the node has answered its request.
    """

    def load(self) -> list[HostGrant]:
        """Return the grants that were saved last; none before."""
        ...

    def save(self, entries: list[HostGrant], /) -> None:
        """Replace the grants by these, all or none of them."""
        ...


_T = TypeVar("_T")


class MemoryStore(Generic[_T]):
    """Keeps entries for as long as the program runs: known devices, or grants."""

    def __init__(self) -> None:
        self._entries: list[_T] = []
        self._is_locked = False

    def load(self) -> list[_T]:
        """Return the entries."""
        return list(self._entries)

    def save(self, entries: list[_T], /) -> None:
        """Replace the entries."""
        self._entries = list(entries)

    def try_lock(self) -> bool:
        """Take the lock; false if it is taken."""
        was_locked, self._is_locked = self._is_locked, True
        return not was_locked

    def unlock(self) -> None:
        """Give the lock back."""
        self._is_locked = False


class _Content(Struct, frozen=True):
    """A file's content; ``v`` is the version of its form."""

    v: Literal[1]
    entries: Raw


class FileLock:
    """A lock that one program has at a time, also one that has not ended well: that of a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock: int | None = None

    def try_lock(self) -> bool:
        """Take the lock, and return true; return false at once if a program has it.

        Raises ``InvalidSetting`` if the file is a symbolic link, which may lead anywhere.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
        except OSError:
            if not self._path.is_symlink():
                raise
            raise InvalidSetting(
                f"known devices: {self._path} is a symbolic link, and not a lock: delete it"
            ) from None
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def unlock(self) -> None:
        """Give the lock back. The file stays, since another program may wait for it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class _FileStore(Generic[_T]):
    """Keeps entries in a JSON file that only its user can read and write."""

    def __init__(self, path: str | os.PathLike[str], entries: type[list[_T]]) -> None:
        self.path = Path(path)
        self._entries = entries
        self._lock = FileLock(f"{self.path}.lock")

    def try_lock(self) -> bool:
        """Lock a file beside this one, which is replaced by each change; false if it is locked."""
        return self._lock.try_lock()

    def unlock(self) -> None:
        """Give the lock back."""
        self._lock.unlock()

    def load(self) -> list[_T]:
        """Return the entries of the file; none if there is no file.

        Raises ``InvalidSetting`` if the file is broken, or all users can write it.
        """
        check_private("known devices", self.path)
        try:
            content = msgspec.json.decode(self.path.read_bytes(), type=_Content)
            return msgspec.json.decode(content.entries, type=self._entries)
        except FileNotFoundError:
            return []
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidSetting(
                f"known devices: {self.path} is not a file of known devices ({error}): "
                "delete it and pair the devices again"
            ) from None

    def save(self, entries: list[_T], /) -> None:
        """Replace the file by one with these entries, mode 0600. A crash leaves either file."""
        text = msgspec.json.encode(_Content(1, Raw(msgspec.json.encode(entries))))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Files of `mkstemp` have mode 0600 from the start.
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}-", dir=self.path.parent)
        try:
            with open(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.replace(name, self.path)
            _sync_folder(self.path.parent)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise


def _lock(descriptor: int) -> None:
    """Lock a file until it is closed. Raises ``OSError`` if it is locked, also by this process."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(path: Path) -> None:
    """Return when a power cut no longer brings the former file back, and with it an old ticket."""
    if sys.platform == "win32":
        return  # Windows opens no folders.
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class DeviceFile(_FileStore[KnownDevice]):
    """The known devices of a host, in a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, list[KnownDevice])


class GrantFile(_FileStore[HostGrant]):
    """The grants of a device, in a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, list[HostGrant])
