"""Lost connections, and what continues after the reconnect."""

import pytest
import trio

from proxim.client import connection, open_guest, open_host
from proxim.protocol import errors
from tests.client.helpers import (
    PATIENCE,
    asked,
    end,
    hear,
    listed,
    paired,
    presence,
    registered,
    scripted,
    until,
)


async def _first_ended(session):
    with trio.fail_after(PATIENCE), pytest.raises(errors.ConnectionLost) as raised:
        await session.ended()
    return raised.value.close_code


async def test_reconnected_host_gets_its_prompt_again(wire):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("persistent")
        async with open_guest(session.link, name="Phone") as guest:
            first = await session.prompt()
            await wire.cut(session)
            with pytest.raises(errors.ConnectionLost):
                await first.approve()
            await wire.mend()
            await listed(host)
            again = await session.prompt()
            assert again is not first
            assert again.device_info == first.device_info
            assert again.expires_at == pytest.approx(first.expires_at, abs=1)
            await again.approve()
            await guest.approved()


@pytest.mark.parametrize("away", ["host", "guest"])
async def test_signals_to_an_offline_side_arrive_in_order(wire, node, away):
    urls = (wire.url, node.url) if away == "host" else (node.url, wire.url)
    async with paired(urls[0], guest_url=urls[1]) as (session, guest):
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


async def test_both_sides_may_be_offline_at_once(wire):
    async with paired(wire.url, guest_url=wire.url) as (session, guest):
        await wire.cut(session, guest)
        for number in range(10):
            await session.send(number)
            await guest.send(-number)
        await wire.mend()
        assert await hear(guest, 10) == list(range(10))
        assert await hear(session, 10) == [-number for number in range(10)]


async def test_reconnected_guest_learns_the_decision(wire, node):
    async with asked(node.url, guest_url=wire.url) as (session, guest):
        await wire.cut(guest)
        await session.decide(approve=True)
        await wire.mend()
        with trio.fail_after(PATIENCE):
            await guest.approved()
        await presence(session, True)


async def test_one_time_session_ends_with_a_lost_connection(wire, node):
    async with paired(wire.url, "one_time", guest_url=node.url) as (session, guest):
        await wire.cut(session)
        assert await end(guest) == ("expired", "disconnected")
        await wire.mend()
        assert await end(session) == ("expired", "disconnected")


async def test_one_time_session_is_lost_when_the_node_restarts(wire, serve, node):
    async with paired(wire.url, "one_time", guest_url=wire.url) as sides:
        wire.node = await serve()
        await wire.cut(*sides)
        await wire.mend()
        for side in sides:
            assert await end(side) == ("expired", "lost")


async def test_host_registers_with_the_next_node_after_a_shutdown(wire, serve, node):
    async with open_host(wire.url, uuid="desk") as host:
        session = await host.create("persistent")
        node.stop()
        assert await end(session) == ("expired", "shutdown")
        wire.node = await serve()
        await listed(host)
        later = await host.create("persistent")
        assert later.link.startswith(wire.node.url)


async def test_client_retries_after_an_http_error(wire, node):
    async with paired(wire.url, guest_url=wire.url) as (session, guest):
        await wire.cut(session, guest)
        node.draining = True
        before = wire.connections
        await wire.mend()
        await until(lambda: wire.connections >= before + 4)
        node.draining = False
        await session.send("still here")
        assert await hear(guest, 1) == ["still here"]


async def test_host_without_seats_keeps_the_sessions_it_opened(wire):
    async with open_host(wire.url, uuid="desk", seats=[]) as host:
        session = await host.create("persistent")
        await wire.cut(session)
        await wire.mend()
        await listed(host)
        async with open_guest(session.link, name="Phone"):
            with trio.fail_after(PATIENCE):
                await session.prompt()


async def test_replaced_client_does_not_reconnect(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        async with open_host(node.url, uuid="desk", key=host.key) as newer:
            assert await _first_ended(session) == 4000
            with pytest.raises(errors.ConnectionLost):
                await host.list()
            with pytest.raises(errors.ConnectionLost):
                await session.prompt()
            await trio.sleep(0.1)
            await newer.sessions[session.session_id].renew()


async def test_client_waits_for_retry_after(nursery, monkeypatch):
    monkeypatch.setattr("proxim.client.backoff.FIRST", 0.01)
    times = []

    def answer(asked):
        times.append(trio.current_time())
        if len(times) == 1:
            return [registered(asked), 1012]
        if len(times) == 2:
            error = {"type": "error", "code": "rate_limited", "message": "m", "retry_after": 2.0}
            return [{**error, "ref": asked["ref"]}, 1008]
        return [registered(asked)]

    async with open_host(await scripted(nursery, answer), uuid="desk"):
        await until(lambda: len(times) == 3)
    assert times[1] - times[0] < 2
    assert times[2] - times[1] >= 2


async def test_closing_is_quick_and_final(wire, monkeypatch):
    monkeypatch.setattr(connection, "CLOSE_TIME", 30)
    with trio.fail_after(20):
        async with open_host(wire.url, uuid="desk") as host:
            await host.create("persistent")
    await trio.sleep(0.1)
    assert wire.connections == 1


async def test_closing_is_quick_while_the_node_is_unreachable(wire, monkeypatch):
    monkeypatch.setattr(connection, "CLOSE_TIME", 30)
    async with paired(wire.url, guest_url=wire.url) as (session, _):
        await wire.cut(session)
        await session.send("never arrives")
        started = trio.current_time()
    assert trio.current_time() - started < 20


async def test_closing_sends_the_queue(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent")
        async with open_guest(session.link, name="Phone") as guest:
            await (await session.prompt()).approve()
            await guest.approved()
            for number in range(100):
                await guest.send(number)
        assert await hear(session, 100) == list(range(100))


async def test_requests_wait_for_the_registration(nursery):
    asked_for = []

    def answer(asked):
        asked_for.append(asked["type"])
        if len(asked_for) == 1:
            return [registered(asked), 1012]
        return []  # The node does not answer the second registration.

    async with open_host(await scripted(nursery, answer), uuid="desk") as host:
        await until(lambda: len(asked_for) == 2)
        with trio.fail_after(PATIENCE), pytest.raises(errors.ConnectionLost, match="not connected"):
            await host.create("persistent")
        assert asked_for == ["register", "register"]
