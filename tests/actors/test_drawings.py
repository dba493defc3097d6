"""How many QR codes are drawn, and for whom."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.actors.drawings import PATIENCE, Drawings
from proxim.actors.limits import LimitSettings
from proxim.actors.stats import Stats
from proxim.protocol.errors import RateLimited


class Desk:
    """Draws one link after the other, each once ``allow`` is called."""

    def __init__(self, **limits):
        self.stats = Stats()
        self.drawings = Drawings(self.draw, LimitSettings(**limits), self.stats)
        self.begun, self._allowed = [], trio.Semaphore(0)

    async def draw(self, link):
        self.begun.append(link)
        await self._allowed.acquire()
        return f"<svg>{link}</svg>"

    def allow(self, count=1):
        for _ in range(count):
            self._allowed.release()


@pytest.mark.parametrize("most", [1, 2])
async def test_only_so_many_are_drawn_at_once_and_the_others_wait_in_order(nursery, most):
    desk, drawn = Desk(drawings_at_once=most), []

    async def ask(link):
        drawn.append(await desk.drawings.draw(link, f"owner of {link}"))

    for number in range(4):
        nursery.start_soon(ask, str(number))
        await wait_all_tasks_blocked()
    assert (len(desk.begun), desk.stats.drawings) == (most, 4)
    for _ in range(4):
        desk.allow()
        await wait_all_tasks_blocked()
    assert desk.begun == ["0", "1", "2", "3"]
    assert sorted(drawn) == [f"<svg>{number}</svg>" for number in range(4)]
    assert desk.stats.drawings == 0


async def test_an_owner_gets_only_so_many_in_a_minute(autojump_clock):
    desk = Desk(drawings_per_owner=3)
    desk.allow(100)
    for number in range(3):
        await desk.drawings.draw(str(number), "one")
        await trio.sleep(1)
    with pytest.raises(RateLimited) as caught:
        await desk.drawings.draw("more", "one")
    assert caught.value.retry_after == pytest.approx(57)
    assert desk.stats.refusals["drawings_per_owner"] == 1
    assert await desk.drawings.draw("other", "another owner") == "<svg>other</svg>"
    await trio.sleep(57.1)
    assert await desk.drawings.draw("again", "one") == "<svg>again</svg>"
    assert "more" not in desk.begun


async def test_zero_is_no_limit_for_an_owner():
    desk = Desk(drawings_per_owner=0)
    desk.allow(500)
    for number in range(500):
        await desk.drawings.draw(str(number), "one")


async def test_a_request_does_not_wait_for_its_turn_for_ever(autojump_clock, nursery):
    desk = Desk()
    nursery.start_soon(desk.drawings.draw, "first", "one")
    await wait_all_tasks_blocked()
    with trio.fail_after(PATIENCE + 1), pytest.raises(RateLimited) as caught:
        await desk.drawings.draw("second", "two")
    assert caught.value.retry_after > 0
    assert desk.stats.refusals["drawings_at_once"] == 1
    nursery.cancel_scope.cancel()


async def test_a_drawing_that_fails_or_is_cancelled_frees_its_turn():
    desk = Desk()
    with trio.move_on_after(0):
        await desk.drawings.draw("cancelled", "one")
    desk.allow()
    assert await desk.drawings.draw("next", "one")
    assert desk.stats.drawings == 0
