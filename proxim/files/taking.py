"""Take the files that the other side offers, as an application decides, until the session ends."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable

import trio

from proxim.files import receiving
from proxim.files.names import safe_name
from proxim.files.receiving import Accepts, open_offers
from proxim.files.transfer import Transfer
from proxim.files.wire import failure
from proxim.protocol.errors import TransferFailed

log = logging.getLogger(__name__)


class Offer(Transfer):
    """A file that the other side offers, and what has become of it. Each attribute is current.

    ``name`` is a safe name for the file, made of the one that its sender claims. ``size`` is in
    bytes; ``type`` is a media type, or empty: a claim, too.

    ``received`` counts the bytes so far. At the end ``is_over`` is true, and either ``path`` is
    set, or ``error``; before a decision, there is then nothing to decide.
    """

    is_incoming = True

    def __init__(self, offer: receiving.Offer) -> None:
        super().__init__(safe_name(offer.name), offer.size)
        self.type = offer.type
        self._inner = offer

    @property
    def received(self) -> int:
        """The bytes that have come so far."""
        return self.crossed


Ask = Callable[[Offer], Awaitable[bool]]
Tell = Callable[[Offer], Awaitable[object]]


async def receive_files(
    channel: Accepts, folder: str | os.PathLike[str], *, decide: Ask, done: Tell
) -> None:
    """Store the files that the other side offers and ``decide`` accepts, until the session ends.

    ``decide`` is an async function that may wait for a person; each file has a task of its own.
    Only ``True`` accepts; an exception is logged and declines. If the sender takes the offer back,
    ``decide`` is cancelled. ``done`` is an async function that is called at the end of each file
    that was not declined.

    The names in ``folder`` are safe and new: see ``Offer.save``. This takes all data channels that
    the other side opens, as ``open_offers`` does.
    """
    async with open_offers(channel) as offers, trio.open_nursery() as nursery:
        async for offer in offers:
            nursery.start_soon(_receive, Offer(offer), folder, decide, done)


async def _receive(offer: Offer, folder: str | os.PathLike[str], decide: Ask, done: Tell) -> None:
    async def is_wanted() -> bool:
        try:
            return await decide(offer) is True
        except Exception:
            log.exception("`decide` failed; the file is declined")
            return False

    try:
        if not await offer._inner.ask(is_wanted):
            offer._finish(failure("declined"))
            await offer._inner.decline()
            return
        offer.path = await offer._inner.save(folder, progress=offer._count)
    except (TransferFailed, OSError) as error:
        offer._finish(error)
    else:
        offer._finish()
    try:
        await done(offer)
    except Exception:
        log.exception("`done` failed for a file")
