"""A node whose application is the host, with guests on memory streams."""

import trio

from proxim.net.token_bucket import TokenBucket
from proxim.protocol.link import parse_link
from proxim.settings import Settings
from tests.net.helpers import MemoryNode

DEVICE = {"name": "Phone", "id": "phone-1"}
NO_RATE = TokenBucket.of(0, 1)


class Parlour(MemoryNode):
    """A node without sockets, on which an application opens sessions."""

    def __init__(self, nursery, *, settings=None, **limits):
        super().__init__(nursery, settings=Settings(**(settings or {})), **limits)
        nursery.start_soon(self.host.run)

    async def open_session(self, session_type="one_time", **options):
        """Open a session as the application does."""
        options = {"ttl": None, "token_hash": None, "qr": None, **options}
        return await self.host.open(session_type, **options)

    async def guest(self, session, device=DEVICE):
        """Return a client that has asked to pair."""
        _, session_id, token = parse_link(session.link)
        guest = await self.client()
        await guest.say("pair_request", session_id=session_id, token=token, device_info=device)
        guest.code = (await guest.hear("pair_pending")).get("code")
        return guest

    async def pair_up(self, kind="one_time", **options):
        """Return an approved session of the application, and its guest."""
        session = await self.open_session(kind, **options)
        guest = await self.guest(session)
        await (await session.prompt()).approve()
        assert (await guest.hear("pair_result"))["status"] == "approved"
        return session, guest


async def over(session):
    """Return the status and the reason of the end."""
    with trio.fail_after(100):
        end = await session.ended()
    return end.status, end.reason
