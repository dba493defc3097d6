"""Sessions of a host and a guest without failures."""

import time
from datetime import timedelta

import pytest
import trio
import trio.testing

from proxim.client import open_guest, open_host, resume_guest
from proxim.protocol import tokens
from proxim.protocol.errors import (
    AlreadyDecided,
    BadMessage,
    NotApproved,
    NotSupported,
    SessionOver,
    UnknownSession,
)
from proxim.protocol.messages import DeviceInfo, SessionType
from tests.client.helpers import (
    PATIENCE,
    asked,
    end,
    hear,
    info,
    paired,
    presence,
    registered,
    scripted,
    until,
)


@pytest.mark.parametrize("kind", list(SessionType))
async def test_host_opens_sessions_of_every_type(node, kind):
    ttl = 600 if kind == "temporary" else None
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create(kind, ttl=ttl)
        assert session.info.session_type == kind
        assert session.link == f"{node.url}/join#{session.session_id}.{session.token}"
        assert 290 < session.lapses_at - trio.current_time() <= 300
        expires = ttl and session.info.created_at + timedelta(seconds=ttl)
        assert session.info.expires_at == expires


async def test_link_comes_as_svg_on_request(node):
    async with open_host(node.url, uuid="desk") as host:
        assert "<svg" in (await host.create("persistent", qr="svg")).qr_svg
        assert (await host.create("persistent")).qr_svg is None


async def test_token_of_the_host_never_reaches_the_node(node):
    token = "t" * 43
    token_hash = tokens.encode(tokens.digest(token))
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", token_hash=token_hash)
        assert (session.link, session.token) == (None, None)
        link = f"{node.url}/join#{session.session_id}.{token}"
        async with open_guest(link, name="Phone"):
            await session.prompt()


async def test_renewed_link_replaces_the_old_one(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        first = session.link
        await session.renew()
        assert session.link != first
        with pytest.raises(UnknownSession):
            async with open_guest(first, name="Phone"):
                pass
        async with open_guest(session.link, name="Phone"):
            await session.prompt()


async def test_links_lead_to_the_page_of_the_program(node):
    page = "https://app.example/pair"
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", join_url=page)
        assert session.link.startswith(f"{page}#{session.session_id}.")
        first = session.link
        await session.renew(qr="svg")
        assert session.link.startswith(f"{page}#")
        assert session.link != first
        await session.renew(join_url="https://other.example/")
        assert session.link.startswith("https://other.example/#")
        async with open_guest(session.link, name="Phone", node_url=node.url):
            await session.prompt()
        with pytest.raises(BadMessage, match="join_url"):
            await host.create("persistent", join_url="app.example")


async def test_page_for_links_is_refused_where_the_node_is_too_old(nursery):
    url = await scripted(
        nursery,
        lambda asked: (
            [registered(asked, [info()])]
            if asked["type"] == "register"
            else [
                {
                    "type": "link_renewed",
                    "session_id": info()["session_id"],
                    "pair_within": 300,
                    "link": f"https://node.example/join#{'s' * 22}.{'t' * 43}",
                    "ref": asked["ref"],
                }
            ]
        ),
    )
    async with open_host(url, uuid="desk") as host:
        with pytest.raises(NotSupported):
            await host.create("persistent", join_url="https://app.example/pair")
        (session,) = host.sessions.values()
        await session.renew()
        with pytest.raises(NotSupported):
            await session.renew(join_url="https://app.example/pair")


async def test_list_shows_only_sessions_of_this_uuid_and_key(node):
    async with open_host(node.url, uuid="desk") as host, open_host(node.url, uuid="desk") as other:
        sessions = [await host.create("persistent") for _ in range(2)]
        opened = [each.session_id for each in sessions]
        foreign = await other.create("persistent")
        assert [each.session_id for each in await host.list()] == opened
        with pytest.raises(UnknownSession):
            await host.close(foreign.session_id)
        await host.close(opened[0])
        assert [each.status for each in await host.list()] == ["expired", "pending"]
        assert await end(sessions[0]) == ("expired", "closed")
        assert list(host.sessions) == [opened[1]]
        await host.close(opened[0])


async def test_key_of_an_earlier_program_resumes_its_sessions(node):
    async with open_host(node.url, uuid="desk") as host:
        session_id = (await host.create("persistent")).session_id
    async with open_host(node.url, uuid="desk", key=host.key) as later:
        assert list(later.sessions) == [session_id]
        await later.sessions[session_id].renew()
        assert later.sessions[session_id].link


async def test_host_without_seats_takes_no_seat(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("one_time")
        async with open_host(node.url, uuid="desk", key=host.key, seats=[]) as onlooker:
            assert [each.session_id for each in await onlooker.list()] == [session.session_id]
        await session.renew()


async def test_prompt_shows_the_device_and_approval_connects_it(node):
    async with asked(node.url) as (session, guest):
        prompt = await session.prompt()
        assert prompt.device_info == DeviceInfo(name="Phone", id="phone-1")
        for deadline in (prompt.expires_at, guest.expires_at):
            assert 35 < deadline - trio.current_time() <= 40
        assert (await prompt.approve()).status == "approved"
        await guest.approved()
        assert session.status == guest.status == "approved"
        assert session.peer_online
        assert guest.peer_online
        with pytest.raises(AlreadyDecided):
            await prompt.decline()


async def test_guest_learns_that_it_was_declined(node):
    async with asked(node.url) as (session, guest):
        prompt = await session.prompt()
        assert (await prompt.decline()).status == "rejected"
        with pytest.raises(SessionOver) as raised:
            await guest.approved()
        assert (raised.value.status, raised.value.reason) == ("rejected", "rejected")
        assert await end(session) == ("rejected", "rejected")


async def test_unanswered_prompt_is_declined(serve):
    node = await serve(approval_timeout=0.2)
    async with asked(node.url) as (session, guest):
        for side in (session, guest):
            assert await end(side) == ("expired", "approval_timeout")
        with pytest.raises(SessionOver, match="approval_timeout"):
            await guest.approved()
        with pytest.raises(AlreadyDecided):
            await session.decide(approve=True)


@pytest.mark.parametrize("closer", [0, 1])
async def test_either_side_can_end_an_approved_session(node, closer):
    async with paired(node.url) as sides:
        await sides[closer].close()
        for side in sides:
            assert await end(side) == ("expired", "closed")
            with pytest.raises(SessionOver):
                await side.send("too late")
            with pytest.raises(SessionOver):
                await side.receive()
            assert [data async for data in side.signals()] == []


async def test_temporary_session_ends_after_its_ttl(node):
    async with paired(node.url, "temporary", ttl=0.5) as sides:
        for side in sides:
            assert await end(side) == ("expired", "expired")


async def test_end_of_the_session_wakes_prompt(node, nursery):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        nursery.start_soon(host.close, session.session_id)
        with pytest.raises(SessionOver, match="closed"):
            await session.prompt()


async def test_signals_arrive_both_ways_in_order_and_unchanged(node):
    odd = [None, 1.5, "\u202eé\0", {"a": [{}, []]}, [], True]
    async with paired(node.url) as (session, guest):
        for number in range(50):
            await session.send(["to guest", number])
            await guest.send(["to host", number])
        for data in odd:
            await session.send(data)
        assert await hear(guest, 50) == [["to guest", number] for number in range(50)]
        assert await hear(session, 50) == [["to host", number] for number in range(50)]
        assert await hear(guest, len(odd)) == odd


async def test_signals_sent_before_close_arrive_first(node):
    async with paired(node.url) as (session, guest):
        for number in range(20):
            await session.send(number)
        await session.close()
        assert await hear(guest, 20) == list(range(20))
        assert await end(guest) == ("expired", "closed")


async def test_ice_servers_can_be_refreshed_once_approved(node):
    async with paired(node.url) as (session, guest):
        for side in (session, guest):
            fresh = await side.refresh_ice()
            assert fresh.ttl > 0
            assert side.ice_servers == fresh.ice_servers


async def test_resume_token_takes_the_guest_seat_in_another_program(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        async with open_guest(session.link, name="Phone") as guest:
            await (await session.prompt()).approve()
            await guest.approved()
        await presence(session, False)
        await session.send("meanwhile")
        seat = (node.url, session.session_id, guest.resume_token)
        async with resume_guest(*seat) as later:
            await later.approved()
            assert await hear(later, 1) == ["meanwhile"]
            await later.close()
        with pytest.raises(SessionOver, match="closed"):
            async with resume_guest(*seat):
                pass


async def test_presence_yields_each_change_until_the_end(node, nursery):
    async with paired(node.url) as (session, guest):
        tell, told = trio.open_memory_channel(9)

        async def watch():
            async with tell:
                async for online in session.presence():
                    await tell.send(online)

        nursery.start_soon(watch)
        with trio.fail_after(PATIENCE):
            await trio.testing.wait_all_tasks_blocked()
            async with resume_guest(node.url, session.session_id, guest.resume_token):
                pass
            assert await told.receive() is False
            async with resume_guest(node.url, session.session_id, guest.resume_token):
                assert await told.receive() is True
                await session.close()
                assert [online async for online in told] == []


async def test_prompt_right_after_the_reply_is_not_lost(nursery):
    prompt = {
        "type": "pair_prompt",
        "session_id": "s" * 22,
        "device_info": {"name": "Phone", "id": "1"},
        "expires_in": 40,
    }

    def answer(asked):
        if asked["type"] == "register":
            return [registered(asked)]
        created = {"type": "session_created", "session": info(), "pair_within": 300}
        return [{**created, "ref": asked["ref"]}, {"type": "from_the_future"}, prompt]

    async with open_host(await scripted(nursery, answer), uuid="desk") as host:
        session = await host.create("persistent")
        with trio.fail_after(PATIENCE):
            assert (await session.prompt()).device_info.name == "Phone"


async def test_sessions_that_nobody_asked_for_are_not_kept(nursery):
    def answer(asked):
        unasked = [
            {"type": "session_created", "session": info(session_id=f"{number:022}"), "link": "x"}
            for number in range(100)
        ]
        right = registered(asked, []) if asked["type"] == "register" else {"type": "sessions"}
        return [
            *unasked,
            {**right, "ref": asked["ref"], **({} if "uuid" in right else {"sessions": []})},
        ]

    async with open_host(await scripted(nursery, answer), uuid="desk") as host:
        assert await host.list() == []
        assert host.sessions == {}


async def test_ice_servers_are_refreshed_on_both_sides_before_they_expire(serve):
    node = await serve(turn=("turn:a",), turn_secret="hush", turn_ttl=2.0)
    async with paired(node.url) as (session, guest):
        for side in (session, guest):
            (before,) = side.ice_servers
            await until(lambda side=side, before=before: side.ice_servers != [before])
            (after,) = side.ice_servers
            assert int(after.username.split(":")[0]) > int(before.username.split(":")[0])


async def test_side_that_asks_again_and_again_keeps_its_turn_user_name(serve):
    node = await serve(turn=("turn:a",), turn_secret="hush")
    async with paired(node.url) as (session, guest):
        names = {
            (await side.refresh_ice()).ice_servers[0].username for side in [session, guest] * 75
        }
    assert len(names) == 2


async def test_each_side_gets_its_own_turn_credentials_after_approval(serve):
    node = await serve(turn=("turn:a",), turn_secret="hush")
    async with asked(node.url, "temporary", ttl=60) as (session, guest):
        assert (session.ice_servers, guest.ice_servers) == ([], [])
        with pytest.raises(NotApproved):
            await guest.refresh_ice()
        await session.decide(approve=True)
        await guest.approved()
        names = [side.ice_servers[0].username for side in (session, guest)]
        assert names[0] != names[1]
        assert all(int(name.split(":")[0]) <= time.time() + 60 for name in names)


async def test_signal_before_approval_is_refused_and_not_sent(node):
    async with asked(node.url) as (session, guest):
        for side in (session, guest):
            with pytest.raises(NotApproved, match="not approved yet"):
                await side.send("too early")
        await session.decide(approve=True)
        await guest.approved()
        await session.send("in time")
        assert await hear(guest, 1) == ["in time"]


async def test_receive_without_waiting(node):
    async with paired(node.url) as (session, guest):
        with pytest.raises(trio.WouldBlock):
            guest.receive_nowait()
        await session.send("one")
        await guest.wait_readable()
        assert guest.receive_nowait() == "one"
        await session.close()
        await guest.wait_readable()
        with pytest.raises(SessionOver, match="closed"):
            guest.receive_nowait()


async def test_task_that_only_waits_does_not_hold_a_signal_back(node):
    async with paired(node.url) as (session, guest), trio.open_nursery() as nursery:
        heard = []

        async def receive():
            heard.append(await guest.receive())

        nursery.start_soon(guest.wait_readable)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        await session.send("for the one that receives")
        await until(lambda: heard)
        assert heard == ["for the one that receives"]
        nursery.cancel_scope.cancel()
