"""A node that lies to the sides of a sealed session."""

import pytest
import trio

from proxim.client import Notice, open_guest, open_host
from proxim.protocol import errors
from tests.client.between import DOWN, UP, Between
from tests.client.helpers import PATIENCE, end, hear, until
from tests.client.sealed import approved, asked, at


@pytest.fixture
async def between(node, nursery):
    between = Between(node)
    await between.start(nursery)
    return between


def changing(kind, way, **fields):
    """Return a change of one type of message in one direction; None removes a field."""

    def change(message, direction):
        if (message["type"], direction) == (kind, way):
            message = {**message, **fields}
            return {key: value for key, value in message.items() if value is not None}
        return message

    return change


async def notice(peer, count=0):
    with trio.fail_after(PATIENCE):
        return await peer.notice_after(count)


async def test_sealed_link_that_the_node_has_made_is_not_shown(between):
    link = f"{between.url}/join#{'i' * 22}.{'s' * 43}.{'k' * 43}"
    between.change = changing("session_created", DOWN, link=link)
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent")
        assert (session.link, session.sealed) == (None, False)


async def test_number_of_the_node_is_never_shown(node, between):
    between.change = changing("pair_pending", DOWN, code="482")
    async with asked(node.url, guest_url=between.url) as (_session, guest, prompt):
        code = await guest.wait_code()
        await prompt.approve(code)
        await guest.approved()


async def test_forged_ack_is_dropped_and_no_number_is_shown(node, between):
    between.change = changing("pair_ack", DOWN, seal="A" * 107)
    async with asked(node.url, guest_url=between.url) as (_, guest, _prompt):
        assert await notice(guest) is Notice.TAMPERED
        assert guest.code is None


@pytest.mark.parametrize("seal", [None, "A" * 1430], ids=["none", "forged"])
async def test_guest_leaves_after_an_approval_that_the_host_has_not_sealed(node, between, seal):
    between.change = changing("pair_result", DOWN, seal=seal)
    async with asked(node.url, guest_url=between.url) as (session, guest, prompt):
        await prompt.approve(await guest.wait_code())
        assert await end(guest) == ("rejected", "tampered")
        with pytest.raises(errors.SessionOver):
            await guest.approved()
        assert guest.host_name is None
        await end(session)


async def test_yes_of_the_node_to_a_declined_guest_is_tampering(node, between):
    between.change = changing("pair_result", DOWN, status="approved")
    async with asked(node.url, guest_url=between.url) as (_, guest, prompt):
        await guest.wait_code()
        await prompt.decline()
        assert await end(guest) == ("rejected", "tampered")


@pytest.mark.parametrize("seal", [None, "A" * 1430], ids=["none", "forged"])
async def test_rejection_that_does_not_open_is_not_confirmed(node, between, seal):
    between.change = changing("pair_result", DOWN, seal=seal)
    async with asked(node.url, guest_url=between.url) as (_, guest, prompt):
        await guest.wait_code()
        await prompt.decline()
        assert await end(guest) == ("rejected", "unconfirmed")


async def test_rejection_by_the_node_of_an_approved_guest_is_not_confirmed(node, between):
    between.change = changing("pair_result", DOWN, status="rejected")
    async with asked(node.url, guest_url=between.url) as (session, guest, prompt):
        await prompt.approve(await guest.wait_code())
        await session.close()
        assert (await end(guest))[1] != "rejected"
        assert guest.host_name is None


async def test_stripped_request_is_declined_and_the_session_closed(node, between):
    between.change = changing("pair_prompt", DOWN, seal=None)
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(at(session.link, node.url), name="Phone") as guest:
            assert await end(session) == ("rejected", "tampered")
            assert await end(guest) == ("rejected", "unconfirmed")
        assert [notice async for notice in session.notices()] == [Notice.TAMPERED]


async def test_request_that_does_not_open_is_declined(node, between):
    between.change = changing("pair_prompt", DOWN, seal="A" * 919)
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(at(session.link, node.url), name="Phone") as guest:
            assert await end(session) == ("rejected", "unopened")
            assert (await end(guest))[0] == "rejected"
        assert [notice async for notice in session.notices()] == [Notice.UNOPENED]


async def test_second_request_is_tampering(node, between):
    def twice(message, way):
        if message["type"] == "pair_prompt":
            return [message, {**message, "seal": "A" * 919}]
        return message

    between.change = twice
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(at(session.link, node.url), name="Phone"):
            assert await end(session) == ("rejected", "tampered")


async def test_approval_that_the_host_did_not_make_is_tampering(node, between):
    def approve(message, way):
        if message["type"] == "pair_prompt":
            device, id = message["device_info"], message["session_id"]
            result = {"session_id": id, "status": "approved", "device_info": device}
            return [message, {"type": "pair_result", **result, "ice_servers": []}]
        return message

    between.change = approve
    async with open_host(between.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        async with open_guest(at(session.link, node.url), name="Phone") as guest:
            assert await end(session) == ("rejected", "tampered")
            await end(guest)


def forging(*forged):
    """Return a change that puts forged signals before each signal from the node."""

    def change(message, way):
        if (message["type"], way) == ("signal", DOWN):
            return [*({**message, "data": data} for data in forged), message]
        return message

    return change


async def test_forged_signals_are_dropped_and_told_once_a_minute(node, between, monkeypatch):
    async with approved(node.url, guest_url=between.url) as (session, guest):
        between.change = forging(
            "plain", {"rtc": {}}, {"s": 1, "h": "A"}, {"s": 1, "e": "AAAAAAAAAAA", "n": 0, "c": "A"}
        )
        for number in range(3):
            await session.send(number)
        assert await hear(guest, 3) == [0, 1, 2]
        assert list(guest._notices) == [Notice.TAMPERED, Notice.BEFORE]
        monkeypatch.setattr("proxim.client.notices.INTERVAL", 0.0)
        await session.send(3)
        assert await notice(guest, 2) is Notice.TAMPERED


async def test_repeated_and_late_signals_are_dropped(node, between):
    held = []

    def repeat(message, way):
        if (message["type"], way) != ("signal", DOWN):
            return message
        held.append(message)
        return [message, *held]

    async with approved(node.url, guest_url=between.url) as (session, guest):
        between.change = repeat
        for number in range(3):
            await session.send(number)
        assert await hear(guest, 3) == [0, 1, 2]
        assert await notice(guest) is Notice.LATE
        await session.close()
        await end(guest)
        assert [value async for value in guest.signals()] == []


async def test_missing_signals_are_told(node, between):
    async with approved(node.url, guest_url=between.url) as (session, guest):
        lose = iter([True, True, False])
        between.change = lambda message, way: (
            None if (message["type"], way) == ("signal", DOWN) and next(lose) else message
        )
        for number in range(3):
            await session.send(number)
        assert await hear(guest, 1) == [2]
        assert await notice(guest) is Notice.MISSED


async def test_lost_hello_costs_ten_seconds(node, between, monkeypatch):
    monkeypatch.setattr("proxim.client.sealed.PATIENCE", 0.2)
    async with approved(node.url, guest_url=between.url) as (session, guest):
        lost = []

        def lose(message, way):
            if "h" in (message.get("data") or {}) and len(lost) < 3:
                lost.append(message)
                return None
            return message

        between.change = lose
        between.cut()
        await until(lambda: between.connections == 2 and guest._connection.online)
        await session.send("here")
        await guest.send("there")
        assert await hear(guest, 1) == ["here"]
        assert await hear(session, 1) == ["there"]
        assert len(lost) == 3


async def test_signals_before_the_approval_are_ignored(node, between):
    def early(message, way):
        if message["type"] == "pair_pending":
            signal = {"type": "signal", "session_id": message["session_id"], "data": "early"}
            return [message, signal]
        return message

    between.change = early
    async with asked(node.url, guest_url=between.url) as (session, guest, prompt):
        await prompt.approve(await guest.wait_code())
        await guest.approved()
        await session.send("first")
        assert await hear(guest, 1) == ["first"]
        assert UP in {way for _, way in between.seen}
