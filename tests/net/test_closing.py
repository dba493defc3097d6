import contextlib
import socket

import pytest
import trio
import trio.testing

from proxim.net.closing import lingering_close, peer_has_closed
from proxim.net.stream import TcpStream


async def test_the_last_bytes_arrive_and_the_peers_remaining_bytes_are_read(nursery):
    ours, theirs = trio.testing.lockstep_stream_pair()
    nursery.start_soon(lingering_close, ours, 10)
    nursery.start_soon(theirs.send_all, b"x" * 9000)
    assert await theirs.receive_some() == b""
    await trio.testing.wait_all_tasks_blocked()
    await theirs.send_all(b"more")
    await theirs.send_eof()
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.ClosedResourceError):
        await ours.receive_some()


async def test_a_peer_that_never_closes_is_waited_for_only_so_long(autojump_clock):
    ours, _theirs = trio.testing.memory_stream_pair()
    await lingering_close(ours, 3)
    assert trio.current_time() == pytest.approx(3, abs=0.01)
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_all(b"x")


@pytest.mark.parametrize("end", ["ours", "theirs"])
async def test_closing_a_closed_stream_raises_nothing(end):
    pair = dict(zip(["ours", "theirs"], trio.testing.lockstep_stream_pair(), strict=True))
    await pair[end].aclose()
    await lingering_close(pair["ours"], 10)


async def test_another_reading_task_reads_until_the_stream_is_closed():
    ours, _theirs = trio.testing.memory_stream_pair()

    async def read():
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()

    async with trio.open_nursery() as readers:
        readers.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await lingering_close(ours, 10)


async def test_the_stream_is_closed_on_cancellation(autojump_clock):
    ours, _theirs = trio.testing.memory_stream_pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await lingering_close(ours, 10)
    with trio.fail_after(1), pytest.raises(trio.ClosedResourceError):
        await ours.receive_some()


# -- a peer that has hung up -----------------------------------------------------------------


@contextlib.contextmanager
def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    with ours, theirs:
        yield ours, theirs


async def test_a_peer_that_closes_is_known_to_have_closed():
    with tcp_pair() as (ours, theirs):
        stream = TcpStream(ours)
        assert not peer_has_closed(stream)
        theirs.shutdown(socket.SHUT_WR)
        assert peer_has_closed(stream)
        await stream.aclose()
        assert peer_has_closed(stream)


@pytest.mark.not_on("win32", "darwin", reason="only Linux tells it while bytes wait")
async def test_a_peer_that_closes_is_known_to_have_closed_while_bytes_wait():
    with tcp_pair() as (ours, theirs):
        theirs.sendall(b"x")
        assert not peer_has_closed(TcpStream(ours))
        theirs.shutdown(socket.SHUT_WR)
        assert peer_has_closed(TcpStream(ours))


async def test_a_stream_without_a_socket_is_not_known_to_be_closed():
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.aclose()
    assert not peer_has_closed(ours)
