import math
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.actors import timers as timers_module
from proxim.actors.timers import BATCH, Timers


class Sleeper:
    def __init__(self, log, name):
        self.wake = partial(self._note, log, name)

    @staticmethod
    def _note(log, name):
        log.append((trio.current_time(), name))


@pytest.fixture
async def timers(nursery):
    timers = Timers()
    nursery.start_soon(timers.run)
    await wait_all_tasks_blocked()
    return timers


@pytest.fixture
def log():
    return []


async def test_each_timer_fires_at_its_moment(autojump_clock, timers, log):
    for moment in (30, 10.5, 20):
        timers.reset(None, moment, Sleeper(log, moment))
    assert len(timers) == 3
    await trio.sleep(15)
    timers.reset(None, 16, Sleeper(log, 16))
    timers.reset(None, 3, Sleeper(log, "late"))
    await trio.sleep(25)
    assert log == [(10.5, 10.5), (15, "late"), (16, 16), (20, 20), (30, 30)]
    assert len(timers) == 0


async def test_timer_set_before_run_fires_too(autojump_clock, nursery, log):
    timers = Timers()
    timers.reset(None, 5, Sleeper(log, "early"))
    nursery.start_soon(timers.run)
    await trio.sleep(6)
    assert log == [(5, "early")]


async def test_timer_that_is_reset_fires_once(autojump_clock, timers, log):
    sleeper = Sleeper(log, "it")
    timer = timers.reset(None, 10, sleeper)
    assert timers.reset(timer, 10, sleeper) is timer
    timer = timers.reset(timer, 20, sleeper)
    timer = timers.reset(timer, 5, sleeper)
    assert len(timers) == 1
    await trio.sleep(30)
    assert log == [(5, "it")]
    timers.stop(timer)
    assert timers.reset(timer, math.inf, sleeper) is None
    assert len(timers) == 0


async def test_stopped_timer_does_not_fire(autojump_clock, timers, log):
    timer = timers.reset(None, 10, Sleeper(log, "stopped"))
    timers.stop(timer)
    timers.stop(timer)
    assert len(timers) == 0
    await trio.sleep(20)
    assert log == []


class Looks(trio.abc.Instrument):
    """Return how many timers had fired each time that Trio looked at the sockets."""

    def __init__(self, log):
        self._log = log
        self.rung = []

    def before_io_wait(self, timeout):
        self.rung.append(len(self._log))


async def test_many_timers_fire_in_order_with_sockets_served_between(autojump_clock, timers, log):
    total, looks = 5 * BATCH, Looks(log)
    for number in range(total):
        timers.reset(None, 10, Sleeper(log, number))
    trio.lowlevel.add_instrument(looks)
    await trio.sleep(11)
    assert log == [(10, number) for number in range(total)]
    assert sorted(set(looks.rung)) == list(range(0, total + 1, BATCH))


async def test_stopped_timers_are_removed_from_the_heap(autojump_clock, timers, log, monkeypatch):
    monkeypatch.setattr(timers_module, "_MAX_STOPPED", 10)
    kept = [timers.reset(None, 50 + number, Sleeper(log, number)) for number in range(5)]
    for _ in range(1000):
        timers.stop(timers.reset(None, 1e9, Sleeper(log, "spent")))
        assert len(timers._heap) <= 2 * len(kept) + 10 + 1
    await trio.sleep(100)
    assert log == [(50 + number, number) for number in range(5)]
