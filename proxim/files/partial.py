"""A received file in its folder: with a mark while it is not complete, then under its name."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import trio

from proxim.files import origin
from proxim.files.names import numbered, partial, safe_name, storable

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""Errors that say that the disk is full, the user's share of it, or the file too large for it."""

_BLOCK = 256 * 1024
"""Bytes that are written at once, since each write is a step to another thread and back."""

_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    # Each of them exists on some systems only.
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)


class PartialFile:
    """A new file ``NAME.MARK.part`` in a folder, whose mark no other program can guess.

    So the file is a new one, and not what a link leads to, on Windows too: there ``O_EXCL`` creates
    the file that a dangling link names. Blocks: call it in a thread.
    """

    def __init__(self, folder: Path, claim: str, size: int) -> None:
        self._folder = folder
        self._name = storable(safe_name(claim))
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(folder, size)
        self._path = folder / partial(self._name, secrets.token_hex(4))
        self._fd: int | None = os.open(self._path, _FLAGS, 0o666)

    def write(self, data: bytes) -> None:
        """Write all of ``data``. Raises ``OSError``."""
        assert self._fd is not None
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]

    def publish(self) -> Path:
        """Give the complete file its name, or a free one like it, and return its path."""
        assert self._fd is not None
        # Some file systems report a full disk only here.
        os.fsync(self._fd)
        self._close()
        origin.mark(self._path)
        for number in count(1):
            path = self._folder / numbered(self._name, number)
            with contextlib.suppress(FileExistsError):
                _move(self._path, path)
                return path
        raise AssertionError

    def remove(self) -> None:
        """Remove what is there of a file that is not complete."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _check_room(folder: Path, size: int) -> None:
    """Raise ``OSError`` if the file cannot fit. Other programs write, too, so it may not later."""
    usage = shutil.disk_usage(folder)
    # Some network file systems do not know.
    if usage.total and usage.free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _move(part: Path, path: Path) -> None:
    """Give a file another name. Raises ``FileExistsError`` if there is anything of that name.

    ``os.rename`` would replace it, except on Windows.
    """
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # The file system has no links, as on many memory cards. This reserves the name.
        os.close(os.open(path, _FLAGS, 0o666))
        try:
            os.replace(part, path)
        except OSError:
            path.unlink()
            raise
    else:
        part.unlink()


class Writer:
    """Writes a partial file from Trio, in blocks and in threads."""

    def __init__(self, file: PartialFile) -> None:
        self._file = file
        self._waiting = bytearray()

    async def write(self, data: bytes) -> None:
        """Append ``data``. Raises ``OSError``."""
        self._waiting += data
        if len(self._waiting) >= _BLOCK:
            await self._flush()

    async def publish(self) -> Path:
        """Give the complete file its name, or a free one like it, and return its path."""
        await self._flush()
        return await trio.to_thread.run_sync(self._file.publish)

    async def _flush(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        await trio.to_thread.run_sync(self._file.write, data)


@asynccontextmanager
async def open_writer(folder: Path, claim: str, size: int) -> AsyncIterator[Writer]:
    """Create a partial file, and remove it at the end of the block unless it was published.

    Raises ``OSError``, with an error in ``FULL`` if there is no room for ``size`` bytes.
    """
    file = await trio.to_thread.run_sync(PartialFile, folder, claim, size)
    try:
        yield Writer(file)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(file.remove)
