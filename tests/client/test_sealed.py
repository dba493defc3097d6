"""Sealed sessions of the SDK, over a real node, and what the node sees of them."""

import pytest

from proxim import qr
from proxim.client import open_guest, open_host
from proxim.protocol.errors import (
    AlreadyDecided,
    BadMessage,
    CodeRequired,
    InvalidLink,
    NotAllowed,
    SealUnavailable,
    SessionOver,
    WrongCode,
)
from tests.client.between import UP, Between
from tests.client.helpers import end, hear, paired
from tests.client.sealed import approved, asked, other_than


async def test_both_sides_are_sealed_and_know_each_others_names(node):
    async with asked(node.url, host_name="Desk", name="Phone") as (session, guest, prompt):
        assert prompt.device_info.name == session.device_info.name == "Phone"
        assert (prompt.confirm, session.confirm) == ("code", "code")
        assert guest.host_name is None
        code = await guest.wait_code()
        assert guest.code == code
        assert (await prompt.approve(code)).status == "approved"
        await guest.approved()
        assert (session.sealed, guest.sealed) == (True, True)
        assert guest.host_name == "Desk"
        assert session.device_info.name == guest.device_info.name == "Phone"
        assert await guest.wait_code() is None
        [info] = node.sessions()
        assert info.device_info.name == "Sealed device"


async def test_plain_link_makes_plain_sessions(node):
    async with paired(node.url) as (session, guest):
        assert (session.sealed, guest.sealed) == (False, False)
        assert await guest.wait_code() is None
        assert guest.host_name is None


async def test_signals_of_all_kinds_cross_in_order(node):
    values = [None, 0, 1.5, "text", [], {"a": [{"b": "é"}]}, "x" * 40_000]
    async with approved(node.url) as (session, guest):
        for value in values:
            await session.send(value)
            await guest.send(value)
        assert await hear(session, len(values)) == values
        assert await hear(guest, len(values)) == values


async def test_signal_that_is_too_large_when_sealed_is_refused(node):
    async with approved(node.url) as (session, guest):
        with pytest.raises(BadMessage, match="the limit is"):
            await session.send("x" * 60_000)
        await session.send("x" * 48_000)
        assert await hear(guest, 1) == ["x" * 48_000]


async def test_host_makes_the_link_and_draws_it(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True, qr="svg")
        assert session.link.startswith(f"{node.url}/join#{session.session_id}.")
        assert session.link.count(".") == node.url.count(".") + 2
        assert session.qr_svg == qr.svg(session.link)
        assert session.token is None
        other = await host.create("persistent", sealed=True, join_url="https://app.example/in")
        assert other.link.startswith(f"https://app.example/in#{other.session_id}.")
        assert other.qr_svg is None
        async with open_guest(other.link, name="Phone", node_url=node.url) as guest:
            assert (await other.prompt()).device_info.name == "Phone"
            assert guest.node_url == node.url
        assert other.link is not None


async def test_link_of_a_node_on_this_computer_leads_where_others_reach_it(serve):
    node = await serve(public_url="https://node.example/at")
    async with open_host(node.local_url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        assert session.link.startswith("https://node.example/at/join#")


async def test_node_elsewhere_has_no_say_in_the_link(node, monkeypatch):
    monkeypatch.setattr("proxim.client.host.is_loopback", lambda url: False)
    async with open_host(node.url, uuid="desk") as host:
        host._connection.join_url = "https://evil.example/join"
        session = await host.create("persistent", sealed=True)
        assert session.link.startswith(f"{node.url}/join#")


@pytest.mark.parametrize(
    "change",
    [lambda link: link[:-1], lambda link: f"{link}.x", lambda link: f"{link[:-3]}=.."],
    ids=["short", "four parts", "alphabet"],
)
async def test_link_with_a_flaw_is_invalid_and_nothing_is_sent(node, nursery, change):
    between = Between(node)
    await between.start(nursery)
    async with open_host(node.url, uuid="desk") as host:
        link = (await host.create("persistent", sealed=True)).link
        _, fragment = link.split("#")
        with pytest.raises(InvalidLink):
            async with open_guest(f"{between.url}/join#{change(fragment)}", name="Phone"):
                pass
    assert between.connections == 0


async def test_wrong_code_declines_the_guest_once_and_for_all(node):
    async with asked(node.url) as (session, guest, prompt):
        code = await guest.wait_code()
        with pytest.raises(WrongCode):
            await prompt.approve(other_than(code))
        with pytest.raises(AlreadyDecided):
            await prompt.approve(code)
        assert await end(guest) == ("rejected", "rejected")
        assert await end(session) == ("rejected", "rejected")
        assert guest.code is None


@pytest.mark.parametrize("code", [None, "", "12", "1234", "012", "½½½", "1 2", 482])
async def test_approval_without_a_code_sends_nothing_and_the_prompt_stays(node, code):
    async with asked(node.url) as (_session, guest, prompt):
        with pytest.raises(CodeRequired):
            await prompt.approve(code)
        await prompt.approve(await guest.wait_code())
        await guest.approved()


async def test_unchecked_approval_needs_no_code(node):
    async with asked(node.url) as (_session, guest, prompt):
        await prompt.approve_unchecked()
        await guest.approved()


async def test_unchecked_approval_of_a_plain_session_is_one_without_a_code(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", confirm="code")
        async with open_guest(session.link, name="Phone"):
            prompt = await session.prompt()
            with pytest.raises(CodeRequired):
                await prompt.approve_unchecked()


async def test_declined_guest_knows_that_the_host_has_declined(node):
    async with asked(node.url) as (_session, guest, prompt):
        await prompt.decline()
        assert await end(guest) == ("rejected", "rejected")


async def test_decision_before_a_request_is_refused(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        with pytest.raises(NotAllowed):
            await session.decide(approve=True, code="123")


@pytest.mark.parametrize("name", ["", "x" * 65, "a\u202eb"])
async def test_name_that_is_not_allowed_is_refused_before_anything_is_sent(node, name):
    with pytest.raises(BadMessage, match="name"):
        async with open_host(node.url, uuid="desk", name=name):
            pass
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        with pytest.raises(BadMessage, match="name"):
            async with open_guest(session.link, name=name):
                pass


async def test_sealed_session_makes_its_token_itself(node):
    async with open_host(node.url, uuid="desk") as host:
        with pytest.raises(BadMessage, match="token_hash"):
            await host.create("persistent", sealed=True, token_hash="x" * 43)
        session = await host.create("persistent", sealed=True)
        with pytest.raises(BadMessage, match="token_hash"):
            await session.renew(token_hash="x" * 43)


async def test_renewed_link_is_sealed_and_takes_the_place_of_the_old(node):
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        old = session.link
        await session.renew(qr="svg", join_url="https://app.example/in")
        assert session.link != old
        assert session.qr_svg == qr.svg(session.link)
        assert session.link.startswith("https://app.example/in#")
        with pytest.raises(Exception, match="not found"):
            async with open_guest(old, name="Phone"):
                pass
        async with open_guest(session.link, name="Phone", node_url=node.url) as guest:
            await (await session.prompt()).approve(await guest.wait_code())
            await guest.approved()


async def test_guest_of_a_node_without_seals_sends_nothing(node, nursery):
    between = Between(node)
    await between.start(nursery)
    between.change = without_seals
    async with open_host(node.url, uuid="desk") as host:
        session = await host.create("persistent", sealed=True)
        link = session.link.replace(node.url, between.url)
        with pytest.raises(SealUnavailable):
            async with open_guest(link, name="Phone"):
                pass
        assert between.types(UP) == []


async def test_host_of_a_node_without_seals_fails_and_opens_no_plain_session(node, nursery):
    between = Between(node)
    await between.start(nursery)
    between.change = without_seals
    async with open_host(between.url, uuid="desk") as host:
        with pytest.raises(SealUnavailable, match="too old"):
            await host.create("persistent", sealed=True)
        assert between.types(UP) == ["register"]
        assert not (await host.create("persistent")).sealed


def without_seals(message, direction):
    if message["type"] == "welcome":
        message = {key: value for key, value in message.items() if key != "seal"}
        message["features"] = [each for each in message["features"] if each != "seal"]
    return message


async def test_session_that_requires_seals_refuses_plain_ones(serve):
    node = await serve(require_seal=True)
    async with open_host(node.url, uuid="desk") as host:
        with pytest.raises(Exception, match="seal"):
            await host.create("persistent")
        assert (await host.create("persistent", sealed=True)).sealed


async def test_guest_ends_the_session_by_its_own_clock(node, nursery):
    between = Between(node)
    await between.start(nursery)
    between.change = lambda message, way: None if message["type"] == "session_ended" else message
    async with approved(node.url, "temporary", guest_url=between.url, ttl=1.0) as (_, guest):
        assert await end(guest) == ("expired", "expired")
        assert isinstance(guest.over, SessionOver)
