"""Take the files that the other side offers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path
from typing import Protocol

import trio

from proxim.exception_groups import running, ungrouped
from proxim.files import wire
from proxim.files.partial import FULL, Writer, open_writer
from proxim.files.sending import Progress
from proxim.files.wire import Answer, DataChannel
from proxim.protocol.errors import ChannelClosed, TransferFailed

MOST_OPEN = 32
"""Files that the other side may offer and send at the same time."""


class Offer:
    """A file that the other side offers. No byte of it was sent.

    ``name`` is the sender's claim: show it only after ``proxim.files.safe_name``. ``size`` is in
    bytes; ``type`` is a media type, or empty.
    """

    def __init__(self, channel: DataChannel, offer: wire.Offer) -> None:
        self.name = offer.name
        self.size = offer.size
        self.type = offer.type
        self.is_open = True
        self._channel = channel

    async def save(
        self, folder: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Path:
        """Accept the file, receive it, and return its path in ``folder``, which is made if needed.

        The path is a new one: ``safe_name`` says what becomes of the name, and a number is added if
        there is a file of that name. While the file is not complete its name ends in ``.part``; if
        the transfer fails or is cancelled, it is removed, and the sender is told.

        ``progress`` is called with the number of bytes that were received so far.

        Raises ``TransferFailed`` if the file does not cross, with the reason ``disk_full`` if there
        is no room, and ``OSError`` if the folder cannot be written.
        """
        try:
            async with wire.closing(self._channel):
                try:
                    return await self._save(Path(folder), progress)
                except OSError as error:
                    if error.errno in FULL:
                        raise wire.failure("disk_full") from error
                    raise
        finally:
            self.is_open = False

    async def _save(self, folder: Path, progress: Progress | None) -> Path:
        async with open_writer(folder, self.name, self.size) as writer:
            await wire.send(self._channel, Answer(accept=True))
            await self._receive(writer, progress)
            path: Path | None = None
            # The sender must not hear of a stored file that it was cancelled.
            with trio.CancelScope(shield=True):
                path = await writer.publish()
                with suppress(ChannelClosed):
                    await wire.send(self._channel, Answer(ok=True))
            assert path is not None
            return path

    async def _receive(self, writer: Writer, progress: Progress | None) -> None:
        received = 0
        messages_left = wire.FREE_PIECES + self.size // wire.LEAST_PIECE
        while received < self.size:
            piece = await wire.receive(self._channel)
            received += len(piece) if isinstance(piece, bytes) else 0
            messages_left -= 1
            if not isinstance(piece, bytes) or received > self.size or messages_left < 0:
                raise wire.failure("failed")
            await writer.write(piece)
            if progress is not None:
                progress(received)

    async def decline(self, reason: str = "declined") -> None:
        """Decline the file, for a reason of the protocol. Does nothing if it is not open."""
        if self.is_open:
            self.is_open = False
            await wire.end(self._channel, reason)

    async def ask(self, question: Callable[[], Awaitable[bool]]) -> bool:
        """Return what ``question`` does, an async function that asks the person.

        Raises ``TransferFailed`` if the sender takes the offer back or is gone before. ``question``
        is then cancelled.
        """
        wanted = False
        with ungrouped(Exception):
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    nonlocal wanted
                    wanted = await question()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(ask)
                failure = await self.withdrawn()
                nursery.cancel_scope.cancel()
        if not self.is_open:
            raise failure
        return wanted

    async def withdrawn(self) -> TransferFailed:
        """Wait until the sender takes the offer back or is gone, and return why.

        For a program that waits for more: cancel this before ``save`` or ``decline``.
        """
        try:
            await wire.receive(self._channel)
        except TransferFailed as error:
            failure = error
        else:
            failure = wire.failure("failed")
        self.is_open = False
        with trio.CancelScope(shield=True):
            tell = not failure.by_other_side and failure.reason != wire.INTERRUPTED
            await wire.end(self._channel, failure.reason if tell else None)
        return failure


class Accepts(Protocol):
    """What a receiver needs of its channel. ``proxim.client.Channel`` has it."""

    def incoming(self) -> AsyncIterator[DataChannel]:
        """Iterate over the data channels that the other side opens."""
        ...


async def receive_offer(channel: DataChannel) -> Offer:
    """Return the offer of a data channel with the label ``file``.

    Raises ``TransferFailed`` if the other side offers no file there.
    """
    async with wire.closing(channel, only_on_failure=True):
        return Offer(channel, await wire.receive_offer(channel))


@asynccontextmanager
async def open_offers(
    channel: Accepts, *, most: int = MOST_OPEN
) -> AsyncIterator[trio.MemoryReceiveChannel[Offer]]:
    """Open an iterator over the files that the other side offers.

    ::

        async with open_offers(channel) as offers:
            async for offer in offers:
                await offer.save("Downloads")

    Each offer may be saved in a task of its own. At most ``most`` offers are open at a time; the
    sender of a further one is told ``busy``. This takes all data channels that the other side
    opens, and closes those that are not for a file.
    """
    found, offers = trio.open_memory_channel[Offer](inf)
    scope = trio.CancelScope()

    async def find(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        with scope:
            await _find_offers(channel, found, most)

    async with running(find, scope.cancel):
        yield offers


async def _find_offers(channel: Accepts, found: trio.MemorySendChannel[Offer], most: int) -> None:
    waiting: list[DataChannel] = []
    offers: list[Offer] = []

    async def find(data: DataChannel) -> None:
        with suppress(TransferFailed):
            offer = await receive_offer(data)
            offers.append(offer)
            found.send_nowait(offer)
        waiting.remove(data)

    async with found, trio.open_nursery() as nursery:
        async for data in channel.incoming():
            offers = [offer for offer in offers if offer.is_open]
            if data.label != wire.LABEL:
                await wire.end(data)
            elif len(waiting) + len(offers) >= most:
                nursery.start_soon(wire.end, data, "busy")
            else:
                waiting.append(data)
                nursery.start_soon(find, data)
