import os
import socket
import struct
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from proxim.net.stream import TcpStream


def sockets():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


async def make():
    ours, theirs = sockets()
    return TcpStream(ours), TcpStream(theirs)


def clog(stream):
    """Send until the kernel takes no more for a while; return the number of bytes."""
    taken = 0
    while sent := stream.send_now(b"x" * 65_536):
        taken += sent
    return taken


@asynccontextmanager
async def pair(maker=make):
    ours, theirs = await maker()
    try:
        yield ours, theirs
    finally:
        ours.close()
        theirs.close()


@pytest.mark.parametrize(
    "check", [trio.testing.check_two_way_stream, trio.testing.check_half_closeable_stream]
)
async def test_it_passes_the_stream_checks_of_trio(check):
    before = os.listdir("/proc/self/fd")
    with trio.fail_after(30):
        await check(make, None)  # a clogged one needs a window that opens for each byte read
    assert len(os.listdir("/proc/self/fd")) == len(before)


async def test_send_now_sends_what_the_kernel_takes():
    async with pair() as (ours, theirs):
        assert ours.send_now(b"at once") == 7
        assert await theirs.receive_some() == b"at once"
        taken = clog(ours)
        assert ours.send_now(b"x") == 0
        while taken:
            taken -= len(await theirs.receive_some())
        await ours.wait_send_all_might_not_block()
        assert ours.send_now(memoryview(b"more")) == 4
        assert await theirs.receive_some() == b"more"


async def test_a_socket_option_that_fails_is_ignored():
    ours, theirs = map(TcpStream, socket.socketpair())  # no TCP, so there is no TCP_NODELAY
    theirs.close()
    assert await ours.receive_some() == b""
    ours.close()


async def test_send_now_raises_if_the_peer_has_left():
    async with pair() as (ours, theirs):
        theirs.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with pytest.raises(trio.BrokenResourceError):
            ours.send_now(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await ours.send_all(b"x")


async def test_a_reset_breaks_the_stream():
    async with pair() as (ours, theirs):
        theirs.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with pytest.raises(trio.BrokenResourceError):
            await ours.receive_some()


@pytest.mark.parametrize("how", ["receive_some", "wait_send_all_might_not_block", "send_all"])
async def test_a_waiting_task_is_told_that_the_stream_was_closed(how):
    async with pair() as (ours, _theirs):
        clog(ours)

        async def wait():
            with pytest.raises(trio.ClosedResourceError):
                await getattr(ours, how)(*[b"x"] * (how == "send_all"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            ours.close()
        with pytest.raises(trio.ClosedResourceError):
            ours.send_now(b"x")
        ours.close()


async def test_bytes_that_the_kernel_has_taken_are_sent_after_a_close():
    async with pair() as (ours, theirs):
        ours.send_now(b"the last word")
        ours.close()
        assert [await theirs.receive_some(), await theirs.receive_some()] == [b"the last word", b""]


async def test_last_bytes_leave_with_the_end():
    ours, theirs = map(TcpStream, sockets())
    assert ours.send_now(b"first ") == 6
    assert ours.send_now(b"last", is_last=True) == 4
    ours.close()
    heard = b""
    while read := await theirs.receive_some():
        heard += read
    theirs.close()
    assert heard == b"first last"


async def test_last_bytes_leave_even_if_something_unread_is_left():
    ours, theirs = map(TcpStream, sockets())
    assert theirs.send_now(b"never read") == 10
    assert ours.send_now(b"last", is_last=True) == 4
    ours.close()
    assert await theirs.receive_some() == b"last"
    theirs.close()
