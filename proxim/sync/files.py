"""Take the files that the other side offers, as an application without Trio decides."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from proxim import files
from proxim.files import open_offers, safe_name
from proxim.protocol.errors import TransferFailed
from proxim.rtc.channel import Channel

log = logging.getLogger(__name__)


class Offer:
    """A file that the other side offers, and what has become of it. Each attribute is current.

    ``name`` is a safe name for the file, made of the one that its sender claims. ``size`` is in
    bytes; ``type`` is a media type, or empty: a claim, too.

    ``received`` counts the bytes so far. At the end either ``path`` is set, or ``error``.
    """

    def __init__(self, offer: files.Offer) -> None:
        self.name = safe_name(offer.name)
        self.size = offer.size
        self.type = offer.type
        self.received = 0
        self.path: Path | None = None
        self.error: TransferFailed | OSError | None = None
        self._inner = offer

    @property
    def is_over(self) -> bool:
        """Whether the file has come or failed; before a decision, there is nothing to decide."""
        return self.path is not None or self.error is not None


Ask = Callable[[Offer], Awaitable[bool]]
Tell = Callable[[Offer], Awaitable[object]]


async def receive_files(
    channel: Channel, folder: str | os.PathLike[str], ask: Ask, tell: Tell
) -> None:
    """Take the files that ``ask`` accepts until the session ends, each in a task of its own.

    Calls ``tell`` at the end of each file that was not declined.
    """
    async with open_offers(channel) as offers, trio.open_nursery() as nursery:
        async for offer in offers:
            nursery.start_soon(_receive, Offer(offer), folder, ask, tell)


async def _receive(offer: Offer, folder: str | os.PathLike[str], ask: Ask, tell: Tell) -> None:
    if not await _is_wanted(offer, ask):
        await offer._inner.decline()
        return
    if offer.error is None:
        await _save(offer, folder)
    try:
        await tell(offer)
    except Exception:
        log.exception("`done` failed for a file")


async def _is_wanted(offer: Offer, ask: Ask) -> bool:
    """Return whether the application accepts the file, or its sender has taken it back."""
    is_wanted = False
    async with trio.open_nursery() as nursery:

        async def cancel_when_withdrawn() -> None:
            offer.error = await offer._inner.withdrawn()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cancel_when_withdrawn)
        try:
            is_wanted = await ask(offer) is True
        except Exception:
            log.exception("`decide` failed; the file is declined")
        nursery.cancel_scope.cancel()
    return is_wanted or offer.error is not None


async def _save(offer: Offer, folder: str | os.PathLike[str]) -> None:
    def count(received: int) -> None:
        offer.received = received

    try:
        offer.path = await offer._inner.save(folder, progress=count)
    except (TransferFailed, OSError) as error:
        offer.error = error
