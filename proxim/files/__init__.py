"""Send files to the other side, and take those that it offers (docs/reference/channel.md: Files).

::

    channel = await session.channel()
    await send_file(channel, "holiday.jpg")

    async with open_offers(channel) as offers:
        async for offer in offers:
            print(safe_name(offer.name), offer.size)
            path = await offer.save("Downloads")

A file crosses only once its receiver has accepted it, and never through the node.
"""

from proxim.files.names import safe_name
from proxim.files.receiving import MOST_OPEN, Offer, open_offers, receive_offer
from proxim.files.sending import MOST_OUTGOING, check_file, send_file
from proxim.files.taking import receive_files
from proxim.files.transfer import Transfer
from proxim.files.wire import DataChannel

__all__ = [
    "MOST_OPEN",
    "MOST_OUTGOING",
    "DataChannel",
    "Offer",
    "Transfer",
    "check_file",
    "open_offers",
    "receive_files",
    "receive_offer",
    "safe_name",
    "send_file",
]


def __dir__() -> list[str]:
    return __all__
