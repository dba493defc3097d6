import math
from functools import partial

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from proxim.actors import timers as timers_module
from proxim.actors.timers import BATCH, Timers
from proxim.protocol import messages as wire
from tests.actors.helpers import TEMPORARY, Node
from tests.sleeping import sleeper


class Sleeper:
    def __init__(self, log, name):
        self.wake = partial(self._note, log, name)

    @staticmethod
    def _note(log, name):
        log.append((trio.current_time(), name))


class WokenTask:
    """A task that does its work when it is woken, as an actor does."""

    def __init__(self, log, name):
        self._log, self._name = log, name
        self._woken = trio.Event()

    def wake(self):
        self._woken.set()

    async def run(self):
        await self._woken.wait()
        self._log.append(self._name)


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


# -- sleep of the machine ----------------------------------------------------------------------

not_on_windows = pytest.mark.not_on("win32", reason="Trio's clock counts sleep there")


@not_on_windows
async def test_timers_whose_moment_passed_in_sleep_fire_within_a_second(
    autojump_clock, monkeypatch, nursery, log
):
    sleep, timers = sleeper(monkeypatch), Timers()
    nursery.start_soon(timers.run)
    timers.reset(None, 600, Sleeper(log, "overdue"))
    timers.reset(None, 5000, Sleeper(log, "later"))
    await trio.sleep(10.5)
    sleep(3600)
    await trio.sleep(1)
    assert [name for _, name in log] == ["overdue"]
    await trio.sleep(5000 - 3600 - 12)
    assert len(log) == 1
    await trio.sleep(2)
    assert [name for _, name in log] == ["overdue", "later"]


@not_on_windows
@pytest.mark.parametrize("count", [0, 1, 3 * BATCH + 1])
async def test_catch_up_waits_until_all_that_is_overdue_has_fired(
    autojump_clock, monkeypatch, nursery, log, count
):
    sleep, timers = sleeper(monkeypatch), Timers()
    nursery.start_soon(timers.run)
    for number in range(count):
        timers.reset(None, 600, Sleeper(log, number))
    timers.reset(None, 5000, Sleeper(log, "later"))
    await trio.sleep(10.5)
    await timers.catch_up()
    assert log == []
    sleep(3600)
    await timers.catch_up()
    assert log == [(10.5, number) for number in range(count)], "at once, and no others"
    with trio.testing.assert_no_checkpoints():
        await timers.catch_up()


@not_on_windows
@pytest.mark.parametrize("turns", range(2, 9))
async def test_who_asks_in_whatever_turn_waits_for_the_tasks_that_were_woken(
    autojump_clock, monkeypatch, nursery, log, turns
):
    # In which order Trio runs the tasks of a turn is chance.
    for _ in range(8):
        sleep, timers = sleeper(monkeypatch), Timers()
        nursery.start_soon(timers.run)
        for number in range(2 * BATCH):
            woken = WokenTask(log, number)
            nursery.start_soon(woken.run)
            timers.reset(None, trio.current_time() + 600, woken)
        await wait_all_tasks_blocked()
        sleep(3600)
        nursery.start_soon(timers.catch_up)
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        await timers.catch_up()
        assert len(log) == 2 * BATCH
        log.clear()


@not_on_windows
async def test_requests_are_answered_after_what_is_overdue_has_ended(
    autojump_clock, monkeypatch, nursery
):
    sleep, node = sleeper(monkeypatch), Node(sweep_interval=10_000)
    await nursery.start(node.supervisor.run)
    host = await node.host()
    for _ in range(2 * BATCH):
        await node.invites(TEMPORARY, host=host, ttl=600.0)
    sleep(3600)
    assert {info.status for info in await host.lists()} == {"expired"}
    kinds = [type(message) for message in host.told[-2 * BATCH - 1 :]]
    assert kinds == [wire.SessionEnded] * 2 * BATCH + [wire.Sessions]


@not_on_windows
async def test_request_with_nothing_to_wait_for_waits_for_what_is_overdue(
    autojump_clock, monkeypatch, nursery
):
    sleep, node = sleeper(monkeypatch), Node(sweep_interval=10_000)
    await nursery.start(node.supervisor.run)
    host = await node.host()
    await node.invites(TEMPORARY, host=host, ttl=600.0)
    assert node.router.route_now(host, wire.Ping())
    sleep(3600)
    assert not node.router.route_now(host, wire.Ping())
    assert isinstance(await host.asks(wire.Ping()), wire.Pong)
    assert isinstance(host.told[-2], wire.SessionEnded)
    assert node.router.route_now(host, wire.Ping())
