import pytest
import trio

from proxim.client.ice import RETRY, IceRefresher
from proxim.protocol.errors import ConnectionLost, NotApproved, RateLimited


class Node:
    """Answers requests for new ICE servers, and records their times."""

    def __init__(self, refresher, *answers):
        self.refresher = refresher
        self.answers = list(answers)
        self.asked = []

    async def ask(self, session_id):
        await trio.lowlevel.checkpoint()
        self.asked.append(trio.current_time())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.refresher.schedule(session_id, answer)


@pytest.fixture
def run(nursery):
    """Runs the refresher for one session with ``ttl`` for some seconds."""

    async def run(ttl, *answers, seconds=1000):
        refresher = IceRefresher()
        node = Node(refresher, *answers)
        start = trio.current_time()
        refresher.schedule("s", ttl)
        with trio.move_on_after(seconds):
            await refresher.run(node.ask)
        return refresher, node, [at - start for at in node.asked]

    return run


async def test_ice_servers_are_refreshed_at_three_quarters_of_their_time(run, autojump_clock):
    _, _, asked = await run(100, 100, 100, 10_000)
    assert asked == pytest.approx([75, 150, 225])


async def test_ice_servers_that_end_with_the_session_are_refreshed_once(run, autojump_clock):
    _, _, asked = await run(100, 25)
    assert asked == pytest.approx([75])


async def test_extension_by_a_second_counts_whatever_the_latency(run, autojump_clock):
    # At 1.5 s half a second was left; now a second more, less 10 ms of latency.
    _, _, asked = await run(2, 1.49, 1000, seconds=10)
    assert len(asked) == 2


async def test_same_expiry_is_not_an_extension_whatever_the_latency(run, autojump_clock):
    _, _, asked = await run(100, 25.01)
    assert len(asked) == 1


async def test_refresh_is_retried_unless_the_session_ended(run, autojump_clock):
    _, _, asked = await run(100, RateLimited("no"), ConnectionLost("no"), NotApproved("over"))
    assert asked == pytest.approx([75, 75 + RETRY, 75 + 2 * RETRY])


async def test_ended_session_is_not_refreshed(run, autojump_clock):
    refresher, node, _ = await run(100, 100, seconds=80)
    refresher.remove("s")
    with trio.move_on_after(1000):
        await refresher.run(node.ask)
    assert len(node.asked) == 1


async def test_new_schedule_wakes_the_refresher(nursery, autojump_clock):
    refresher = IceRefresher()
    node = Node(refresher, 1000, 1000)
    nursery.start_soon(refresher.run, node.ask)
    await trio.sleep(5)
    start = trio.current_time()
    refresher.schedule("s", 100)
    await trio.sleep(5)
    refresher.schedule("t", 20)
    await trio.sleep(80)
    assert [at - start for at in node.asked] == pytest.approx([20, 75])
