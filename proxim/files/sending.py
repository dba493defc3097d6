"""Offer a file to the other side, and send it."""

from __future__ import annotations

import errno
import mimetypes
import os
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Protocol

import trio

from proxim.exception_groups import ungrouped
from proxim.files import wire
from proxim.files.wire import Answer, DataChannel, Offer
from proxim.protocol.errors import ChannelClosed, ProximError

Progress = Callable[[int], object]
"""Is called with the number of bytes that have crossed, after each step."""

MOST_OUTGOING = 24
"""Files on offer or on their way at a time (docs/reference/channel.md: Files); others wait."""

_BLOCK = 1024 * 1024
"""Bytes that are read at once, since each read is a step to another thread and back."""


class Opens(Protocol):
    """What a sender needs of its channel. ``proxim.client.Channel`` has it."""

    async def open(self, label: str) -> DataChannel:
        """Open a data channel."""
        ...


async def send_file(
    channel: Opens,
    path: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    offered: Callable[[int], object] | None = None,
    accepted: Callable[[], object] | None = None,
) -> None:
    """Offer a file to the other side, and send it once that side accepts.

    Returns when the other side has stored the file. ``offered`` is called with the size of the file
    once the other side is asked, ``accepted`` when it accepts, and ``progress`` with the number of
    bytes that were sent so far.

    Raises ``TransferFailed`` if the file does not cross: its ``reason`` says why. Raises
    ``OSError`` if the file cannot be read, and what ``channel.open`` raises. A cancelled call tells
    the other side.
    """
    path = Path(path)
    await check_file(path)
    file = await trio.to_thread.run_sync(lambda: path.open("rb", buffering=0))
    try:
        told = (offered or _ignore, accepted or _ignore)
        await _send(channel, path.name, file, progress or _ignore, *told)
    finally:
        file.close()


async def check_file(path: Path) -> None:
    """Raise ``OSError`` unless there is a regular file at ``path``."""
    look = trio.Path(path)
    if await look.is_file():
        return
    if await look.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a directory cannot be sent", str(path))
    if await look.exists():
        # To open a named pipe would wait for its other end.
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _ignore(*_: object) -> None:
    """Do nothing."""


async def _send(
    channel: Opens,
    name: str,
    file: FileIO,
    progress: Progress,
    offered: Callable[[int], object],
    accepted: Callable[[], object],
) -> None:
    before = os.fstat(file.fileno())
    kind = mimetypes.guess_type(name)[0] or ""
    # A name that is not UTF-8 has surrogates, which JSON text cannot carry.
    name = name.encode("utf-8", "replace").decode()
    try:
        data = await channel.open(wire.LABEL)
    except ChannelClosed:
        raise wire.failure(wire.INTERRUPTED) from None
    async with wire.closing(data):
        await wire.send(data, Offer(name, before.st_size, kind))
        offered(before.st_size)
        if await wire.receive(data) != Answer(accept=True):
            raise wire.failure("failed")
        accepted()
        with ungrouped(ProximError):
            async with trio.open_nursery() as nursery:
                pieces = _Pieces(file, before, progress)
                nursery.start_soon(pieces.send, data)
                if await wire.receive(data) != Answer(ok=True) or not pieces.are_sent:
                    raise wire.failure("failed")


class _Pieces:
    """Sends the bytes of a file."""

    def __init__(self, file: FileIO, before: os.stat_result, progress: Progress) -> None:
        self.are_sent = before.st_size == 0
        self._file = file
        self._before = before
        self._progress = progress

    async def send(self, data: DataChannel) -> None:
        """Send all bytes. Raises ``TransferFailed`` if the file is no longer what was offered."""
        done = 0
        # The task that receives knows why the channel was closed.
        with suppress(ChannelClosed):
            while not self.are_sent:
                block = await trio.to_thread.run_sync(self._read, self._before.st_size - done)
                for at in range(0, len(block), wire.PIECE):
                    piece = block[at : at + wire.PIECE]
                    done += len(piece)
                    # The answer may come before the call returns.
                    self.are_sent = done == self._before.st_size
                    await data.send(piece)
                    self._progress(done)

    def _read(self, left: int) -> bytes:
        """Return the next bytes, in a thread."""
        block = self._file.read(min(left, _BLOCK))
        now = os.fstat(self._file.fileno())
        same = (now.st_size, now.st_mtime_ns) == (self._before.st_size, self._before.st_mtime_ns)
        if not block or not same:
            raise wire.failure("changed")
        return block
