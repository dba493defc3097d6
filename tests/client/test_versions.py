"""Older clients at this node, and this SDK at older nodes (protocol: Older versions)."""

import json
import os
import sys

import pytest
import trio

from proxim.client import open_guest, open_host
from proxim.protocol.errors import CodeRequired, NotSupported
from tests.client.between import DOWN, UP
from tests.client.first_version import FirstVersion
from tests.client.helpers import PATIENCE, asked, end, hear, paired, presence
from tests.conform.raw_client import RawGuest

OLDER_GUEST = ("no code", "old token")
"""The first version has no number, and its resume tokens do not rotate."""


@pytest.fixture
async def first_version(node, nursery):
    between = FirstVersion(node)
    await between.start(nursery)
    return between


async def cut(between, *sides):
    """Cut the connections of the sides, and wait until each is there again."""
    between.cut()
    for side in sides:
        await presence(side, False)
        await presence(side, True)


async def test_older_guest_pairs_and_comes_back_by_its_first_resume_token(node):
    guest = RawGuest(OLDER_GUEST)
    async with (
        open_host(node.url, uuid="desk") as host,
        guest.opened(PATIENCE) as phone,
    ):
        session = await host.create("persistent", host_name="Desk")
        await phone.do("pair", link=session.link)
        await (await session.prompt()).approve()
        await phone.told("approved")
        first = guest.resume_token
        for number in range(3):
            await phone.do("send", data=number)
            assert await hear(session, 1) == [number]
            await session.send(number)
            await phone.told("signal", data=number)
            await guest.ws.aclose()
            await presence(session, False)
            await presence(session, True)
        assert guest.resume_token == first
        await session.close()
        await phone.told("ended", reason="closed")


async def test_older_guest_shows_no_number_and_can_only_be_declined(node):
    async with (
        open_host(node.url, uuid="desk") as host,
        RawGuest(OLDER_GUEST).opened(PATIENCE) as phone,
    ):
        session = await host.create("persistent", confirm="code")
        await phone.do("pair", link=session.link)
        prompt = await session.prompt()
        await phone.tells_none("code", 0.1)
        with pytest.raises(CodeRequired):
            await prompt.approve()
        await prompt.decline()
        await phone.told("ended", reason="rejected")


async def test_older_host_opens_a_session_without_number_and_name(node, first_version):
    async with open_host(first_version.url, uuid="desk") as host:
        session = await host.create("persistent")
        link = session.link
        async with open_guest(link, name="Phone") as guest:
            prompt = await session.prompt()
            assert (guest.code, guest.host_name, guest.sealed) == (None, None, False)
            await prompt.approve()
            await guest.approved()
            await session.send("hello")
            assert await hear(guest, 1) == ["hello"]
            await session.close()
            assert await end(guest) == ("expired", "closed")
    assert first_version.later[UP] == set()


async def test_host_pairs_at_an_older_node(node, first_version):
    async with paired(first_version.url, guest_url=node.url, host_name="Desk") as (session, guest):
        assert (session.confirm, session.sealed, guest.host_name) == ("none", False, None)
        await cut(first_version, guest)
        await session.send("hello")
        assert await hear(guest, 1) == ["hello"]
    assert "create_session.host_name" in first_version.later[UP]


async def test_host_does_not_open_what_an_older_node_cannot_keep(first_version):
    async with open_host(first_version.url, uuid="desk") as host:
        for option in ({"confirm": "code"}, {"join_url": "https://app.example/"}, {"sealed": True}):
            with pytest.raises(NotSupported, match="too old"):
                await host.create("persistent", **option)
    assert first_version.types(UP) == ["register"]


async def test_guest_pairs_at_an_older_node_and_comes_back(node, first_version):
    async with asked(node.url, guest_url=first_version.url, host_name="Desk") as (session, guest):
        assert (guest.code, guest.host_name) == (None, None)
        await session.decide(approve=True)
        await guest.approved()
        first = guest.resume_token
        for number in range(2):
            await cut(first_version, session)
            await guest.send(number)
            assert await hear(session, 1) == [number]
        assert guest.resume_token == first
    assert "resumed.resume_token" in first_version.later[DOWN]


@pytest.mark.parametrize(
    ("options", "code"), [((), "seal_unavailable"), (("--plain",), "not_supported")]
)
async def test_terminal_says_that_the_node_is_too_old(first_version, tmp_path, options, code):
    command = [sys.executable, "-m", "proxim", "host", "--json", *options]
    command += ["--node", first_version.url]
    with trio.fail_after(PATIENCE):
        # A home of its own, also where Windows keeps it.
        home = dict.fromkeys(("HOME", "LOCALAPPDATA", "XDG_CONFIG_HOME"), str(tmp_path))
        env = {**os.environ, **home}
        done = await trio.run_process(command, capture_stdout=True, check=False, env=env)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["event"], each["code"]) for each in events] == [("error", code)]
    assert "too old" in events[0]["message"]
    assert "create_session" not in first_version.types(UP)
