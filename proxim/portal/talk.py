"""A talk of Trio's thread, as other threads use it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from proxim import talk
from proxim.client.session import ClientSession
from proxim.files.taking import Offer
from proxim.files.transfer import Transfer
from proxim.portal.portal import Portal


class Talk:
    """Chat and files with the other side of a session, until it ends. No method waits.

    Chat goes over the channel, or through the node while there is no channel; files go over the
    channel alone. Make one with ``session.talk``.
    """

    def __init__(
        self,
        portal: Portal,
        session: ClientSession,
        folder: str | os.PathLike[str],
        *,
        hear: Callable[[str], object],
        notice: Callable[[str], object],
        decide: Callable[[Offer], bool | Awaitable[bool]],
        done: Callable[[Transfer], object],
    ) -> None:
        application = portal.application
        make = partial(
            talk.Talk,
            session,
            folder,
            hear=application.wrap_callback(hear),
            notice=application.wrap_callback(notice),
            decide=application.wrap_file_question(decide),
            done=application.wrap_callback(done),
        )
        self._portal = portal
        self._inner = portal.call_sync(make)
        portal.submit(self._inner.run)

    @property
    def transfers(self) -> list[Transfer]:
        """The files that wait or cross now, in both directions."""
        return list(self._inner.transfers)

    def send(self, text: str) -> None:
        """Send a chat message. ``notice`` is told if it cannot be sent."""
        self._portal.soon(partial(self._inner.send, text))

    def send_file(self, path: str | os.PathLike[str]) -> Transfer:
        """Offer a file to the other side, and send it once that side accepts.

        ``done`` is called with the transfer at its end.
        """
        path = Path(path)
        try:
            size = path.stat().st_size
        except OSError:
            size = 0  # Sending it fails, and `done` is told why.
        transfer = Transfer(path.name, size, path)
        self._portal.soon(partial(self._inner.send_file, transfer))
        return transfer
