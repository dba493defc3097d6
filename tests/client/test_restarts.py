"""Sealed sessions at a node that was restarted, and has kept nothing (sealing: Coming back)."""

import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
import trio

from proxim.client import open_guest, open_host, resume_guest
from proxim.protocol import errors
from tests.client.between import UP, Between
from tests.client.helpers import PATIENCE, end, hear, info, presence, registered, scripted, until
from tests.client.sealed import approved, asked, at


async def restart(wire, serve, *sides):
    """Put a node that knows nothing in the place of the one before."""
    wire.node = await serve()
    await wire.cut(*sides)
    await wire.mend()


async def both_speak(session, guest):
    await session.send("host again")
    await guest.send("guest again")
    assert await hear(guest, 1) == ["host again"]
    assert await hear(session, 1) == ["guest again"]


@pytest.mark.parametrize("kind", ["persistent", "temporary"])
async def test_approved_session_goes_on_under_its_id(wire, serve, kind):
    ttl = {"ttl": 600.0} if kind == "temporary" else {}
    async with approved(wire.url, kind, guest_url=wire.url, **ttl) as (session, guest):
        before = session.info.expires_at
        for _ in range(2):
            await restart(wire, serve, session, guest)
            await both_speak(session, guest)
        assert (session.over, guest.over) == (None, None)
        assert session.info.session_id == session.session_id == guest.session_id
        assert session.info.session_type == kind
        if ttl:
            assert abs((session.info.expires_at - before).total_seconds()) < 1
        assert (list(session._notices), list(guest._notices)) == ([], [])
        assert (guest.host_name, session.device_info.name) == ("Desk", "Phone")
        await guest.close()
        assert await end(session) == ("expired", "closed")


async def test_signals_that_wait_for_the_restart_arrive_once_and_in_order(wire, serve):
    async with approved(wire.url, guest_url=wire.url) as (session, guest):
        await wire.cut(session, guest)
        for number in range(10):
            await session.send(number)
            await guest.send(-number)
        wire.node = await serve()
        await wire.mend()
        assert await hear(guest, 10) == list(range(10))
        assert await hear(session, 10) == [-number for number in range(10)]


async def test_echo_of_the_guest_that_is_lost_is_not_waited_for_for_ever(
    wire, serve, nursery, monkeypatch
):
    monkeypatch.setattr("proxim.client.sealed.PATIENCE", 0.3)
    between = Between(wire.node)
    await between.start(nursery)
    async with approved(wire.url, guest_url=between.url) as (session, guest):
        between.seen.clear()
        between.change = lambda message, way: None if is_first_echo(message, way) else message

        def is_first_echo(message, way):
            return (
                way == UP and message["type"] == "signal" and between.types(UP).count("signal") == 1
            )

        between.node = await serve()
        between.cut()
        wire.node = between.node
        await wire.cut(session)
        await wire.mend()
        await speak_until_heard(session, guest)
        await speak_until_heard(guest, session)


async def test_one_time_session_is_over(wire, serve):
    async with approved(wire.url, "one_time", guest_url=wire.url) as (session, guest):
        await restart(wire, serve, session, guest)
        assert [await end(side) for side in (session, guest)] == [("expired", "lost")] * 2


async def test_session_that_was_asked_for_and_not_decided_is_over(wire, serve):
    async with asked(wire.url, guest_url=wire.url) as (session, guest, _):
        await restart(wire, serve, session, guest)
        assert [await end(side) for side in (session, guest)] == [("expired", "lost")] * 2


@pytest.mark.parametrize("kind", ["one_time", "persistent"])
async def test_link_that_nobody_has_used_goes_on_working(wire, serve, kind):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create(kind, sealed=True)
        link = session.link
        await restart(wire, serve, session)
        await until(lambda: session._connection.online)
        assert session.link == link
        async with open_guest(at(link, wire.url), name="Phone") as guest:
            await (await session.prompt()).approve(await guest.wait_code())
            await guest.approved()
            await both_speak(session, guest)


async def test_link_whose_time_is_up_is_not_opened_again(wire, serve, monkeypatch):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        later = time.time() + 24 * 3600
        # For this module alone: another would take it for a sleep of the machine.
        monkeypatch.setattr("proxim.client.sealed_host.time", SimpleNamespace(time=lambda: later))
        await restart(wire, serve, session)
        assert await end(session) == ("expired", "lost")


async def test_photo_of_a_used_code_is_worth_nothing_after_the_restart(wire, serve):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        link = session.link
        async with open_guest(at(link, wire.url), name="Phone") as guest:
            await (await session.prompt()).approve(await guest.wait_code())
            await guest.approved()
            await restart(wire, serve, session, guest)
            await both_speak(session, guest)
            with pytest.raises(errors.ProximError) as refused:
                async with open_guest(at(link, wire.url), name="Thief"):
                    pass
            assert refused.type in (errors.UnknownSession, errors.TokenUsed)
            assert session._prompt is None or session.status == "approved"
            await both_speak(session, guest)


async def test_later_program_of_the_guest_goes_on(wire, serve):
    kept = []
    async with open_host(wire.url, uuid="desk", name="Desk") as host:
        session = await host.create("persistent", sealed=True)
        link = at(session.link, wire.url)
        async with open_guest(link, name="Phone", store_token=kept.append) as guest:
            await (await session.prompt()).approve(await guest.wait_code())
            await guest.approved()
            await until(lambda: guest.resume_token == kept[-1])
        await restart(wire, serve, session)
        await until(lambda: session._connection.online)
        async with resume_guest(wire.url, session.session_id, kept[-1]) as guest:
            await guest.approved()
            await both_speak(session, guest)
            assert session.device_info.name == "Phone"


async def test_later_program_of_the_host_does_not_open_an_approved_session_again(wire, serve):
    # While no program was there, the guest may have closed it, or somebody used a copied token.
    seals = {}
    async with open_host(wire.url, uuid="desk", seals=seals) as host:
        key = host.key
        session = await host.create("persistent", sealed=True)
        waiting = await host.create("persistent", sealed=True)
        async with open_guest(at(session.link, wire.url), name="Phone") as guest:
            await (await session.prompt()).approve(await guest.wait_code())
            await guest.approved()
            await host._connection._stop()
            await guest.close()
    wire.node = await serve()
    await wire.cut()
    await wire.mend()
    async with open_host(wire.url, uuid="desk", key=key, seals=seals) as host:
        assert list(host.sessions) == list(seals) == [waiting.session_id]


async def test_guest_waits_for_a_host_that_comes_back_later(wire, serve):
    async with approved(wire.url, guest_url=wire.url) as (session, guest):
        introduce, comes_back = session._connection._introduce, trio.Event()

        async def come_back_later():
            await comes_back.wait()
            await introduce()

        session._connection._introduce = come_back_later
        await restart(wire, serve, session, guest)
        before = wire.connections
        await until(lambda: wire.connections >= before + 4)
        assert (guest.over, guest.peer_online, guest.status) == (None, False, "approved")
        comes_back.set()
        await presence(guest, True)
        await both_speak(session, guest)
        await session.close()
        assert await end(guest) == ("expired", "closed")


async def test_guest_does_not_try_for_ever(wire, serve, monkeypatch):
    monkeypatch.setattr("proxim.client.returning.VISIT_TIME", 0.2)
    async with approved(wire.url, guest_url=wire.url) as (session, guest):
        await session._connection._stop()
        wire.node = await serve()
        await wire.cut(guest)
        await wire.mend()
        assert await end(guest) == ("expired", "lost")


async def test_session_that_was_closed_while_a_side_was_away_stays_closed(wire, node):
    seals = {}
    async with open_host(node.url, uuid="desk", seals=seals) as host:
        session = await host.create("persistent", sealed=True)
        key = host.key
        async with open_guest(session.link, name="Phone") as guest:
            await (await session.prompt()).approve(await guest.wait_code())
            await guest.approved()
            await host._connection._stop()
            await guest.close()
    await node.supervisor.sweep()
    assert session.session_id in seals
    async with open_host(node.url, uuid="desk", key=key, seals=seals) as host:
        assert (host.sessions, seals) == ({}, {})


async def test_node_that_forgets_without_a_restart_loses_the_session(wire, node):
    async with approved(wire.url, guest_url=wire.url) as (session, guest):
        node.supervisor.release(node.supervisor.find(session.session_id))
        await wire.cut(session, guest)
        await wire.mend()
        assert [await end(side) for side in (session, guest)] == [("expired", "lost")] * 2


async def test_node_that_says_approved_lets_no_guest_in_again(wire, serve, nursery):
    between = Between(wire.node)
    await between.start(nursery)
    async with approved(wire.url, guest_url=between.url) as (session, guest):
        await session._connection._stop()
        between.node = wire.node = await serve()

        def lie(message, way):
            if message["type"] != "error" or between.types(UP)[-1] != "pair_request":
                return message
            about = {"session_id": guest.session_id}
            pending = {"type": "pair_pending", "resume_token": "r" * 43, "expires_in": 40.0}
            result = {"type": "pair_result", "status": "approved", "device_info": DEVICE}
            return [pending | about | {"ref": message["ref"]}, result | about | {"seal": "A" * 200}]

        between.change = lie
        between.cut()
        assert await end(guest) == ("rejected", "tampered")


async def test_nonce_is_sent_to_no_node_at_another_url(node, serve, nursery):
    kept, key = {}, "k" * 43
    async with open_host(node.url, uuid="desk", key=key, seals=kept) as host:
        session = await host.create("persistent", sealed=True)
    before = dict(kept)
    assert '"origin"' in before[session.session_id]
    between = Between(await serve())
    await between.start(nursery)
    async with open_host(between.url, uuid="desk", key=key, seals=kept) as host:
        assert host.sessions == {}
    assert between.types(UP) == ["register"]
    assert kept == before


async def test_new_session_has_the_id_of_its_nonce(nursery):
    def answer(asked):
        welcome = {"features": ["seal", "nonce", "link_ttl"], "boot": "b" * 22, "seal": 1}
        if asked["type"] == "register":
            return [WELCOME | welcome, registered(asked)]
        created = {"type": "session_created", "session": info(seal=1), "pair_within": 300.0}
        return [created | {"ref": asked["ref"]}]

    async with open_host(await scripted(nursery, answer), uuid="desk") as host:
        with pytest.raises(errors.ConnectionLost):
            await host.create("persistent", sealed=True)
        assert not host.sessions


DEVICE = {"name": "Sealed device", "id": "d" * 16}
WELCOME = {
    "type": "welcome",
    "protocol": 1,
    "server": "s",
    "approval_timeout": 40.0,
    "max_message_bytes": 65536,
}


# -- at every message ------------------------------------------------------------------------

REGISTERING, PAIRING = 3, 20
"""Messages until a host is registered, and until each side has heard a signal of the other."""


@pytest.mark.parametrize("number", range(REGISTERING + 1, PAIRING + 1))
async def test_restart_at_any_message_of_a_pairing_leaves_nobody_waiting(
    node, serve, nursery, number
):
    between = Between(node)
    await between.start(nursery)
    successor = await serve()

    def strike(message, way):
        if len(between.seen) == number:
            between.node = successor
            between.cut()
            return None
        return message

    between.change = strike
    with trio.fail_after(PATIENCE):
        async with open_host(between.url, uuid="desk") as host:
            try:
                session = await host.create("persistent", sealed=True)
            except errors.ConnectionLost:
                return  # The program was told, and can try again.
            try:
                await pair(session, between)
            except errors.ProximError:
                await until(lambda: session.over is not None or session._connection.online)
                if session.over is None:
                    # The link was not used up: another attempt works.
                    await pair(session, between)


async def pair(session, between):
    async with open_guest(at(session.link, between.url), name="Phone") as guest:
        async with trio.open_nursery() as deciding:
            deciding.start_soon(decide, session, guest)
            await guest.wait_approved()
            deciding.cancel_scope.cancel()
        await guest.approved()
        await speak_until_heard(session, guest)
        await speak_until_heard(guest, session)


async def speak_until_heard(sender, receiver):
    """Say something again and again: what was on its way at the restart may be lost."""

    async def speak():
        while True:
            with suppress(errors.NotApproved):  # Of one that the new node got too early.
                await sender.send("hello")
            await trio.sleep(0.05)

    async with trio.open_nursery() as speaking:
        speaking.start_soon(speak)
        assert await hear(receiver, 1) == ["hello"]
        speaking.cancel_scope.cancel()


async def decide(session, guest):
    """Be the person at the host, who is asked again when an answer was lost."""
    while session.over is None and guest.over is None:
        try:
            await (await session.prompt()).approve(await guest.wait_code())
        except errors.ProximError:
            await trio.sleep(0.01)
        else:
            return
