"""A guest cancels its request to pair (protocol: Guest → node), and the host knows at once."""

import pytest
import trio

from proxim.client import open_guest, open_host, resume_guest
from proxim.protocol import errors
from tests.client.between import DOWN, UP, Between
from tests.client.first_version import FirstVersion
from tests.client.helpers import end
from tests.client.known import Pair, is_waiting, next_visit

CANCELLED = ("expired", "disconnected")
KINDS = pytest.mark.parametrize("kind", ["one_time", "temporary", "persistent"])
SEALED = pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])


async def opened(host, kind, *, sealed=False):
    return await host.create(kind, ttl=600 if kind == "temporary" else None, sealed=sealed)


@KINDS
@SEALED
async def test_guest_that_leaves_its_block_cancels_its_request(node, kind, sealed):
    async with open_host(node.url, uuid="desk") as host:
        session = await opened(host, kind, sealed=sealed)
        async with open_guest(session.link, name="Phone"):
            await session.prompt()
        assert await end(session) == CANCELLED


@KINDS
async def test_program_that_is_cancelled_cancels_its_request(node, kind):
    async with open_host(node.url, uuid="desk") as host:
        session = await opened(host, kind)
        with trio.CancelScope() as scope:
            async with open_guest(session.link, name="Phone") as guest:
                await session.prompt()
                scope.cancel()
                await guest.approved()
        assert await end(session) == CANCELLED


@KINDS
@SEALED
async def test_closing_before_the_approval_cancels_the_request(node, kind, sealed):
    async with open_host(node.url, uuid="desk") as host:
        session = await opened(host, kind, sealed=sealed)
        async with open_guest(session.link, name="Phone", store_token=print) as guest:
            prompt = await session.prompt()
            await guest.close()
            await guest.close()
            assert await end(guest) == await end(session) == CANCELLED
            with pytest.raises(errors.AlreadyDecided):
                await prompt.decline()


async def test_guest_that_stores_its_token_may_come_back(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        tokens = []
        async with open_guest(session.link, name="Phone", store_token=tokens.append):
            prompt = await session.prompt()
        async with resume_guest(node.url, session.session_id, tokens[-1]) as later:
            await prompt.approve()
            await later.approved()


async def test_guest_that_came_back_cancels_its_request_when_it_leaves(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        tokens = []
        async with open_guest(session.link, name="Phone", store_token=tokens.append):
            await session.prompt()
        async with resume_guest(node.url, session.session_id, tokens[-1]):
            pass
        assert await end(session) == CANCELLED


async def test_approval_that_the_guest_has_not_heard_ends_with_its_request(node, nursery):
    between = Between(node)
    await between.start(nursery)
    between.change = lambda message, way: message if message["type"] != "pair_result" else None
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        link = session.link.replace(node.url, between.url)
        async with open_guest(link, name="Phone"):
            await (await session.prompt()).approve()
        assert await end(session) == ("expired", "closed")
    assert between.types(UP)[-2:] == ["pair_cancel", "close_session"]


async def test_older_node_is_sent_nothing_that_it_does_not_know(node, nursery):
    between = FirstVersion(node)
    await between.start(nursery)
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        link = session.link.replace(node.url, between.url)
        async with open_guest(link, name="Phone") as guest:
            prompt = await session.prompt()
            with pytest.raises(errors.NotAllowed):
                await guest.close()
        await prompt.decline()
    assert not between.later[UP]
    assert "pair_pending" in between.types(DOWN)


async def test_visit_that_is_cancelled_costs_nothing(node):
    pair = Pair(node.url)
    async with pair.host() as host:
        await pair.remember(host)
        for _ in range(2):
            async with pair.visit():
                visit = await next_visit(host)
                await visit.prompt()
            assert await end(visit) == CANCELLED
            await is_waiting(host)
        async with pair.visiting(host):
            pass
