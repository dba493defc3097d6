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
from proxim.files.sending import check_file, send_file
from proxim.files.wire import DataChannel

__all__ = [
    "MOST_OPEN",
    "DataChannel",
    "Offer",
    "check_file",
    "open_offers",
    "receive_offer",
    "safe_name",
    "send_file",
]
