"""Sealed sessions of an application that embeds its node, and of programs without Trio."""

import asyncio

import pytest
import trio

import proxim
from proxim import Node, open_guest, qr
from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage, SessionOver
from tests.embed.helpers import over

PATIENCE = 60
"""Timeout in seconds."""


async def test_application_approves_by_the_number(nursery):
    async with Node(port=0) as node:
        session = await node.open_session("one_time", sealed=True, qr="svg")
        assert session.sealed
        assert session.link.startswith(f"{node.url}/join#{session.session_id}.")
        assert session.qr_svg == qr.svg(session.link)
        async with open_guest(session.link, name="Phone") as guest:
            prompt = await session.prompt()
            assert prompt.device_info.name == "Phone"
            await prompt.approve(await guest.wait_code())
            await guest.approved()
            await session.send({"a": 1})
            await guest.send("b")
            with trio.fail_after(PATIENCE):
                assert (await guest.receive(), await session.receive()) == ({"a": 1}, "b")
            assert [info.device_info.name for info in node.sessions()] == ["Sealed device"]
            await session.close()


async def test_link_leads_to_the_page_of_the_settings_or_of_the_session():
    async with Node(port=0, join_url="https://app.example/in") as node:
        session = await node.open_session("one_time", sealed=True)
        assert session.link.startswith("https://app.example/in#")
        other = await node.open_session("one_time", sealed=True, join_url="https://b.example/")
        assert other.link.startswith("https://b.example/#")


@pytest.mark.parametrize(
    ("answer", "reason"), [(True, "rejected"), (None, "rejected"), ("99", "rejected")]
)
async def test_decide_without_the_number_rejects_the_guest(answer, reason):
    async with Node(port=0) as node:
        session = await node.open_session("one_time", sealed=True, decide=lambda prompt: answer)
        async with open_guest(session.link, name="Phone") as guest:
            assert (await over(guest))[1] == reason


async def test_approval_without_the_hosts_answer_ends_the_session_as_tampered_with():
    async with Node(port=0) as node:
        session = await node.open_session("one_time", sealed=True)
        device = wire.DeviceInfo(name="Sealed device", id="phone-1")
        session._handle(
            wire.PairResult(session_id=session.session_id, status="approved", device_info=device)
        )
        assert isinstance(session.over, SessionOver), session.over
        assert session.over.reason == "tampered"


async def test_session_makes_its_token_itself():
    async with Node(port=0) as node:
        with pytest.raises(BadMessage, match="token_hash"):
            await node.open_session("one_time", sealed=True, token_hash="x" * 43)


def test_thread_node_and_scripts_are_sealed():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session("one_time", sealed=True)
        assert session.sealed
        with proxim.sync.open_guest(session.link, name="Phone") as guest:
            prompt = session.prompt(timeout=PATIENCE)
            assert prompt.device_info.name == "Phone"
            prompt.approve(guest.wait_code(timeout=PATIENCE))
            guest.approved(timeout=PATIENCE)
            assert guest.sealed
            assert guest.host_name
            session.send("a")
            guest.send("b")
            assert guest.receive(timeout=PATIENCE) == "a"
            assert session.receive(timeout=PATIENCE) == "b"
            seat = (guest.node_url, guest.session_id, guest.resume_token)
            with proxim.sync.open_host(node.url, uuid="desk", name="Desk", seals={}) as host:
                other = host.create("one_time", sealed=True)
                with proxim.sync.open_guest(other.link, name="Pad") as pad:
                    other.prompt(timeout=PATIENCE).approve_unchecked()
                    pad.approved(timeout=PATIENCE)
                    assert pad.host_name == "Desk"
        assert "." in seat[2]


def test_decide_in_a_thread_gets_the_number_from_the_person():
    codes = []

    def decide(prompt):
        assert prompt.confirm == "code"
        while not codes:
            pass
        return codes[0]

    with proxim.run_in_thread(port=0) as node:
        session = node.open_session("one_time", sealed=True, decide=decide)
        with proxim.sync.open_guest(session.link, name="Phone") as guest:
            codes.append(guest.wait_code(timeout=PATIENCE))
            guest.approved(timeout=PATIENCE)


def test_asyncio_is_sealed():
    async def pair(url):
        async with proxim.aio.open_host(url, uuid="desk", name="Desk") as host:
            session = await host.create("persistent", sealed=True)
            async with proxim.aio.open_guest(session.link, name="Phone") as guest:
                prompt = await session.prompt()
                await prompt.approve(await guest.wait_code())
                await guest.approved()
                assert (session.sealed, guest.sealed, guest.host_name) == (True, True, "Desk")
                await session.send([1])
                assert await guest.receive() == [1]
                token = guest.resume_token
            seat = (url, session.session_id, token)
            async with proxim.aio.resume_guest(*seat) as later:
                await later.send("later")
                assert await session.receive() == "later"
                await session.close()

    with proxim.run_in_thread(port=0) as node:
        asyncio.run(asyncio.wait_for(pair(node.url), PATIENCE))
