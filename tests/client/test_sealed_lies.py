"""What the SDK tells of a node that lies; `tests/attacks/lies.py` has the lies for both SDKs."""

import time

import pytest
import trio

from proxim.client import Notice, open_guest, open_host
from proxim.protocol import errors
from proxim.protocol.messages import Status
from proxim.protocol.tokens import encode
from proxim.sealing.encoding import decode
from tests.client.between import DOWN, UP, Between
from tests.client.helpers import PATIENCE, hear, until
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


async def test_node_brings_no_secrets_of_its_own_with_a_resume_token(node, between):
    def bring(message, way):
        if "resume_token" in message and way == DOWN:
            # A program that comes back would take it for the token of a sealed session.
            return {**message, "resume_token": f"{message['resume_token']}.e30"}
        return message

    between.change = bring
    kept = []
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        link = at(session.link, between.url)
        with pytest.raises(errors.ConnectionLost):
            async with open_guest(link, name="Phone", store_token=kept.append):
                pass
    assert kept == []


@pytest.mark.parametrize("kind", ["pair_result", "signal", "pair_prompt"])
async def test_new_session_is_sealed_before_the_next_message(between, kind):
    device = {"name": "Forged", "id": "1"}
    more = {"status": "approved", "device_info": device, "expires_in": 40, "data": "forged"}

    def forge(message, way):
        if message["type"] == "session_created":
            session_id = message["session"]["session_id"]
            del message["session"]["seal"]
            return [message, {"type": kind, "session_id": session_id, **more}]
        return message

    between.change = forge
    async with open_host(between.url, uuid="desk") as host:
        # Which of two tasks goes first is chance.
        for _ in range(8):
            session = await host.create("persistent", sealed=True)
            await host.list()
            assert session.status is not Status.APPROVED
            assert session.device_info is None
            assert (session._prompt, list(session._unread)) == (None, [])


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "plain"])
async def test_new_session_with_the_id_of_an_earlier_one_is_refused(between, sealed):
    seals = {}
    async with open_host(between.url, uuid="desk", seals=seals) as host:
        first = await host.create("persistent", sealed=True)
        before = (first.link, dict(seals))

        def reuse(message, way):
            if message["type"] == "session_created":
                session = {**message["session"], "session_id": first.session_id}
                return {**message, "session": session, "link": "http://evil.example/join#x"}
            return message

        between.change = reuse
        with pytest.raises(errors.ConnectionLost):
            await host.create("persistent", sealed=sealed)
        assert (first.link, seals) == before


async def coming_back(between, session, guests):
    """The node shows the host a hello of its guest as a request, under another name."""
    shown = trio.Event()

    def show(message, way):
        if way != DOWN or "h" not in (message.get("data") or {}) or shown.is_set():
            return message
        shown.set()
        box = decode(message["data"]["h"])
        named = {
            "session_id": session.session_id,
            "device_info": {"name": "Forged", "id": "1"},
        }
        prompt = {"type": "pair_prompt", **named, "expires_in": 40, "seal": encode(b"\x02" + box)}
        return [prompt, {"type": "pair_result", **named, "status": "approved", "ice_servers": []}]

    between.change = show
    guests.cut()
    with trio.fail_after(PATIENCE):
        await shown.wait()
    # The first decision was the person's.
    await until(lambda: between.types(UP).count("pair_decision") == 2)
    return [each for each, _ in between.messages() if each["type"] == "pair_decision"][1]


async def test_guest_that_comes_back_keeps_its_name(node, between, nursery):
    guests = Between(node)
    await guests.start(nursery)
    async with approved(between.url, guest_url=guests.url) as (session, _):
        assert (await coming_back(between, session, guests))["approve"]
        assert session.device_info.name == "Phone"


async def test_guest_does_not_come_back_after_the_end_of_the_session(node, between, nursery):
    guests = Between(node)
    await guests.start(nursery)
    options = {"guest_url": guests.url, "ttl": 600}
    async with approved(between.url, "temporary", **options) as (session, _):
        session._secret.ends_at = time.time()
        decision = await coming_back(between, session, guests)
        assert not decision["approve"]


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


@pytest.mark.real_time
@pytest.mark.parametrize("side", ["host", "guest"])
async def test_each_side_ends_a_session_in_time_if_the_node_never_does(
    node, between, monkeypatch, side
):
    between.change = changing("create_session", UP, session_type="persistent", ttl=None)
    async with approved(between.url, "temporary", ttl=1, guest_url=node.url) as (session, guest):
        mine, other = (session, guest) if side == "host" else (guest, session)
        monkeypatch.setattr(other, "_abandon", lambda _: None)
        await until(lambda: mine.over is not None)
        assert (mine.over.status, mine.over.reason) == ("expired", "expired")
