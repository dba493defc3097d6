import pytest
import trio
import trio.testing
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from proxim.actors.limits import NOWHERE, Source
from proxim.net.cork import Cork
from proxim.net.frames import text_frame
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox import Outbox
from proxim.net.outbox_totals import OutboxTotals
from proxim.net.stats import NetStats
from proxim.net.token_bucket import TokenBucket
from proxim.net.websocket import NodeWebSocket
from tests.net.helpers import PING, MemoryNode, frame, open_session


class Recorder(Keepalive):
    """Records when the connection is told to end."""

    ended_at = None

    def end_now(self):
        self.ended_at = trio.current_time()


class Kernel(trio.abc.Stream):
    """Takes ``room`` bytes at once, and the rest from a task once ``open`` is set."""

    def __init__(self, room=0):
        self.room, self.sent, self.calls, self.open = room, bytearray(), [], trio.Event()

    def send_now(self, data, *, is_last=False):
        self.calls.append(bytes(data))
        taken, self.room = data[: self.room], max(self.room - len(data), 0)
        self.sent += taken
        return len(taken)

    async def send_all(self, data):
        self.sent += data[:1]
        await self.open.wait()
        self.sent += data[1:]

    async def receive_some(self, max_bytes=None):
        await trio.sleep_forever()

    async def wait_send_all_might_not_block(self):
        await trio.lowlevel.checkpoint()

    async def aclose(self):
        await trio.lowlevel.checkpoint()

    def heard(self):
        peer = Connection(ConnectionType.CLIENT)
        peer.receive_data(bytes(self.sent))
        return ["".join(e.data) if isinstance(e, TextMessage) else e.code for e in peer.events()]


class Shared:
    """What all outboxes of a node share."""

    def __init__(self, most=256 * 1024 * 1024):
        self.cork = Cork()
        self.stats = NetStats()
        self.totals = OutboxTotals(most, self.stats)

    @classmethod
    def of(cls, memory_node):
        shared = cls()
        shared.cork, shared.totals = memory_node.listener._cork, memory_node.listener._outbox_totals
        return shared


def outbox_to(kernel, nursery, shared=None, keepalive=None, source=NOWHERE, **limits):
    limits = Limits(**limits)
    keepalive = keepalive or Keepalive(limits)
    shared = shared or Shared()
    return Outbox(kernel, limits, shared.cork, shared.totals, keepalive, nursery.start_soon, source)


def write(outbox, *texts):
    for text in texts:
        outbox.write(text_frame(text))


def close(outbox, code):
    NodeWebSocket(Kernel(), Limits(), outbox, Keepalive(Limits())).send_close(code, "")


@pytest.mark.parametrize("room", [*range(14), 99])
async def test_frames_are_sent_in_the_order_of_the_writes(nursery, room):
    kernel = Kernel(room)
    outbox = outbox_to(kernel, nursery)
    write(outbox, b"one", b"two")
    await trio.lowlevel.checkpoint()
    write(outbox, b"three")
    close(outbox, 4000)
    await trio.lowlevel.checkpoint()
    assert outbox.size + len(kernel.sent) in (21, 22)  # one queued byte may be on its way
    write(outbox, b"too late")
    kernel.open.set()
    await outbox.wait_below(1)
    assert (kernel.heard(), outbox.size) == (["one", "two", "three", 4000], 0)


@pytest.mark.parametrize("room", [0, 3, 7])
async def test_dropping_the_queue_leaves_no_partial_frame(nursery, room):
    kernel = Kernel(room)
    outbox = outbox_to(kernel, nursery)
    write(outbox, b"one", b"two", b"three")
    await trio.testing.wait_all_tasks_blocked()
    assert outbox.size == 17 - room
    outbox.drop_queued()
    assert outbox.size == (10 - room if room > 5 else 5 - room)
    close(outbox, 4001)
    kernel.open.set()
    await outbox.wait_below(1)
    assert kernel.heard() == ["one", *["two"] * (room > 5), 4001]


async def test_a_peer_that_takes_no_bytes_in_time_is_disconnected(nursery, autojump_clock):
    keepalive = Recorder(Limits())
    outbox = outbox_to(Kernel(), nursery, keepalive=keepalive, write_time=3)
    write(outbox, b"x")
    await trio.sleep(60)
    assert keepalive.ended_at == pytest.approx(3)
    assert not outbox.is_open


async def test_all_tasks_that_wait_for_room_get_it(nursery):
    kernel = Kernel()
    outbox = outbox_to(kernel, nursery)
    write(outbox, b"x")
    with trio.fail_after(30):
        async with trio.open_nursery() as waiting:
            waiting.start_soon(outbox.wait_below, 1)
            waiting.start_soon(outbox.wait_below, 1)
            await trio.testing.wait_all_tasks_blocked()
            kernel.open.set()


async def test_pongs_are_bounded_for_a_peer_that_does_not_read(nursery):
    limits = {"outbox_size": 1000, "controls": TokenBucket.of(0, 20)}
    outbox = outbox_to(Kernel(), nursery, **limits)
    ws = NodeWebSocket(Kernel(), Limits(**limits), outbox, Keepalive(Limits()))
    pong = len(frame(PING, b"x" * 100, masked=False))
    for _ in range(50):
        assert ws.feed(frame(PING, b"x" * 100)) == []
        assert not ws.peer_has_ended
    assert 1000 < outbox.size <= 1000 + pong


@pytest.mark.parametrize("end", ["timeout", "cancelled"])
async def test_no_task_waits_for_room_that_never_comes(end, autojump_clock):
    async with trio.open_nursery() as waiting:
        waiting.cancel_scope.deadline = trio.current_time() + 60
        async with trio.open_nursery() as connection:
            outbox = outbox_to(Kernel(), connection, write_time=3)
            write(outbox, b"x")
            waiting.start_soon(outbox.wait_below, 1)
            await trio.testing.wait_all_tasks_blocked()
            if end == "cancelled":
                connection.cancel_scope.cancel()
    assert not waiting.cancel_scope.cancelled_caught


async def test_a_cork_sends_many_frames_in_one_call(nursery):
    shared = Shared()
    kernels = [Kernel(room) for room in (99, 0, 8)]
    first, second, third = outboxes = [outbox_to(kernel, nursery, shared) for kernel in kernels]
    shared.cork.put_in()
    for n in range(5):
        for outbox in outboxes:
            write(outbox, b"%d" % n)
    assert (first.size, kernels[0].calls) == (15, [])
    shared.cork.pull_out()
    assert [len(kernel.calls) for kernel in kernels] == [1, 1, 1]
    assert (first.size, second.size, third.size) == (0, 15, 7)
    for outbox, kernel in zip(outboxes, kernels, strict=True):
        write(outbox, b"after")
        kernel.room = 99
        kernel.open.set()
        await outbox.wait_below(1)
        assert kernel.heard() == [*"01234", "after"]


async def test_a_close_behind_a_cork_is_sent(nursery):
    shared, kernel = Shared(), Kernel(99)
    outbox = outbox_to(kernel, nursery, shared)
    shared.cork.put_in()
    write(outbox, b"one")
    close(outbox, 4000)
    shared.cork.pull_out()
    assert kernel.heard() == ["one", 4000]


async def test_a_cork_does_not_delay_what_was_queued_before(nursery):
    shared, kernel = Shared(), Kernel(2)
    outbox = outbox_to(kernel, nursery, shared)
    write(outbox, b"before")
    shared.cork.put_in()
    write(outbox, b"in")
    shared.cork.pull_out()
    shared.cork.pull_out()
    kernel.open.set()
    await outbox.wait_below(1)
    assert (kernel.heard(), len(kernel.calls)) == (["before", "in"], 1)


# -- the bound of all outboxes together --------------------------------------------------------


async def test_bytes_of_all_outboxes_are_counted_while_they_wait(nursery):
    shared, kernels = Shared(), [Kernel(3), Kernel(), Kernel(99)]
    outboxes = [outbox_to(kernel, nursery, shared) for kernel in kernels]
    for outbox in outboxes:
        outbox.write(b"12345")
    assert shared.stats.outbox_bytes == 2 + 5
    shared.cork.put_in()
    for outbox in outboxes:
        outbox.write(b"12345")
    shared.cork.pull_out()
    assert shared.stats.outbox_bytes == sum(outbox.size for outbox in outboxes) == 7 + 10
    outboxes[1].drop_queued()
    assert shared.stats.outbox_bytes == sum(outbox.size for outbox in outboxes)
    for kernel in kernels:
        kernel.open.set()
    for outbox in outboxes:
        await outbox.wait_below(1)
    assert shared.stats.outbox_bytes == 0


@pytest.mark.parametrize("end", ["timeout", "cancelled"])
async def test_bytes_that_are_dropped_are_not_counted(autojump_clock, nursery, end):
    shared = Shared()
    async with trio.open_nursery() as connection:
        outbox = outbox_to(Kernel(), connection, shared, write_time=3)
        outbox.write(b"12345")
        assert shared.stats.outbox_bytes == 5
        await trio.testing.wait_all_tasks_blocked()
        if end == "cancelled":
            connection.cancel_scope.cancel()
    assert shared.stats.outbox_bytes == 0


async def test_outbox_may_have_a_share_of_what_is_free(nursery):
    shared = Shared(3200)
    first, second = [outbox_to(Kernel(), nursery, shared) for _ in range(2)]
    first.write(b"1" * 50)
    assert first.exceeded_limit() is None
    first.write(b"1" * 50)
    assert first.exceeded_limit() == "max_outbox_bytes", "the share is 3100 / 32"
    second.write(b"1" * 90)
    assert second.exceeded_limit() is None
    second.write(b"1" * 5)
    assert second.exceeded_limit() == "max_outbox_bytes", "and 3005 / 32 then"


async def test_bytes_that_a_cork_holds_back_are_no_reason_to_close(nursery):
    shared = Shared(32)
    kernel = Kernel(10_000)
    outbox = outbox_to(kernel, nursery, shared)
    shared.cork.put_in()
    outbox.write(b"1" * 1000)
    assert outbox.exceeded_limit() is None
    shared.cork.pull_out()
    assert shared.stats.outbox_bytes == outbox.size == 0


async def test_backlogs_beyond_the_bound_of_all_make_nobody_slow_who_has_nothing_waiting(nursery):
    shared = Shared(320)
    hoarder, healthy = [outbox_to(Kernel(), nursery, shared) for _ in range(2)]
    hoarder.write_backlog(b"1" * 1000)
    assert shared.totals.bound == 0
    shared.cork.put_in()
    healthy.write(b"1")
    assert healthy.exceeded_limit() is None


async def test_bytes_that_were_dropped_behind_a_cork_are_not_counted_once_it_is_out(nursery):
    shared = Shared()
    outbox = outbox_to(Kernel(10_000), nursery, shared)
    shared.cork.put_in()
    write(outbox, b"one", b"two")
    outbox.drop_queued()
    close(outbox, 4001)
    shared.cork.pull_out()
    assert (outbox.size, outbox.counted, shared.stats.outbox_bytes) == (0, 0, 0)


async def test_max_outbox_bytes_of_zero_is_no_limit(nursery):
    outbox = outbox_to(Kernel(), nursery, Shared(0))
    outbox.write(b"1" * 200_000)
    assert outbox.exceeded_limit() is None


async def left_with_a_backlog(memory_node):
    """Return the ids and token of a guest that left, and for which a signal waits."""
    host, guest = await memory_node.client(), await memory_node.client()
    session_id, token = await open_session(host)
    device = {"name": "Phone", "id": "phone-1"}
    await guest.say("pair_request", session_id=session_id, token=token, device_info=device)
    resume_token = (await guest.hear("pair_pending"))["resume_token"]
    await host.say("pair_decision", session_id=session_id, approve=True)
    await guest.hear("pair_result")
    await guest.ws.aclose()
    await host.hear("peer_offline")
    await host.say("signal", session_id=session_id, data="kept")
    assert await host.pings()
    return {"session_id": session_id, "resume_token": resume_token}


@pytest.mark.parametrize("lasts", [5, 20])
async def test_a_backlog_is_handed_over_once_all_outboxes_have_room(nursery, autojump_clock, lasts):
    memory_node, kernel = MemoryNode(nursery, max_outbox_bytes=4_000_000), Kernel()
    seat, guest = await left_with_a_backlog(memory_node), await memory_node.client()
    most = outbox_to(kernel, nursery, Shared.of(memory_node), write_time=60)
    most.write(b"1" * 3_000_100)
    start = trio.current_time()
    await guest.say("resume", **seat)
    with trio.move_on_after(lasts) as waiting:
        assert await guest.ending() == 1012
    assert trio.current_time() - start == pytest.approx(min(lasts, 10))
    assert waiting.cancelled_caught == (lasts < 10)
    kernel.open.set()
    await most.wait_below(1)
    if lasts > 10:
        assert memory_node.supervisor.stats.refusals == {"max_outbox_bytes": 1}
        guest = await memory_node.client()
        await guest.say("resume", **seat)
    assert (await guest.hear())["type"] == "resumed"
    assert (await guest.hear("signal"))["data"] == "kept"


@pytest.mark.parametrize(
    ("address", "waits"),
    [("2001:db8::1", True), ("2001:db8:0:ff::1", True), ("2001:db9::1", False)],
)
async def test_networks_that_have_much_waiting_keep_no_other_from_coming_back(
    nursery, autojump_clock, address, waits
):
    memory_node = MemoryNode(nursery, max_outbox_bytes=4_000_000)
    seat = await left_with_a_backlog(memory_node)
    hoarder = Source("2001:db8::/64", ("2001:db8::/56", "2001:db8::/48"))
    shared = Shared.of(memory_node)
    outbox_to(Kernel(), nursery, shared, source=hoarder, write_time=60).write(b"1" * 3_000_100)
    guest = await memory_node.client(peer=address)
    start = trio.current_time()
    await guest.say("resume", **seat)
    if waits:
        assert await guest.ending() == 1012
    else:
        assert (await guest.hear())["type"] == "resumed"
        assert trio.current_time() == start


async def test_no_more_clients_get_room_at_once_than_there_is(nursery, autojump_clock):
    shared, kernels = Shared(4_000_000), (Kernel(), Kernel())
    full = [outbox_to(each, nursery, shared) for each in kernels]
    for outbox in full:
        outbox.write(b"1" * 1_600_000)
    waiting, ready = (
        [outbox_to(Kernel(), nursery, shared) for _ in "123456789"],
        [],
    )

    async def wait(outbox):
        await outbox.wait_for_total_room()
        await trio.sleep(1)  # The session's actor gives the backlog only later.
        outbox.write_backlog(b"1" * 256 * 1024)
        ready.append(outbox)

    for outbox in waiting:
        nursery.start_soon(wait, outbox)
    await trio.testing.wait_all_tasks_blocked()
    assert ready == []
    kernels[0].open.set()
    await trio.sleep(2)
    assert 0 < len(ready) < len(waiting)
    assert shared.stats.outbox_bytes <= 4_000_000
    nursery.cancel_scope.cancel()


async def test_who_pairs_does_not_wait_for_room_in_all_outboxes(nursery, autojump_clock):
    memory_node = MemoryNode(nursery, max_outbox_bytes=4_000_000)
    most = outbox_to(Kernel(), nursery, Shared.of(memory_node), write_time=60)
    most.write(b"1" * 3_000_100)
    start = trio.current_time()
    await memory_node.pair()
    assert trio.current_time() == start
