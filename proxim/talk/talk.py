"""Chat and files for a program: everything beside the session's own pairing."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, TypeVar

import trio

from proxim.files import MOST_OUTGOING, receive_files, send_file
from proxim.files.taking import Offer
from proxim.files.transfer import Transfer
from proxim.protocol.errors import ProximError
from proxim.talk.chat import Chat
from proxim.talk.direct import Direct
from proxim.talk.listener import By, why_indirect, without_channel

if TYPE_CHECKING:
    from proxim.client.session import ClientSession
    from proxim.rtc.path import Path as ChannelPath

T = TypeVar("T")

log = logging.getLogger(__name__)


class Talk:
    """Exchanges chat and files with the other side until the session ends.

    It also ends when a restart of the node has lost the guest of a session that is not sealed: make
    another one for the next guest.

    ``hear`` is called with each chat message, ``notice`` with a sentence when the connection
    changes, a message is not sent, or the session ends. ``decide`` says whether to take an offered
    file, and ``done`` is called at the end of each file, in both directions, unless this side has
    declined it. All of them are async functions, and their exceptions are logged.

    ``transfers`` are the files that wait or cross.
    """

    def __init__(
        self,
        session: ClientSession,
        folder: str | os.PathLike[str],
        *,
        hear: Callable[[str], Awaitable[object]],
        notice: Callable[[str], Awaitable[object]],
        decide: Callable[[Offer], Awaitable[bool]],
        done: Callable[[Transfer], Awaitable[object]],
    ) -> None:
        self.transfers: list[Transfer] = []
        self._session = session
        self._folder = folder
        self._hear = hear
        self._notice = notice
        self._decide = decide
        self._done = done
        self._notices, self._to_tell = trio.open_memory_channel[str](inf)
        self._outgoing, self._to_send = trio.open_memory_channel[Transfer](inf)
        self._turn = trio.Semaphore(MOST_OUTGOING)
        self._ends: trio.Nursery
        told = _Told(self, sealed=session.sealed)
        self._direct = Direct(session, told)
        self._chat = Chat(session, self._direct, told)

    async def run(self) -> None:
        """Run until the session ends; ``notice`` is told why. Then nothing is called any more."""
        try:
            await self._run()
        finally:
            # The functions lead to the application's window, and this may be a part of that: only
            # the garbage collector would free both, in any thread.
            self._hear = self._notice = self._done = self._decide = _ignore

    async def _run(self) -> None:
        async with trio.open_nursery() as self._ends:
            await self._exchange()
            for transfer in list(self.transfers):
                transfer._finish(self._direct.over)
                await self._end(transfer)
        while True:
            try:
                await self._tell(self._notice, self._to_tell.receive_nowait())
            except trio.WouldBlock:
                break
        await self._tell(self._notice, f"{self._direct.over}.")

    async def _exchange(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._chat.run)
            nursery.start_soon(self._send_files)
            nursery.start_soon(self._tell_notices)
            # These end by themselves with the session, and tell what has come before.
            async with trio.open_nursery() as readers:
                readers.start_soon(self._direct.stop_without_guest, readers.cancel_scope)
                readers.start_soon(self._direct.run)
                readers.start_soon(self._chat.receive)
                readers.start_soon(self._receive_files)
                readers.start_soon(self._read_signals)
            nursery.cancel_scope.cancel()

    def send(self, text: str) -> None:
        """Send a chat message, once those before it were sent. Returns at once."""
        self._chat.say(text)

    def send_file(self, transfer: Transfer) -> None:
        """Offer the file of a transfer, once there is a channel. Returns at once."""
        self.transfers.append(transfer)
        self._outgoing.send_nowait(transfer)

    def tell(self, sentence: str) -> None:
        """Tell ``notice`` a sentence. Returns at once."""
        self._notices.send_nowait(sentence)

    async def hear(self, text: str) -> None:
        """Tell ``hear`` a message."""
        await self._tell(self._hear, text)

    # -- tasks -----------------------------------------------------------------------------------

    async def _tell_notices(self) -> None:
        async for sentence in self._to_tell:
            await self._tell(self._notice, sentence)

    async def _read_signals(self) -> None:
        async for data in self._session.signals():
            if isinstance(data, str):
                await self._chat.hear(data, "signal")

    async def _send_files(self) -> None:
        async with trio.open_nursery() as nursery:
            async for transfer in self._to_send:
                await self._turn.acquire()
                nursery.start_soon(self._send_file, transfer)

    async def _send_file(self, transfer: Transfer) -> None:
        assert transfer.path is not None
        try:
            channel = await self._direct.wait_open()
            await send_file(channel, transfer.path, progress=transfer._count)
        except (ProximError, OSError) as error:
            transfer._finish(error)
        else:
            transfer._finish()
        finally:
            self._turn.release()
        await self._end(transfer)

    async def _receive_files(self) -> None:
        while not self._direct.is_over:
            with suppress(ProximError):
                channel = await self._direct.wait_open()
                await receive_files(channel, self._folder, decide=self._ask, done=self._end)
            await self._direct.wait_repaired()

    async def _ask(self, offer: Offer) -> bool:
        is_wanted = await self._decide(offer) is True
        if is_wanted:
            self.transfers.append(offer)
        return is_wanted

    async def _end(self, transfer: Transfer) -> None:
        if transfer in self.transfers:
            self.transfers.remove(transfer)
        # In a task that the end of the session does not cancel: nobody else would tell it.
        self._ends.start_soon(self._tell, self._done, transfer)

    async def _tell(self, function: Callable[[T], Awaitable[object]], value: T) -> None:
        try:
            await function(value)
        except Exception:
            log.exception("the application failed at what it was told")


async def _ignore(_: object) -> bool:
    return False


class _Told:
    """Turns what happens into sentences for a person."""

    def __init__(self, talk: Talk, *, sealed: bool) -> None:
        self._talk = talk
        self._sealed = sealed

    def opened(self, path: ChannelPath | None) -> None:
        is_relayed = path is not None and path.relayed
        self._talk.tell("Connected through a relay." if is_relayed else "Connected directly.")

    def lost(self) -> None:
        self._talk.tell("The direct connection is lost. Reconnecting…")

    def gave_up(self, error: ProximError) -> None:
        self._talk.tell(f"{why_indirect(error)} {without_channel(sealed=self._sealed)}")

    async def heard(self, text: str, by: By) -> None:
        await self._talk.hear(text)

    def sent_by_node(self) -> None:
        self._talk.tell("Sent through the server, since the devices are not connected yet.")

    def not_sent(self, error: ProximError) -> None:
        self._talk.tell(f"Not sent: {error}.")
