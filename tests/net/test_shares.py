"""A session's share of the outbox of a client that reads slowly."""

import pytest
import trio
import trio.testing

from proxim.actors.actor import Actor
from proxim.net.shares import Shares
from tests.net.helpers import MemoryNode, approve
from tests.net.test_outbox import Kernel, outbox_to


def test_a_session_is_counted_until_its_bytes_are_written():
    shares = Shares()
    shares.add("one", 10, 30)
    shares.add("two", 5, 35)
    shares.add("one", 7, 42)
    assert (shares.of("one", 0), shares.of("two", 29), shares.of("none", 0)) == (17, 5, 0)
    assert (shares.of("one", 30), shares.of("two", 30)) == (7, 5)
    assert (shares.of("one", 50), shares.of("two", 50)) == (0, 0)


@pytest.mark.parametrize("sessions", [1, 2, 5])
async def test_sessions_that_flood_share_the_outbox_and_leave_room(nursery, sessions):
    outbox = outbox_to(Kernel(), nursery, outbox_size=60_000)
    for _ in range(2000):
        for number in range(sessions):
            outbox.write_in_share(str(number), b"x" * 100)
    share = 60_000 // (sessions + 1)
    assert outbox.size == pytest.approx(sessions * share, abs=100 * sessions)
    assert outbox.write_in_share("another", b"x" * (share // 3)) <= 1
    assert outbox.exceeded_limit() is None


async def test_a_share_is_free_again_once_it_is_written(nursery):
    kernel = Kernel()
    outbox = outbox_to(kernel, nursery, outbox_size=1000)
    assert outbox.write_in_share("s", b"x" * 400) <= 1
    assert outbox.write_in_share("s", b"x" * 400) > 1
    kernel.open.set()
    await outbox.wait_below(1)
    assert outbox.write_in_share("s", b"x" * 400) <= 1


# -- on a node -----------------------------------------------------------------------------------


async def crowded(nursery, **limits):
    """Return a host that does not read, with two guests, and their sessions."""
    memory_node = MemoryNode(nursery, outbox_size=200_000, **limits)
    host = await memory_node.client(pair=trio.testing.lockstep_stream_pair)
    guests = [await memory_node.client(), await memory_node.client()]
    sessions = [await approve(host, guest) for guest in guests]
    return memory_node, host, guests, sessions


async def flood(guest, session_id, count):
    """Send signals; return the codes of the errors, up to a pong behind the signals."""
    for number in range(count):
        await guest.say("signal", session_id=session_id, data=[number, "x" * 5000])
    await guest.say("ping", ref="last")
    codes = []
    while (message := await guest.hear())["type"] != "pong":
        codes.append(message["code"])
        assert (message["session_id"], message["retry_after"] > 0) == (session_id, True)
    return codes


async def test_a_guest_that_floods_a_slow_host_is_slowed_and_then_refused(nursery, autojump_clock):
    memory_node, host, (loud, quiet), (first, second) = await crowded(nursery)
    start = trio.current_time()
    codes = await flood(loud, first, 60)
    assert {*codes} == {"rate_limited"}
    assert 20 < len(codes) < 50, "it has a share"
    assert trio.current_time() - start > 0.5, "it was slowed first"
    assert len(memory_node.listener.connections) == 3
    # The other session goes on, without an error or a delay.
    start = trio.current_time()
    assert await flood(quiet, second, 3) == []
    assert trio.current_time() == start
    taken = {first: [], second: []}
    for _ in range(60 - len(codes) + 3):
        signal = await host.hear("signal")
        taken[signal["session_id"]].append(signal["data"][0])
    assert taken[first] == sorted({*taken[first]})
    assert taken[second] == [0, 1, 2]
    assert await flood(loud, first, 1) == []
    assert (await host.hear("signal"))["session_id"] == first
    assert memory_node.supervisor.stats.refusals["outbox_size"] == len(codes)


async def test_a_signal_that_a_full_connection_refuses_in_the_inbox_is_told_to_its_sender(
    nursery, autojump_clock, monkeypatch
):
    # Without a line every signal goes through the inbox.
    monkeypatch.setattr(Actor, "_open_line", lambda self: None)
    memory_node, _host, (loud, _), (first, _) = await crowded(nursery)
    codes = []
    for _ in range(60):
        codes += await flood(loud, first, 1)
    assert {*codes} == {"rate_limited"}
    assert len(memory_node.listener.connections) == 3


async def test_a_host_that_reads_nothing_is_still_disconnected(nursery, autojump_clock):
    _house, _host, (loud, quiet), (first, second) = await crowded(nursery)
    start = trio.current_time()
    await flood(loud, first, 60)
    assert await quiet.hear("peer_offline") == {"type": "peer_offline", "session_id": second}
    assert trio.current_time() - start == pytest.approx(10, abs=2)
