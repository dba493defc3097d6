"""Deadlines that a program shows are true after its machine has slept."""

import pytest
import trio
import trio.testing

from proxim import clock
from proxim.client import open_guest, open_host
from proxim.client.ice import IceRefresher
from tests.client.helpers import PATIENCE, info, registered, scripted, until


@pytest.fixture
def sleep(monkeypatch):
    """Lets the machine sleep: Trio's clock stands still for these seconds."""

    def sleep(seconds):
        slept = clock.slept() + seconds
        monkeypatch.setattr(clock._sleep, "seconds", slept)

    return sleep


def left(moment):
    return moment - trio.current_time()


async def test_deadlines_of_a_host_go_on_while_its_machine_sleeps(nursery, sleep):
    device = {"name": "Phone", "id": "1"}
    prompt = {"type": "pair_prompt", "session_id": "s" * 22, "device_info": device}

    def answer(asked):
        if asked["type"] == "register":
            return [registered(asked)]
        created = {"type": "session_created", "session": info(), "pair_within": 300}
        return [{**created, "ref": asked["ref"]}, {**prompt, "expires_in": 40}]

    async with open_host(await scripted(nursery, answer), uuid="desk") as host:
        session = await host.create("persistent")
        with trio.fail_after(PATIENCE):
            asked = await session.prompt()
        assert 295 < left(session.lapses_at) <= 300
        assert 35 < left(asked.expires_at) <= 40
        sleep(30)
        assert 265 < left(session.lapses_at) <= 270
        assert 5 < left(asked.expires_at) <= 10
        sleep(30)
        assert left(asked.expires_at) < 0


async def test_deadline_of_a_guest_goes_on_while_its_machine_sleeps(nursery, sleep):
    def answer(asked):
        pending = {"type": "pair_pending", "session_id": "s" * 22, "resume_token": "r" * 43}
        return [{**pending, "expires_in": 40, "ref": asked["ref"]}]

    url = await scripted(nursery, answer)
    async with open_guest(f"{url}/join#{'s' * 22}.{'t' * 43}", name="Phone") as guest:
        assert 35 < left(guest.expires_at) <= 40
        sleep(30)
        assert 5 < left(guest.expires_at) <= 10


async def test_ice_servers_that_are_due_after_sleep_are_refreshed_at_once(nursery, sleep):
    refresher, asked = IceRefresher(), []

    async def ask(session_id):
        asked.append(session_id)

    refresher.schedule("s", 1000)
    nursery.start_soon(refresher.run, ask)
    await trio.testing.wait_all_tasks_blocked()
    sleep(800)
    with trio.fail_after(10):
        await until(lambda: asked == ["s"])
