"""Sealed sessions after lost connections, reloads and take-overs."""

import math

import pytest
import trio

from proxim.client import Notice, open_guest, open_host, resume_guest, sealed
from proxim.protocol import errors
from tests.client.between import DOWN, UP, Between
from tests.client.helpers import PATIENCE, end, hear, listed, presence, until
from tests.client.sealed import approved, asked, at


@pytest.mark.parametrize("away", ["host", "guest"])
async def test_signals_to_an_offline_side_arrive_in_order(wire, node, away):
    urls = (wire.url, node.url) if away == "host" else (node.url, wire.url)
    async with approved(urls[0], guest_url=urls[1]) as (session, guest):
        absent, present = (session, guest) if away == "host" else (guest, session)
        await present.send(0)
        await absent.send("a")
        assert await hear(absent, 1) == [0]
        assert await hear(present, 1) == ["a"]
        await wire.cut(absent)
        await presence(present, False)
        for number in range(1, 40):
            await present.send(number)
            await absent.send(f"away {number}")
        await wire.mend()
        await present.send(40)
        await presence(present, True)
        await present.send(41)
        assert await hear(absent, 41) == list(range(1, 42))
        assert await hear(present, 39) == [f"away {number}" for number in range(1, 40)]
        assert (list(session._notices), list(guest._notices)) == ([], [])


async def test_both_sides_may_be_offline_at_once(wire, monkeypatch):
    monkeypatch.setattr(sealed, "PATIENCE", math.inf)  # Neither side waits for a hello in vain.
    async with approved(wire.url, guest_url=wire.url) as (session, guest):
        await wire.cut(session, guest)
        for number in range(10):
            await session.send(number)
            await guest.send(-number)
        await wire.mend()
        assert await hear(guest, 10) == list(range(10))
        assert await hear(session, 10) == [-number for number in range(10)]


async def test_too_much_for_an_offline_side_is_refused_and_nothing_is_lost(wire, node):
    async with approved(node.url, guest_url=wire.url) as (session, guest):
        await wire.cut(guest)
        await presence(session, False)
        for number in range(256):
            await session.send(number)
        with pytest.raises(errors.PeerOffline, match="nothing was sent"):
            await session.send("too much")
        await wire.mend()
        assert await hear(guest, 256) == list(range(256))


async def test_reloaded_guest_shows_the_same_code(node):
    async with asked(node.url) as (session, guest, prompt):
        code = await guest.wait_code()
        tokens = []
        seat = (node.url, session.session_id, guest.resume_token)
        async with resume_guest(*seat, store_token=tokens.append) as later:
            assert await later.wait_code() == code
            assert later.sealed
            await prompt.approve(code)
            await later.approved()
            assert (later.host_name, later.device_info.name) == ("Desk", "Phone")
            await later.send("later")
            assert await hear(session, 1) == ["later"]
        assert tokens[-1] == later.resume_token
        async with resume_guest(node.url, session.session_id, tokens[-1]) as last:
            assert (last.host_name, last.device_info.name) == ("Desk", "Phone")
            await session.send("last")
            assert await hear(last, 1) == ["last"]


async def test_guest_that_is_reloaded_before_the_ack_shows_the_code(node, nursery):
    between = Between(node)
    await between.start(nursery)
    between.change = lambda message, way: None if message["type"] == "pair_ack" else message
    async with asked(node.url, guest_url=between.url) as (session, guest, prompt):
        await until(lambda: "pair_ack" in between.types(DOWN))
        assert guest.code is None
        async with resume_guest(node.url, session.session_id, guest.resume_token) as later:
            await prompt.approve(await later.wait_code())
            await later.approved()


async def test_guest_that_is_reloaded_after_the_answer_learns_it(node, nursery):
    between = Between(node)
    await between.start(nursery)
    between.change = lambda message, way: None if message["type"] == "pair_result" else message
    async with asked(node.url, guest_url=between.url) as (session, guest, prompt):
        await prompt.approve(await guest.wait_code())
        await until(lambda: "pair_result" in between.types(DOWN))
        await session.send("kept")
        async with resume_guest(node.url, session.session_id, guest.resume_token) as later:
            await later.approved()
            assert later.host_name == "Desk"
            await later.send("more")
            assert await hear(session, 1) == ["more"]


async def test_resume_token_that_is_cut_short_is_refused(node):
    async with approved(node.url) as (session, guest):
        with pytest.raises(errors.BadMessage, match="cut short"):
            async with resume_guest(node.url, session.session_id, guest.resume_token[:-1]):
                pass


async def test_lost_reply_to_the_request_makes_the_guest_ask_again(node, nursery):
    between = Between(node)
    await between.start(nursery)

    def lose_the_first(message, way):
        if message["type"] == "pair_pending" and between.connections == 1:
            between.cut()
            return None
        return message

    between.change = lose_the_first
    async with asked(node.url, guest_url=between.url) as (_session, guest, prompt):
        requests = [m for m, _ in between.messages() if m["type"] == "pair_request"]
        assert len(requests) == 2
        assert requests[0]["seal"] == requests[1]["seal"]
        await prompt.approve(await guest.wait_code())
        await guest.approved()


async def test_lost_node_is_not_asked_for_ever(nursery, node, monkeypatch):
    monkeypatch.setattr("proxim.client.guest.RETRIES", 1)
    between = Between(node)
    await between.start(nursery)

    def lose(message, way):
        if message["type"] == "pair_pending":
            between.cut()
            return None
        return message

    between.change = lose
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        with pytest.raises(errors.ConnectionLost):
            async with open_guest(at(session.link, between.url), name="Phone"):
                pass
    assert between.types(UP).count("pair_request") == 2


async def test_reconnected_host_gets_its_prompt_again(wire, node):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(at(session.link, node.url), name="Phone") as guest:
            first = await session.prompt()
            code = await guest.wait_code()
            await wire.cut(session)
            await wire.mend()
            await listed(host)
            again = await session.prompt()
            assert again is not first
            assert again.device_info.name == "Phone"
            assert guest.code == code
            await again.approve(code)
            await guest.approved()


async def test_lost_decision_is_sent_again_without_a_question(node, nursery):
    between = Between(node)
    await between.start(nursery)

    def lose(message, way):
        if message["type"] == "pair_decision" and between.connections == 1:
            between.cut()
            return None
        return message

    between.change = lose
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(at(session.link, node.url), name="Phone") as guest:
            prompt = await session.prompt()
            with pytest.raises(errors.ConnectionLost):
                await prompt.approve(await guest.wait_code())
            with trio.fail_after(PATIENCE):
                await guest.approved()
            await guest.send("here")
            assert await hear(session, 1) == ["here"]


@pytest.mark.parametrize("lost", ["renew_link", "link_renewed"])
async def test_renewal_with_a_lost_answer_leaves_a_link_that_works(node, nursery, lost):
    between = Between(node)
    await between.start(nursery)

    def lose(message, way):
        if message["type"] == lost and between.connections == 1:
            between.cut()
            return None
        return message

    between.change = lose
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        old = session.link
        with pytest.raises(errors.ConnectionLost):
            await session.renew()
        await listed(host)
        assert session.link == old
        if lost == "link_renewed":
            await session.renew()
        async with open_guest(at(session.link, node.url), name="Phone") as guest:
            await (await session.prompt()).approve(await guest.wait_code())
            await guest.approved()


# -- another program of the owner ----------------------------------------------------------------


async def test_later_program_answers_the_prompt_and_goes_on(node):
    seals = {}
    async with asked(node.url, seals=seals) as (session, guest, prompt):
        code = await guest.wait_code()
        key = prompt.session._connection._introduce.__self__.key
        async with open_host(node.url, uuid="desk", key=key, seals=seals) as later:
            resumed = later.sessions[session.session_id]
            assert resumed.sealed
            again = await resumed.prompt()
            assert again.device_info.name == "Phone"
            assert guest.code == code
            await again.approve(code)
            await guest.approved()
            await guest.send("first")
            assert await hear(resumed, 1) == ["first"]
        async with open_host(node.url, uuid="desk", key=key, seals=seals) as last:
            resumed = last.sessions[session.session_id]
            assert resumed.device_info.name == "Phone"
            await resumed.send("second")
            assert await hear(guest, 1) == ["second"]
            await guest.send("third")
            assert await hear(resumed, 1) == ["third"]
            await resumed.close()
            await end(guest)
            await until(lambda: not seals)


async def test_later_program_shows_the_link_that_waits(node):
    seals = {}
    async with open_host(node.url, uuid="desk", seals=seals) as host:
        session = await host.create("persistent", sealed=True, host_name="Desk")
        assert list(seals) == [session.session_id]
    async with open_host(node.url, uuid="desk", key=host.key, seals=seals) as later:
        resumed = later.sessions[session.session_id]
        assert resumed.link == session.link
        async with open_guest(resumed.link, name="Phone") as guest:
            await (await resumed.prompt()).approve(await guest.wait_code())
            await guest.approved()
            assert guest.host_name == "Desk"


async def test_program_without_the_secrets_says_so_and_decides_nothing(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        async with open_host(node.url, uuid="desk", key=host.key) as later:
            resumed = later.sessions[session.session_id]
            assert resumed.sealed
            assert resumed.link is None
            async with open_guest(session.link, name="Phone") as guest:
                with trio.fail_after(PATIENCE):
                    assert await resumed.notice_after(0) is Notice.KEYS_ELSEWHERE
                with pytest.raises(errors.SealUnavailable):
                    await resumed.decide(approve=True, code="123")
                with pytest.raises(errors.SealUnavailable):
                    await resumed.renew()
                assert (guest.over, guest.code) == (None, None)


async def test_program_without_the_secrets_of_an_approved_session_sends_nothing(node):
    async with approved(node.url) as (session, guest):
        key = session._connection._introduce.__self__.key
        async with open_host(node.url, uuid="desk", key=key) as later:
            resumed = later.sessions[session.session_id]
            with pytest.raises(errors.SealUnavailable):
                await resumed.send("x")
            await guest.send("y")
            await resumed.close()
            assert [value async for value in resumed.signals()] == []


async def test_secrets_of_sessions_that_have_ended_are_deleted(node):
    seals = {"strange": "not a seal"}
    async with open_host(node.url, uuid="desk", seals=seals) as host:
        first = await host.create("persistent", sealed=True)
        second = await host.create("persistent", sealed=True)
        await first.close()
        assert set(seals) == {"strange", second.session_id}
    async with open_host(node.url, uuid="desk", key=host.key) as other:
        await other.close(second.session_id)
    async with open_host(node.url, uuid="desk", key=host.key, seals=seals):
        assert set(seals) == {"strange"}


async def test_secrets_of_another_owner_stay(node):
    seals = {}
    async with open_host(node.url, uuid="desk", seals=seals) as host:
        session = await host.create("persistent", sealed=True)
        async with open_host(node.url, uuid="other", seals=seals):
            assert list(seals) == [session.session_id]
