"""A person who is asked too often says yes at last: after two denials prompts are silent."""

import pytest

from proxim.client import granted, open_guest
from proxim.client.denials import UNKNOWN, Denials
from proxim.sealing.device import device_key_of
from tests.client.helpers import end
from tests.client.known import Pair, is_waiting, next_visit


@pytest.fixture
def pair(node):
    return Pair(node.url)


async def ask_by_a_code(host, **options):
    """Ask by a new link, and be declined; return whether the prompt was silent."""
    session = await host.create("persistent", sealed=True)
    async with open_guest(session.link, name="Phone", **options) as guest:
        prompt = await session.prompt()
        await prompt.decline()
        await end(guest)
    return prompt.is_silent


async def ask_again(pair, host):
    """Ask as a known device, and be declined; return whether the prompt was silent."""
    async with pair.visit() as guest:
        prompt = await (await next_visit(host)).prompt()
        await prompt.decline()
        await end(guest)
    await is_waiting(host)
    return prompt.is_silent


async def test_prompts_are_silent_after_two_denials(pair):
    async with pair.host() as host:
        await pair.remember(host)
        assert [await ask_by_a_code(host) for _ in range(3)] == [False, False, True]
        assert [await ask_again(pair, host) for _ in range(3)] == [False, False, True]


async def test_key_of_a_declined_device_is_silent_by_another_link(pair, monkeypatch):
    async with pair.host() as host:
        await pair.remember(host)
        assert [await ask_again(pair, host) for _ in range(2)] == [False, False]
        key = device_key_of(pair.grant.private)
        with monkeypatch.context() as patched:
            patched.setattr(granted, "new_device_key", lambda draw: key)
            assert await ask_by_a_code(host, grants=pair.grants)
        assert not await ask_by_a_code(host, grants=pair.grants)


async def test_new_key_for_each_request_makes_no_prompt_loud(pair):
    async with pair.host() as host:
        told = [await ask_by_a_code(host, grants=pair.grants) for _ in range(3)]
    assert told == [False, False, True]


def test_denials_count_for_ten_minutes_by_each_mark(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("proxim.client.denials.clock.now", lambda: now[0])
    denials = Denials()
    denials.add({"link", b"key"})
    assert not denials.are_many({"link", b"key"})
    now[0] += 500
    denials.add({"other link", b"key"})
    assert denials.are_many({"third link", b"key"})
    assert not denials.are_many({"link", "other link", UNKNOWN})
    now[0] += 101
    assert not denials.are_many({b"key"})
    now[0] += 500
    denials.add({"link"})
    assert list(denials._times) == ["link"]
