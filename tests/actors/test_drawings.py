"""How many QR codes are drawn at a time."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxim.actors.drawings import PATIENCE, Drawings
from proxim.actors.limits import LimitSettings
from proxim.actors.stats import Stats
from proxim.protocol import messages as wire
from proxim.protocol.errors import RateLimited
from tests.actors.helpers import PERSISTENT, Node


class Desk:
    """Draws one link after the other, each once ``allow`` is called."""

    def __init__(self, at_once=1):
        self.stats = Stats()
        self.drawings = Drawings(self.draw, at_once, self.stats)
        self.begun, self._allowed = [], trio.Semaphore(0)

    async def draw(self, link):
        self.begun.append(link)
        await self._allowed.acquire()
        return f"<svg>{link}</svg>"

    def allow(self):
        self._allowed.release()


@pytest.mark.parametrize("most", [1, 2])
async def test_only_so_many_are_drawn_at_once_and_the_others_wait_in_order(nursery, most):
    desk, drawn = Desk(most), []

    async def ask(link):
        drawn.append(await desk.drawings.draw(link, address=link))

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


@pytest.mark.parametrize("address", ["192.0.2.2", None])
async def test_one_address_that_asks_for_many_delays_another_by_one(nursery, address):
    desk = Desk()
    for number in range(20):
        nursery.start_soon(desk.drawings.draw, f"flood {number}", "192.0.2.1")
    await wait_all_tasks_blocked()
    nursery.start_soon(desk.drawings.draw, "another", address)
    await wait_all_tasks_blocked()
    desk.allow()
    await wait_all_tasks_blocked()
    assert desk.begun[1:] == ["another"]
    for _ in range(20):
        desk.allow()
    await wait_all_tasks_blocked()
    assert len(desk.begun) == 21


async def test_a_request_does_not_wait_for_its_turn_for_ever(autojump_clock, nursery):
    desk = Desk()
    nursery.start_soon(desk.drawings.draw, "first", None)
    await wait_all_tasks_blocked()
    with trio.fail_after(PATIENCE + 1), pytest.raises(RateLimited) as caught:
        await desk.drawings.draw("second", None)
    assert caught.value.retry_after > 0
    assert desk.stats.refusals["drawings_at_once"] == 1
    nursery.cancel_scope.cancel()


async def test_a_drawing_that_is_cancelled_frees_its_turn():
    desk = Desk()
    with trio.move_on_after(0.01):
        await desk.drawings.draw("cancelled", None)
    desk.allow()
    assert await desk.drawings.draw("next", None) == "<svg>next</svg>"
    assert desk.stats.drawings == 0


async def test_refused_request_counts_no_drawing(autojump_clock, nursery):
    node = Node(limit_settings=LimitSettings(sessions_per_owner=1, drawings_per_owner=2))
    await nursery.start(node.supervisor.run)
    host = await node.host()
    create = wire.CreateSession(session_type=PERSISTENT, qr="svg")
    session_id = (await host.asks(create)).session.session_id
    for _ in range(3):
        assert (await host.asks(create)).code == "limit_reached"
    renew = wire.RenewLink(session_id=session_id, qr="svg")
    assert (await host.asks(renew)).qr_svg
    assert (await host.asks(renew)).code == "rate_limited"
    assert (await host.asks(wire.RenewLink(session_id=session_id))).link
    await trio.sleep(61)
    assert (await host.asks(renew)).qr_svg
