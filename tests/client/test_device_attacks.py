"""Attacks of a thief, another host, and a node on a known device (Security: Threat model)."""

import pytest
import trio
from msgspec import structs

from proxim.client import open_visit
from proxim.protocol import errors
from proxim.protocol import messages as wire
from tests.client.between import UP, Between
from tests.client.helpers import end, hear, until
from tests.client.known import Pair, copy_of, is_waiting, next_visit


@pytest.fixture
def pair(node):
    return Pair(node.url)


async def test_copy_that_only_listens_is_found_out(pair):
    async with pair.host() as host:
        await pair.remember(host, policy="auto")
        stolen = copy_of(pair.grants)
        async with pair.visit(stolen) as thief:
            visit = await next_visit(host)
            await thief.approved()
            await visit.wait_approved()
            await visit.send("welcome back")
            assert await hear(thief, 1) == ["welcome back"]
            assert pair.record.tickets.is_used
            await thief.close()
        await is_waiting(host)
        async with pair.visit() as guest:
            assert await end(guest) == ("rejected", "copied")
        assert (await next_visit(host)).over.reason == "copied"


async def test_visitor_that_says_nothing_is_told_nothing(pair, node, nursery, monkeypatch):
    """A thief whose program does not say that it has stored its ticket."""
    monkeypatch.setattr("proxim.client.sealed.PATIENCE", 0.1)
    between = Between(node)
    await between.start(nursery)

    async def say_nothing(message):
        assert isinstance(message, wire.Signal)

    async with pair.host(between.url) as host:
        await pair.remember(host, policy="auto")
        between.seen.clear()
        async with pair.visit() as thief:
            thief._connection.send_one_way = say_nothing
            visit = await next_visit(host)
            await thief.approved()
            await visit.wait_approved()
            await visit.send("welcome back")
            await until(lambda: "signal" in between.types(UP))
            signals = [message["data"] for message, _ in between.messages() if "data" in message]
            assert {tuple(data) for data in signals} == {("s", "h")}
            assert not pair.record.tickets.is_used


@pytest.mark.parametrize("name", ["DESK", "Ｄｅｓｋ", "ｄesk"])
async def test_host_with_the_name_of_another_one_gets_a_number(pair, name):
    async with pair.host() as host:
        await pair.remember(host)
    known = pair.grant
    other = Pair(pair.url)
    other.grants = pair.grants
    async with other.host(uuid="other", name=name) as host:
        guest = await other.remember(host)
        assert guest.grant.name == f"{name} (2)"
    (first, second) = pair.grants.load()
    assert (first, second.name) == (known, f"{name} (2)")


async def test_new_name_of_a_host_comes_with_its_visit_and_is_unlike_the_others(pair):
    async with pair.host() as host:
        await pair.remember(host)
    other = structs.replace(pair.grant, session_id="s" * 22, name="Study")
    pair.grants.save([pair.grant, other])
    for name, known in (("Another", "Another"), ("STUDY", "STUDY (2)"), ("STUDY", "STUDY (2)")):
        (grant,) = (each for each in pair.grants.load() if each.session_id != other.session_id)
        async with (
            pair.host(name=name) as host,
            open_visit(grant, name="Phone", grants=pair.grants) as guest,
        ):
            await (await (await next_visit(host)).prompt()).approve()
            await guest.approved()
            await guest.close()
        assert [each.name for each in pair.grants.load()] == ["Study", known]


async def test_node_that_does_not_answer_keeps_a_device_from_no_other_host(
    pair, node, nursery, monkeypatch
):
    monkeypatch.setattr("proxim.client.granted.ANSWER_TIME", 1.0)
    between = Between(node)
    await between.start(nursery)
    between.change = lambda message, way: message if message["type"] == "welcome" else None
    async with pair.host() as host:
        await pair.remember(host)
        good = pair.grant
        silent = structs.replace(good, node_url=between.url, session_id="s" * 22)
        pair.grants.save([good, silent])

        async def visit_silent():
            async with open_visit(silent, name="Phone", grants=pair.grants):
                raise AssertionError("the node does not answer")

        async with trio.open_nursery() as others:
            others.start_soon(visit_silent)
            await until(lambda: "pair_request" in between.types(UP))
            async with open_visit(good, name="Phone", grants=pair.grants) as guest:
                await (await (await next_visit(host)).prompt()).approve()
                await guest.approved()
            others.cancel_scope.cancel()


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "plain"])
async def test_new_session_with_the_id_of_a_known_device_is_refused(pair, node, nursery, sealed):
    async with pair.host() as host:
        await pair.remember(host)
    between = Between(node)
    await between.start(nursery)

    def lie(message, way):
        if message["type"] == "welcome":
            return {
                **message,
                "features": [each for each in message["features"] if each != "nonce"],
            }
        return as_that_of(pair.record, message)

    between.change = lie
    async with pair.host(between.url) as host:
        with pytest.raises(errors.ConnectionLost):
            await host.create("persistent", sealed=sealed)
        assert host.sessions == {}


async def test_new_session_with_the_id_of_a_device_remembered_just_now_is_refused(
    pair, node, nursery
):
    between = Between(node)
    await between.start(nursery)
    async with pair.host(between.url) as host:
        await pair.remember(host)
        session_id = pair.record.session_id
        refused = {"type": "error", "code": "limit_reached", "message": "full"}
        ended = {"type": "session_ended", "session_id": session_id}

        def end_it(message, way):
            if message["type"] == "pong":
                return [message, {**ended, "status": "expired", "reason": "closed"}]
            if message["type"] == "session_created":
                return {**refused, "ref": message["ref"]}
            return message

        between.change = end_it
        await host._connection.call(wire.Ping(), wire.Pong)
        await until(lambda: session_id not in host._known.visits)
        between.change = lambda message, way: as_that_of(pair.record, message)
        with pytest.raises(errors.ConnectionLost):
            await host.create("persistent")
        assert session_id not in host.sessions


def as_that_of(record, message):
    """Have the node take a session that it opens for the standing one of a device."""
    if message["type"] == "registered":
        return {**message, "sessions": []}
    if message["type"] == "session_created":
        return {**message, "session": {**message["session"], "session_id": record.session_id}}
    return message
