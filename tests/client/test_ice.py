import pytest
import trio

from proxim.client.ice import RETRY, IceRefresher
from proxim.protocol.errors import ConnectionLost, NotApproved, RateLimited


class Node:
    """Answers requests for fresh ICE servers, and keeps the moments at which it was asked."""

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
    """Starts the refresher of one session with ``ttl``, and lets some seconds pass."""

    async def run(ttl, *answers, seconds=1000):
        refresher = IceRefresher()
        node = Node(refresher, *answers)
        start = trio.current_time()
        refresher.schedule("s", ttl)
        with trio.move_on_after(seconds):
            await refresher.run(node.ask)
        return refresher, node, [at - start for at in node.asked]

    return run


async def test_it_is_asked_at_three_quarters_of_the_time_again_and_again(run, autojump_clock):
    _, _, asked = await run(100, 100, 100, 10_000)
    assert asked == pytest.approx([75, 150, 225])


async def test_what_ends_with_the_session_is_asked_for_once_more_only(run, autojump_clock):
    _, _, asked = await run(100, 25)
    assert asked == pytest.approx([75])


async def test_a_whole_second_is_a_gain_whatever_the_answers_were_under_way(run, autojump_clock):
    # At 1.5 s they had half a second left; now it is a second more, less 10 ms on the way.
    _, _, asked = await run(2, 1.49, 1000, seconds=10)
    assert len(asked) == 2


async def test_what_ends_at_the_same_moment_is_no_gain_whatever_it_was_under_way(
    run, autojump_clock
):
    _, _, asked = await run(100, 25.01)
    assert len(asked) == 1


async def test_a_refusal_is_tried_again_and_the_end_is_not(run, autojump_clock):
    _, _, asked = await run(100, RateLimited("no"), ConnectionLost("no"), NotApproved("over"))
    assert asked == pytest.approx([75, 75 + RETRY, 75 + 2 * RETRY])


async def test_a_session_that_is_over_is_not_asked_for(run, autojump_clock):
    refresher, node, _ = await run(100, 100, seconds=80)
    refresher.remove("s")
    with trio.move_on_after(1000):
        await refresher.run(node.ask)
    assert len(node.asked) == 1


async def test_what_comes_while_it_waits_is_taken_in(nursery, autojump_clock):
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
