"""Resume tokens: each resume brings a new one, and an old one ends the session."""

import pytest
import trio

from proxim.client import open_guest, open_host, resume_guest
from proxim.protocol.errors import ConnectionLost, SessionOver
from tests.client.helpers import PATIENCE, end, paired


async def test_each_new_resume_token_is_stored(wire, node):
    stored = []
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        link = wire.url + session.link[session.link.index("/join#") :]
        async with open_guest(link, name="Phone", store_token=stored.append) as guest:
            await (await session.prompt()).approve()
            await guest.approved()
            assert stored == [guest.resume_token]
            await wire.cut(guest)
            await wire.mend()
            with trio.fail_after(PATIENCE):
                while len(stored) < 2:  # noqa: ASYNC110 - there is no event for it
                    await trio.sleep(0.01)
            assert stored[1] == guest.resume_token != stored[0]
        for _ in range(3):
            seat = (node.url, session.session_id, stored[-1])
            async with resume_guest(*seat, store_token=stored.append) as later:
                await later.approved()
        assert len(set(stored)) == 5


async def test_guest_that_reconnects_often_keeps_its_seat(wire, node):
    async with paired(node.url, guest_url=wire.url) as (session, guest):
        for number in range(4):
            await wire.cut(guest)
            await wire.mend()
            await session.send(number)
            with trio.fail_after(PATIENCE):
                assert await guest.receive() == number


async def test_copied_resume_token_ends_the_session_and_both_sides_are_told(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        async with open_guest(session.link, name="Phone") as guest:
            await (await session.prompt()).approve()
            await guest.approved()
            copy = guest.resume_token
        async with resume_guest(node.url, session.session_id, copy) as guest:
            token = guest.resume_token
        async with resume_guest(node.url, session.session_id, token) as guest:
            with pytest.raises(SessionOver, match="token_reused"):
                async with resume_guest(node.url, session.session_id, copy):
                    pass
            for side in (guest, session):
                assert await end(side) == ("expired", "token_reused")


async def test_failing_store_ends_the_connection(node):
    def fail(token):
        raise OSError("the disk is full")

    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        with pytest.raises(OSError, match="the disk is full"):
            async with open_guest(session.link, name="Phone", store_token=fail):
                pytest.fail("the guest could not come back")
    with pytest.raises(ConnectionLost):
        await host.list()
