"""The channel to the other side, for threads that do not run Trio."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Thread

from proxim import rtc
from proxim.files import send_file
from proxim.files.sending import Progress
from proxim.files.taking import Offer, receive_files
from proxim.portal.portal import blocking
from proxim.portal.state import ChannelState, DataChannelState
from proxim.protocol.errors import ChannelClosed, ProximError, Unreachable
from proxim.rtc.channel import Message

log = logging.getLogger(__name__)


class DataChannel(DataChannelState):
    """A ``DataChannel`` with blocking methods, for any thread that does not run Trio."""

    send = blocking(rtc.DataChannel.send)
    close = blocking(rtc.DataChannel.aclose)

    def receive(self, timeout: float | None = None) -> Message:
        """Return the next message. Raises ``ChannelClosed`` after the last one."""
        return self._portal.call(self._inner.receive, timeout=timeout)

    def __iter__(self) -> Iterator[Message]:
        """Iterate over the messages until the channel is closed."""
        try:
            while True:
                yield self.receive()
        except ChannelClosed:
            return

    def __enter__(self) -> DataChannel:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Channel(ChannelState):
    """A ``Channel`` with blocking methods, for any thread that does not run Trio.

    It survives as a ``Channel`` does. ``timeout`` is in seconds; a method that takes longer raises
    ``TimeoutError``. Every method raises what that of ``Channel`` raises, and ``ConnectionLost``
    once the node has stopped.
    """

    send = blocking(rtc.Channel.send)
    path = blocking(rtc.Channel.path)

    def open(self, label: str) -> DataChannel:
        """Open another data channel, and return it once it is open."""
        return DataChannel(self._portal, self._portal.call(self._inner.open, label))

    def receive(self, timeout: float | None = None) -> Message:
        """Return the next message."""
        return self._portal.call(self._inner.receive, timeout=timeout)

    def __iter__(self) -> Iterator[Message]:
        """Iterate over the messages until the session ends. Raises ``Unreachable``."""
        try:
            while True:
                yield self.receive()
        except Unreachable:
            raise
        except ProximError:
            return

    def listen(self, receive: Callable[[Message], object]) -> None:
        """Call ``receive`` with each message from now on, one after the other. Returns at once.

        The node's ``call_in`` calls it, or else a thread of its own. An exception of ``receive`` is
        logged. It ends with the session.
        """
        Thread(target=self._deliver, args=(receive,), name="proxim-listen", daemon=True).start()

    def send_file(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
        """Offer a file to the other side, and send it once that side accepts.

        Returns when the other side has stored the file. Raises ``TransferFailed`` if the file does
        not cross, and ``OSError`` if it cannot be read. ``progress`` is called with the number of
        bytes so far, in the connection's thread, so it must neither block nor touch a window.
        """
        self._portal.call(partial(send_file, self._inner, path, progress=progress))

    def receive_files(
        self,
        folder: str | os.PathLike[str],
        *,
        decide: Callable[[Offer], bool | Awaitable[bool]],
        done: Callable[[Offer], object],
    ) -> None:
        """Store the files that the other side offers and ``decide`` accepts. Returns at once.

        ``decide`` is called as that of ``open_session`` is, and may wait for a person. Only
        ``True`` accepts; an exception is logged and declines. ``done`` is called at the end of each
        file that was not declined, with ``path`` or ``error`` set: the other side may take its
        offer back before the decision, too.

        The names in ``folder`` are safe and new: see ``proxim.files``. It ends with the session.
        This takes all data channels that the other side opens, so do not use ``incoming``, too.
        """
        application = self._portal.application
        ask, tell = application.wrap_file_question(decide), application.wrap_callback(done)
        work = partial(receive_files, self._inner, folder, decide=ask, done=tell)
        Thread(target=self._run, args=(work,), name="proxim-files", daemon=True).start()

    def incoming(self) -> Iterator[DataChannel]:
        """Iterate over the data channels that the other side opens, until the session ends."""
        channels = self._inner.incoming()
        try:
            while True:
                yield DataChannel(self._portal, self._portal.call(channels.__anext__))
        except (StopAsyncIteration, ProximError):
            return

    def presence(self) -> Iterator[bool]:
        """Yield at each change whether the two sides are connected, until the session ends."""
        seen: bool | None = self.is_open
        while (seen := self._portal.call(self._inner.presence_after, seen)) is not None:
            yield seen

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        with suppress(ProximError):
            self._portal.call(work)

    def _deliver(self, receive: Callable[[Message], object]) -> None:
        with suppress(ProximError):
            for message in self._all_messages():
                try:
                    self._portal.application.call(receive, message)
                except Exception:
                    log.exception("the application failed at a message of the channel")

    def _all_messages(self) -> Iterator[Message]:
        """Iterate until the session ends, also while the two sides have given up connecting."""
        while True:
            try:
                yield from self
                return
            except Unreachable:
                self._portal.call(self._inner.wait_retry)
