import errno
import socket
import ssl

import pytest
import trio
import trio.testing

from tests.net.helpers import MemoryNode, get, read_all, request


class Scarce(socket.socket):
    """A listening socket with no file descriptor left for the first ``failures`` connections."""

    def __init__(self, failures, code=errno.EMFILE):
        super().__init__()
        self.failures, self.code = failures, code
        self.tries = 0
        self.bind(("127.0.0.1", 0))
        self.listen()
        self.setblocking(False)
        self.ours = socket.create_connection(self.getsockname())

    def accept(self):
        self.tries += 1
        if self.tries <= self.failures:
            raise OSError(self.code, "Too many open files")
        return super().accept()

    def close(self):
        self.ours.close()
        super().close()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_accepting_resumes_after_descriptors_ran_out(
    memory_node, autojump_clock, caplog, code
):
    scarce = Scarce(3, code)
    memory_node.nursery.start_soon(memory_node.listener.accept, scarce)
    scarce.ours.send(get("/healthz"))
    await trio.sleep(0.9)
    assert scarce.ours.recv(100).startswith(b"HTTP/1.1 200")
    assert 0 < trio.current_time() < 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_the_warning_is_logged_at_most_every_thirty_seconds(
    memory_node, autojump_clock, caplog
):
    scarce = Scarce(10**9)
    memory_node.nursery.start_soon(memory_node.listener.accept, scarce)
    await trio.sleep(29)
    assert len(caplog.records) == 1
    await trio.sleep(60)
    assert len(caplog.records) == 3
    assert 89 <= scarce.tries <= 8900, "neither a busy loop nor a long sleep"


async def test_other_errors_of_accept_are_raised(memory_node):
    with pytest.raises(OSError, match="Too many"):
        await memory_node.listener.accept(Scarce(1, errno.EIO))


async def test_a_crash_ends_one_connection_and_is_logged(memory_node, caplog, monkeypatch):
    bystander = await memory_node.client()
    with monkeypatch.context() as broken:
        broken.setattr("proxim.net.listener.SocketConnection.run", None)
        stream = memory_node.plug()
        await stream.send_all(request())
        await read_all(stream)
    (record,) = caplog.records
    assert "a connection crashed" in record.message
    assert record.message.endswith("TypeError")
    assert await bystander.pings()
    assert len(memory_node.listener.connections) == 1


async def test_close_all_closes_every_connection_with_the_code(memory_node):
    clients = [await memory_node.client() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memory_node.listener.close_all, 1001, "bye")
        assert [await client.ending() for client in clients] == [1001] * 3
    assert not memory_node.listener.connections


async def test_no_peer_delays_close_all_beyond_its_time(nursery, autojump_clock):
    memory_node = MemoryNode(nursery)
    stalled = await memory_node.client(trio.testing.lockstep_stream_pair)
    other = await memory_node.client()
    for number in range(3):
        await stalled.say("ping", ref=str(number))
    start = trio.current_time()
    nursery.start_soon(memory_node.listener.close_all, 1001, "bye")
    assert await other.ending() == 1001
    assert trio.current_time() == start
    await trio.sleep(16)
    assert not memory_node.listener.connections


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
async def test_the_time_for_a_tls_handshake_is_limited(nursery, autojump_clock, caplog, said):
    memory_node = MemoryNode(
        nursery, tls=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), tls_time=7
    )
    stream = memory_node.plug()
    await stream.send_all(said)
    assert await stream.receive_some() == b""
    assert trio.current_time() == 7
    assert not caplog.records
