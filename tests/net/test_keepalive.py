import pytest
import trio

from proxim.net.keepalive import Due, Keepalive
from proxim.net.limits import Limits

LIMITS = Limits(introduction_time=10, ping_interval=20, pong_time=30, message_time=5, close_time=3)


@pytest.fixture
async def keepalive():
    keepalive = Keepalive(LIMITS)
    keepalive.start()
    return keepalive


async def sleep(keepalive, until=float("inf")):
    """Sleep until the next deadline; return the time and what is due then."""
    with keepalive.deadline_scope(until):
        await trio.sleep_forever()
    now, due = trio.current_time(), []
    while Due.END not in due and (each := keepalive.due(now)) is not None:
        due.append(each)
    return now, due


async def test_deadlines_are_due_in_order_and_pings_again_and_again(keepalive, autojump_clock):
    start = trio.current_time()
    heard = [await sleep(keepalive) for _ in range(4)]
    assert [(round(now - start), due) for now, due in heard] == [
        (10, [Due.INTRODUCTION]),
        (20, [Due.PING]),
        (40, [Due.PING]),
        (50, [Due.END]),
    ]


async def test_a_wait_ends_earlier_for_a_new_deadline(keepalive, autojump_clock, nursery):
    start = trio.current_time()

    async def set_deadlines():
        await trio.sleep(1)
        keepalive.message_incomplete(is_new=False)
        keepalive.message_incomplete(is_new=False)
        keepalive.check_outbox_after(2)
        keepalive.check_outbox_after(1)

    nursery.start_soon(set_deadlines)
    assert await sleep(keepalive) == (pytest.approx(start + 3), [Due.OUTBOX])
    assert await sleep(keepalive, start + 4) == (pytest.approx(start + 4), [])
    assert await sleep(keepalive) == (pytest.approx(start + 6), [Due.MESSAGE])


async def test_a_pause_prolongs_the_time_for_a_pong(keepalive, autojump_clock):
    keepalive.introduced()
    now, _ = await sleep(keepalive)
    keepalive.reading_paused(now + 5)
    assert keepalive._pong_by == now + 35


@pytest.mark.parametrize("how", ["start_closing", "end_now"])
async def test_closing_wakes_the_task_and_ends_in_time(keepalive, autojump_clock, nursery, how):
    start = trio.current_time()

    async def close():
        getattr(keepalive, how)()

    nursery.start_soon(close)
    woken = await sleep(keepalive)
    if how == "start_closing":
        assert woken == (start, [])
        woken = await sleep(keepalive)
        assert woken[0] == pytest.approx(start + 3)
    assert woken[1] == [Due.END]


async def test_no_ping_is_due_while_closing(keepalive, autojump_clock):
    start = trio.current_time()
    keepalive.introduced()
    await trio.sleep(19)
    keepalive.start_closing()
    assert await sleep(keepalive) == (pytest.approx(start + 22), [Due.END])
