"""Sessions that are not sealed, at a node that was restarted, and has kept nothing."""

import time
from types import SimpleNamespace

import pytest
import trio

from proxim.client import open_guest, open_host
from proxim.protocol import errors
from tests.client.between import DOWN, UP, Between
from tests.client.helpers import PATIENCE, asked, end, hear, paired, presence, until
from tests.client.sealed import at
from tests.client.test_restarts import restart


async def new_link(session, seen):
    with trio.fail_after(PATIENCE):
        return await session.link_after(seen)


async def pair_again(session, url):
    """Pair another guest by the session's link, and let both sides speak."""
    async with open_guest(at(session.link, url), name="Tablet") as guest:
        with trio.fail_after(PATIENCE):
            prompt = await session.prompt()
            assert prompt.device_info.name == "Tablet"
            await prompt.approve(guest.code)
            await guest.approved()
        await session.send("host again")
        await guest.send("guest again")
        assert await hear(guest, 1) == ["host again"]
        assert await hear(session, 1) == ["guest again"]


@pytest.mark.parametrize("kind", ["persistent", "temporary"])
async def test_approved_session_is_opened_again_and_waits_for_a_guest(wire, serve, kind):
    ttl = {"ttl": 600.0} if kind == "temporary" else {}
    async with paired(wire.url, kind, guest_url=wire.url, **ttl) as (session, guest):
        for _ in range(2):
            link, before, info = session.link, session.session_id, session.info
            await restart(wire, serve, session)
            again = await new_link(session, link)
            assert (session.status, session.over, session.device_info) == ("pending", None, None)
            assert again == session.link != link
            assert session.session_id == session.info.session_id != before
            assert session.info.session_type == kind
            if ttl:
                assert abs((session.info.expires_at - info.expires_at).total_seconds()) < 1
            await until(lambda: session._connection.online)
            await pair_again(session, wire.url)
        assert await end(guest) == ("expired", "lost")


async def test_guest_is_gone_before_there_is_a_new_link(wire, serve):
    async with paired(wire.url, guest_url=wire.url) as (session, _):
        told, link = [], session.link

        async def watch_presence():
            async for online in session.presence():
                told.append(online)

        async def watch_links():
            async for each in session.links():
                told.append(each)

        async with trio.open_nursery() as watching:
            watching.start_soon(watch_presence)
            watching.start_soon(watch_links)
            await until(lambda: told == [link])
            await restart(wire, serve, session)
            await until(lambda: len(told) == 3)
            watching.cancel_scope.cancel()
        assert told == [link, False, session.link]


async def test_session_is_opened_again_as_it_was_opened(wire, serve):
    page, name = "https://pair.example/join", "Desk"
    options = {"confirm": "code", "qr": "svg", "join_url": page, "host_name": name}
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("persistent", **options)
        link, drawn = session.link, session.qr_svg
        await restart(wire, serve, session)
        again = await new_link(session, link)
        assert again.startswith(f"{page}#")
        assert session.qr_svg not in (None, drawn)
        assert (session.confirm, host.sessions) == ("code", {session.session_id: session})
        await until(lambda: session._connection.online)
        link = f"{wire.url}/join#{again.partition('#')[2]}"
        async with open_guest(link, name="Phone") as guest:
            assert (guest.host_name, len(guest.code)) == (name, 3)


async def test_code_that_was_used_is_worth_nothing_after_the_restart(wire, serve):
    async with paired(wire.url, guest_url=wire.url) as (session, _):
        link = session.link
        await restart(wire, serve, session)
        await new_link(session, link)
        await until(lambda: session._connection.online)
        with pytest.raises(errors.UnknownSession):
            async with open_guest(at(link, wire.url), name="Thief"):
                pass
        assert session._prompt is None


async def test_code_that_no_guest_has_used_gives_way_to_another(wire, serve):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("persistent", confirm="code")
        link = session.link
        async with trio.open_nursery() as waiting:
            prompts = []

            async def wait():
                prompts.append(await session.prompt())

            waiting.start_soon(wait)
            await restart(wire, serve, session)
            await new_link(session, link)
            await until(lambda: session._connection.online)
            assert session.confirm == "code"
            await pair_again(session, wire.url)
        assert [prompt.device_info.name for prompt in prompts] == ["Tablet"]


async def test_prompt_of_before_the_restart_decides_about_no_other_guest(wire, serve):
    async with asked(wire.url, guest_url=wire.url) as (session, guest):
        earlier, link = await session.prompt(), session.link
        await restart(wire, serve, session)
        await new_link(session, link)
        assert await end(guest) == ("expired", "lost")
        assert (earlier.is_over, session._prompt) == (True, None)
        await until(lambda: session._connection.online)
        async with open_guest(at(session.link, wire.url), name="Tablet"):
            await session.prompt()
            for answer in (earlier.approve, earlier.decline, earlier.approve_unchecked):
                with pytest.raises(errors.AlreadyDecided):
                    await answer()
            assert session.status == "pending"


async def test_next_guest_gets_nothing_of_the_one_before(wire, serve):
    async with paired(wire.url, guest_url=wire.url) as (session, guest):
        await guest.send("first")
        await guest.send("never read")
        assert await hear(session, 1) == ["first"]
        await until(lambda: session.unread_bytes > 0)
        link = session.link
        await wire.cut(session, guest)
        await session.send("for the first guest")
        wire.node = await serve()
        await wire.mend()
        await new_link(session, link)
        with pytest.raises(errors.NotApproved):
            await session.send("for nobody")
        await until(lambda: session._connection.online)
        await pair_again(session, wire.url)


async def test_signals_of_the_guest_before_can_be_received_until_the_next_one(wire, serve):
    async with paired(wire.url, guest_url=wire.url) as (session, guest):
        await guest.send("last words")
        await until(lambda: session.unread_bytes > 0)
        link = session.link
        await restart(wire, serve, session)
        await new_link(session, link)
        assert await hear(session, 1) == ["last words"]


async def test_one_time_session_that_waits_is_over(wire, serve):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("one_time")
        await restart(wire, serve, session)
        assert await end(session) == ("expired", "lost")
        assert host.sessions == {}


async def test_session_with_a_token_of_the_program_is_over(wire, serve):
    async with open_host(wire.url, uuid="desk") as host:
        opened = await host.create("persistent", token_hash="A" * 43)
        renewed = await host.create("persistent")
        await renewed.renew(token_hash="B" * 42 + "A")
        await restart(wire, serve, opened, renewed)
        assert [await end(each) for each in (opened, renewed)] == [("expired", "lost")] * 2


async def test_session_whose_time_is_over_is_not_opened_again(serve, nursery, monkeypatch):
    between = Between(await serve())
    await between.start(nursery)
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("temporary", ttl=600.0)
        later = time.time() + 601
        # For this module alone: another would take it for a sleep of the machine.
        clock = SimpleNamespace(time=lambda: later)
        monkeypatch.setattr("proxim.client.linked_session.time", clock)
        between.node = await serve()
        between.cut()
        assert await end(session) == ("expired", "lost")
        assert between.types(UP).count("create_session") == 1


async def test_session_that_was_closed_while_the_host_was_away_stays_closed(wire, node):
    async with paired(wire.url, guest_url=node.url) as (session, guest):
        await wire.cut(session)
        await guest.close()
        await node.supervisor.sweep()
        await wire.mend()
        assert await end(session) == ("expired", "lost")


async def test_node_that_forgets_without_a_restart_loses_the_session(wire, node):
    async with paired(wire.url, guest_url=wire.url) as (session, guest):
        node.supervisor.release(node.supervisor.find(session.session_id))
        await wire.cut(session, guest)
        await wire.mend()
        assert [await end(side) for side in (session, guest)] == [("expired", "lost")] * 2


async def test_session_that_is_closed_after_the_restart_stays_closed(wire, serve):
    async with paired(wire.url, guest_url=wire.url) as (session, _):
        link = session.link
        await restart(wire, serve, session)
        await new_link(session, link)
        await until(lambda: session._connection.online)
        await session.close()
        assert await end(session) == ("expired", "closed")


async def test_session_of_an_earlier_program_is_opened_again(wire, serve):
    async with open_host(wire.url, uuid="desk") as host:
        key = host.key
        first = await host.create("temporary", ttl=600.0, confirm="code")
        expiry = first.info.expires_at
    async with open_host(wire.url, uuid="desk", key=key) as host:
        [session] = host.sessions.values()
        assert session.link is None
        await restart(wire, serve, session)
        await new_link(session, None)
        assert abs((session.info.expires_at - expiry).total_seconds()) < 1
        assert session.confirm == "code"
        await until(lambda: session._connection.online)
        await pair_again(session, wire.url)


async def test_host_with_seats_keeps_the_seat(wire, serve):
    seats = []
    async with open_host(wire.url, uuid="desk", seats=seats) as host:
        session = await host.create("persistent")
        link = session.link
        await restart(wire, serve, session)
        await new_link(session, link)
        await until(lambda: session._connection.online)
        await wire.cut(session)
        await wire.mend()
        await until(lambda: session._connection.online)
        assert (host.sessions, session.over) == ({session.session_id: session}, None)
        await pair_again(session, wire.url)


async def test_session_that_the_node_does_not_open_again_is_lost(wire, serve):
    async with paired(wire.url, guest_url=wire.url) as (session, _):
        wire.node = await serve(require_seal=True)
        await wire.cut(session)
        await wire.mend()
        assert await end(session) == ("expired", "lost")


async def test_restart_while_the_session_is_opened_again(wire, serve, nursery):
    between = Between(wire.node)
    await between.start(nursery)
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent")
        link, successors = session.link, [await serve(), await serve()]

        def lose_first_answer(message, way):
            if way == DOWN and message["type"] == "session_created" and len(successors) == 1:
                between.node = successors.pop()
                between.cut()
                return None
            return message

        between.change = lose_first_answer
        between.node = successors.pop()
        between.cut()
        await new_link(session, link)
        assert (successors, host.sessions) == ([], {session.session_id: session})
        await until(lambda: session._connection.online)
        await pair_again(session, between.url)


async def test_channel_of_the_guest_before_is_over(wire, serve):
    pytest.importorskip("aiortc")
    async with paired(wire.url, guest_url=wire.url) as (session, guest):
        async with trio.open_nursery() as opening:
            opening.start_soon(guest.channel)
            channel = await session.channel()
        link = session.link
        await restart(wire, serve, session)
        await new_link(session, link)
        with trio.fail_after(PATIENCE), pytest.raises(errors.SessionOver):
            await channel.receive()
        await until(lambda: session._connection.online)
        async with open_guest(at(session.link, wire.url), name="Tablet") as tablet:
            await (await session.prompt()).approve()
            await tablet.approved()
            async with trio.open_nursery() as opening:
                opening.start_soon(tablet.channel)
                with trio.fail_after(PATIENCE):
                    again = await session.channel()
            await again.send("hello")
            assert await (await tablet.channel()).receive() == "hello"


async def test_presence_of_the_next_guest_is_told(wire, serve):
    async with paired(wire.url, guest_url=wire.url) as (session, _):
        link = session.link
        await restart(wire, serve, session)
        await new_link(session, link)
        assert session.peer_online is False
        await until(lambda: session._connection.online)
        async with open_guest(at(session.link, wire.url), name="Tablet") as guest:
            await (await session.prompt()).approve()
            await guest.approved()
            await presence(session, True)
