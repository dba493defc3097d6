import math
import socket
import struct
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio
import trio.testing

from proxim.net import poller
from proxim.net.poller import BATCH, EMPTY_POLLS, Poller
from proxim.net.stream import TcpStream
from tests.net.helpers import connected, open_session
from tests.net.test_stream import sockets

pytestmark = pytest.mark.skipif(not poller.IS_AVAILABLE, reason="this system has no epoll")


@asynccontextmanager
async def polled(count=1, *, make_poller=Poller):
    """Yield streams that a poller reads for, and their peers."""
    async with trio.open_nursery() as nursery:
        watch = make_poller()
        if watch is not None:
            nursery.start_soon(watch.run)
        ends = [sockets() for _ in range(count)]
        streams = [(TcpStream(ours, watch), TcpStream(theirs)) for ours, theirs in ends]
        with trio.fail_after(30):
            yield streams
        for pair in streams:
            for stream in pair:
                stream.close()
        nursery.cancel_scope.cancel()


@pytest.fixture(params=[Poller, lambda: None], ids=["poller", "no poller"])
async def pair(request):
    async with polled(make_poller=request.param) as streams:
        yield streams[0]


def end_of(data):
    """Return what ends a read at the end of the stream, and at nothing before."""
    return None if data else data


async def test_reads_come_in_order_until_take_returns_a_result(pair):
    ours, theirs = pair
    heard, results = [], []

    def take(data):
        heard.append(data)
        return len(heard) if len(heard) == 2 else None

    async def read():
        results.append(await ours.read_until(take))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for piece in (b"1", b"2"):
            await trio.testing.wait_all_tasks_blocked(0.01)
            await theirs.send_all(piece)
    await theirs.send_all(b"3")
    assert (heard, results) == ([b"1", b"2"], [2])
    assert await ours.receive_some() == b"3"


async def test_the_end_of_the_stream_is_empty_bytes(pair):
    ours, theirs = pair
    await theirs.send_eof()
    heard = []
    await ours.read_until(lambda data: heard.append(data) or data)
    assert heard == [b""]


async def test_a_broken_connection_is_raised(pair):
    ours, theirs = pair
    reset_at_close(theirs)
    ours_read = trio.Event()

    async def read():
        with pytest.raises(trio.BrokenResourceError):
            await ours.read_until(end_of)
        ours_read.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        theirs.close()
    assert ours_read.is_set()


def reset_at_close(stream):
    """Make closing a stream reset the connection."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_an_exception_in_take_is_raised_by_the_read(pair):
    ours, theirs = pair
    await theirs.send_all(b"x")

    def take(data):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ours.read_until(take)
    await theirs.send_all(b"y")
    assert await ours.receive_some() == b"y"


async def test_a_cancelled_read_loses_nothing(pair):
    ours, theirs = pair
    with trio.move_on_after(0.01):
        await ours.read_until(end_of)
    await theirs.send_all(b"kept")
    assert await ours.receive_some() == b"kept"


@pytest.mark.parametrize(("is_awaited", "polls"), [(True, 2), (False, 1 + EMPTY_POLLS)])
async def test_the_poller_looks_again_only_while_no_other_task_has_work(is_awaited, polls):
    watch = Poller(lambda: is_awaited)
    epoll, looks, counts = watch._epoll, [], []

    class Epoll:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            epoll.close()

        def poll(self, *args):
            looks.append(args)
            return epoll.poll(*args)

        def __getattr__(self, name):
            return getattr(epoll, name)

    watch._epoll = Epoll()
    async with (
        polled(make_poller=lambda: watch) as [(ours, theirs)],
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ours.read_until, lambda data: None)
        await trio.testing.wait_all_tasks_blocked()
        looks.clear()
        theirs.send_now(b"x")
        while not looks:
            await trio.lowlevel.checkpoint()
        counts.append(len(looks))
        nursery.cancel_scope.cancel()
    assert counts == [polls]


async def test_a_watch_that_the_kernel_refuses_ends_only_that_read():
    async with polled(2) as ((ours, _), (other, peer)):
        # As beyond max_user_watches (epoll(7)): a second watch of a socket is refused as well.
        ours._poller._epoll.register(ours.socket.fileno())
        with pytest.raises(trio.BrokenResourceError):
            await ours.read_until(end_of)
        ours._poller._epoll.unregister(ours.socket.fileno())
        ours.close()
        peer.send_now(b"x")
        await other.read_until(lambda data: data if data == b"x" else None)


@asynccontextmanager
async def make_pair(watch):
    ours, theirs = sockets()
    with theirs:
        stream = TcpStream(ours, watch)
        yield stream, theirs
        stream.close()


async def test_a_cancelled_task_needs_no_poller():
    ended = Poller()
    ended._epoll.close()
    async with make_pair(ended) as (ours, _):
        with trio.CancelScope() as scope:
            scope.cancel()
            await ours.read_until(end_of)
        assert scope.cancelled_caught


@pytest.mark.parametrize("while_taking", [False, True])
async def test_closing_ends_the_read(pair, while_taking):
    ours, theirs = pair
    if while_taking:
        await theirs.send_all(b"x")

    def take(data):
        ours.close()

    async def read():
        with pytest.raises(trio.ClosedResourceError):
            await ours.read_until(take)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked(0.01)
        if not while_taking:
            ours.close()
    with pytest.raises(trio.ClosedResourceError):
        await ours.read_until(take)


async def test_only_one_task_may_read(pair):
    ours, _ = pair
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.read_until, end_of)
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(trio.BusyResourceError):
            await ours.read_until(end_of)
        nursery.cancel_scope.cancel()


async def test_a_stream_closed_by_another_in_the_same_turn_is_not_read():
    async with polled(2) as ((first, one), (second, other)):
        heard = []

        def take(mine, peer):
            def taking(data):
                heard.append(mine)
                peer.close()
                return True

            return taking

        async def read(mine, peer):
            try:
                await mine.read_until(take(mine, peer))
            except trio.ClosedResourceError:
                heard.append("closed")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, first, second)
            nursery.start_soon(read, second, first)
            await trio.testing.wait_all_tasks_blocked(0.01)
            one.send_now(b"x")
            other.send_now(b"x")
        assert heard[0] in (first, second)
        assert heard[1:] == ["closed"]


async def test_other_tasks_have_their_turn_while_many_sockets_are_read():
    turns, heard = [], []
    async with polled(3 * BATCH) as streams, trio.open_nursery() as nursery:
        for ours, _ in streams:
            nursery.start_soon(ours.read_until, lambda data: heard.append(data) or data)
        await trio.testing.wait_all_tasks_blocked(0.01)
        for _, theirs in streams:
            theirs.send_now(b"x")
        while len(heard) < len(streams):
            await trio.lowlevel.checkpoint()
            turns.append(len(heard))
    # The poller may have two turns between two of this task, since their order is random.
    assert max(after - before for before, after in pairwise(turns)) <= 2 * BATCH


class Steps(trio.abc.Instrument):
    """Note whose turn it was."""

    def __init__(self):
        self.names = []

    def before_task_step(self, task):
        self.names.append(task.name)


async def test_a_signal_of_an_approved_session_costs_no_task_switch(node):
    async with connected(node) as host, connected(node) as guest:
        session_id, token = await open_session(host)
        device = {"name": "Phone", "id": "phone-1"}
        await guest.say("pair_request", session_id=session_id, token=token, device_info=device)
        await host.hear("pair_prompt")
        await host.say("pair_decision", session_id=session_id, approve=True)
        await host.hear("pair_result")
        await guest.hear("pair_result")
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        for number in range(50):
            await host.say("signal", session_id=session_id, data=number)
            assert (await guest.hear("signal"))["data"] == number
        trio.lowlevel.remove_instrument(steps)
    of_the_node = [name for name in steps.names if name.startswith("proxim.")]
    others = [name for name in of_the_node if name != "proxim.net.poller.Poller.run"]
    # A busy machine may let a task of the start end only now; a switch for each signal would be 50.
    assert len(others) < 5, others
    assert 1 <= of_the_node.count("proxim.net.poller.Poller.run") <= 60


class CountingPoller(Poller):
    def __init__(self):
        super().__init__()
        self.watches, self.unwatched = 0, trio.Event()

    def watch(self, fd, read):
        self.watches += 1
        super().watch(fd, read)

    def unwatch(self, fd):
        super().unwatch(fd)
        self.unwatched.set()


async def test_a_socket_stays_watched_until_bytes_come_that_no_task_wants():
    async with polled(make_poller=CountingPoller) as [(ours, theirs)]:
        poller, heard = ours._poller, []

        async def read_one():
            await ours.read_until(lambda data: heard.append(data) or data)

        for piece in (b"1", b"2", b"3"):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read_one)
                await trio.testing.wait_all_tasks_blocked()
                await theirs.send_all(piece)
        assert poller.watches == 1
        await theirs.send_all(b"4")
        await poller.unwatched.wait()
        await read_one()
        assert poller.watches == 2
        assert heard == [b"1", b"2", b"3", b"4"]


async def test_a_read_gives_up_at_the_deadline(autojump_clock):
    async with polled() as ((ours, theirs),):
        assert ours.deadline == math.inf
        start = trio.current_time()
        ours.deadline = start + 20
        ours.deadline = start + 10
        assert await ours.read_until(end_of) is None
        assert trio.current_time() == pytest.approx(start + 10)
        ours.deadline = trio.current_time() + 5
        theirs.send_now(b"in time")
        assert await ours.read_until(lambda data: data) == b"in time"


async def test_a_deadline_that_is_set_during_a_read_ends_it(autojump_clock, nursery):
    async with polled() as ((ours, _),):
        start = trio.current_time()

        async def set_deadline():
            await trio.sleep(3)
            ours.deadline = start + 4

        nursery.start_soon(set_deadline)
        assert await ours.read_until(end_of) is None
        assert trio.current_time() == pytest.approx(start + 4)


async def test_a_deadline_ends_no_other_wait(autojump_clock):
    async with polled() as ((ours, theirs),):
        ours.deadline = trio.current_time() + 1
        with trio.move_on_after(5) as waiting:
            await ours.receive_some()
        assert waiting.cancelled_caught
        ours.deadline = trio.current_time() + 1
        theirs.close()
        assert await ours.receive_some() == b""


async def test_a_closed_stream_has_no_deadline():
    async with polled() as ((ours, _),):
        timers = ours._poller.timers
        ours.deadline = trio.current_time() + 1000
        assert len(timers) == 1
        ours.close()
        ours.deadline = trio.current_time() + 1000
        assert len(timers) == 0
