import math

import pytest
import trio

from proxim import clock
from proxim.client.host_session import HostSession
from proxim.client.prompt import Prompt
from proxim.protocol import messages as wire
from proxim.protocol.messages import DeviceInfo
from tests.sleeping import sleeper

pytestmark = pytest.mark.not_on("win32", reason="Trio's clock counts sleep there")


@pytest.fixture
def sleeps(monkeypatch):
    return sleeper(monkeypatch)


async def test_clock_is_trios_clock_until_the_machine_sleeps(autojump_clock, sleeps):
    assert (clock.now(), clock.slept()) == (trio.current_time(), 0)
    await trio.sleep(7)
    sleeps(100)
    assert (clock.now(), clock.slept()) == (107, 100)


async def test_clock_never_goes_back(autojump_clock, sleeps):
    sleeps(100)
    assert clock.now() == 100
    # As if the process had been interrupted between the two readings.
    sleeps(-30)
    assert clock.now() == 100


async def test_many_short_sleeps_add_up(autojump_clock, sleeps):
    for _ in range(1000):
        sleeps(0.03)
        clock.slept()
    assert clock.slept() == pytest.approx(30, abs=0.2)


async def test_wait_is_cut_short_since_the_machine_may_sleep(autojump_clock, sleeps):
    assert clock.wake_at(math.inf) == math.inf
    assert clock.wake_at(1000) == clock.TICK
    assert clock.wake_at(0.5) == 0.5
    sleeps(100)
    assert clock.wake_at(100.5) == 0.5


async def test_sleep_of_the_machine_shortens_a_sleep(autojump_clock, sleeps, nursery):
    async def close_the_lid():
        await trio.sleep(10)
        sleeps(80)

    nursery.start_soon(close_the_lid)
    await clock.sleep_until(100)
    assert 20 <= trio.current_time() <= 10 + clock.TICK + 10
    assert clock.now() >= 100


class Channel:
    ice = None


async def test_countdowns_of_the_sdk_go_on_while_the_machine_sleeps(autojump_clock, sleeps):
    info = wire.SessionInfo(
        session_id="s", uuid="u", session_type="persistent", created_at="2026-01-01T00:00:00Z",
        expires_at=None, status="pending", device_info=None, host_online=True, guest_online=False,
    )  # fmt: skip
    session = HostSession(Channel(), info)
    session._set_link(wire.LinkRenewed(session_id="s", pair_within=300))
    device = DeviceInfo(name="Phone", id="p")
    prompt = Prompt(session, wire.PairPrompt(session_id="s", device_info=device, expires_in=40))
    sleeps(30)
    assert prompt.expires_at - trio.current_time() == 10
    assert session.lapses_at - trio.current_time() == 270
