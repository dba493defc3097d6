import math
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping

from proxim.net.frames import text_frame
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox import Cork, Outbox
from proxim.net.stats import NetStats
from proxim.net.stream import RECEIVE_BYTES, TcpStream
from proxim.net.websocket import WebSocket
from tests.net.helpers import BINARY, CLOSE, PING, TEXT, frame
from tests.net.test_stream import sockets

BYE = frame(CLOSE, (4321).to_bytes(2) + b"bye")


class Peer:
    """The client's end: sends bytes, receives wsproto's events."""

    def __init__(self, stream):
        self.stream = stream
        self.wsproto = Connection(ConnectionType.CLIENT)

    async def say(self, *frames):
        await self.stream.send_all(b"".join(frames))

    async def hear(self):
        """Return the next event, as (name, content); None at the end."""
        while True:
            for event in self.wsproto.events():
                content = {CloseConnection: "code", Ping: "payload"}.get(type(event))
                content = content or ("data" if hasattr(event, "data") else "payload")
                return type(event).__name__, getattr(event, content)
            if not (data := await self.stream.receive_some(65_536)):
                return None
            self.wsproto.receive_data(data)


class Served:
    """The node's end of a WebSocket, read as a connection reads it."""

    def __init__(self, stream, nursery, **limits):
        limits = Limits(**limits)
        self.stream, self.keepalive = stream, Keepalive(limits)
        self.outbox = Outbox(stream, limits, Cork(NetStats()), self.keepalive, nursery.start_soon)
        self.ws = WebSocket(stream, limits, self.outbox, self.keepalive)

    def send(self, text):
        self.outbox.write(text_frame(text.encode()))

    async def receive(self, count=1):
        """Return the messages of as many reads as bring so many; fewer at the end."""
        messages = []
        while not self.ws.peer_has_ended and len(messages) < count:
            messages += self.ws.feed(bytes(await self.stream.receive_some(RECEIVE_BYTES)))
        return messages

    async def ending(self):
        """Read to the end, and return the close code."""
        await self.receive(math.inf)
        await self.ws.finish()
        return self.ws.close_code


@asynccontextmanager
async def streams(kind):
    if kind == "tcp":
        ours, theirs = map(TcpStream, sockets())
    else:
        ours, theirs = trio.testing.memory_stream_pair()
    async with ours, theirs:
        yield ours, theirs


@pytest.fixture(params=["memory", "tcp"])
async def both(request, nursery):
    """The node's end and its peer."""
    nursery.start_soon(fail_when_stuck)
    async with streams(request.param) as (ours, theirs):
        yield Served(ours, nursery, linger_time=0.1), Peer(theirs)


async def fail_when_stuck():
    await trio.sleep(60)
    raise AssertionError("the test is stuck")


async def test_messages_are_received_in_order(both):
    served, peer = both
    await peer.say(frame(TEXT, b"1"), frame(BINARY, b"2"), frame(TEXT, b"3", fin=False))
    await peer.say(frame(PING, b"p"), frame(0, b"4"), frame(TEXT, b"5"))
    assert await served.receive(4) == ["1", b"2", "34", "5"]
    assert await peer.hear() == ("Pong", b"p")


async def test_messages_are_sent_in_order(both):
    served, peer = both
    for message in ("é", "x" * 70_000):
        served.send(message)
    served.ws.send_ping()
    assert await peer.hear() == ("TextMessage", "é")
    size = 0
    while (event := await peer.hear())[0] == "TextMessage":
        size += len(event[1])
    assert (size, event) == (70_000, ("Ping", b""))


async def test_a_close_by_the_peer_is_answered_after_earlier_messages(both):
    served, peer = both
    await peer.say(frame(TEXT, b"1"), frame(PING, b"p"), frame(TEXT, b"2"), BYE)
    assert await served.receive(2) == ["1", "2"]
    async with trio.open_nursery() as ending:
        ending.start_soon(served.ending)
        assert await peer.hear() == ("Pong", b"p")
        assert await peer.hear() == ("CloseConnection", 4321)
        assert await peer.hear() is None
        await peer.stream.aclose()
    assert served.ws.close_code == 4321


async def test_a_close_by_the_node_does_the_closing_handshake(both):
    served, peer = both
    async with trio.open_nursery() as ending:
        ending.start_soon(served.ending)
        await trio.testing.wait_all_tasks_blocked()
        served.ws.send_close(4001, "r")
        assert await peer.hear() == ("CloseConnection", 4001)
        await peer.say(frame(CLOSE, (4001).to_bytes(2)))
        assert await peer.hear() is None
        await peer.stream.aclose()


async def test_nothing_is_sent_after_the_end(both):
    served, peer = both
    await peer.stream.aclose()
    assert await served.ending() == 1006
    served.send("x")
    served.ws.send_ping()
    assert (served.outbox.size, served.outbox.is_open) == (0, False)


async def test_the_stream_is_closed_at_the_end(both):
    served, peer = both
    await peer.say(BYE)
    await served.ending()
    with pytest.raises(trio.ClosedResourceError):
        await served.stream.receive_some()


@pytest.fixture
def memory(nursery):
    nursery.start_soon(fail_when_stuck)
    ours, theirs = trio.testing.memory_stream_pair()
    return Served(ours, nursery, linger_time=0.1), Peer(theirs)


async def test_the_messages_of_one_read_are_received_together(memory):
    served, peer = memory
    await peer.say(frame(TEXT, b"1"), frame(BINARY, b"2"), BYE)
    assert await served.receive() == ["1", b"2"]
    assert (await served.receive(), await served.receive()) == ([], [])


async def test_a_ping_after_the_nodes_close_is_ignored(memory):
    served, peer = memory
    served.ws.send_close(4001, "r")
    await peer.say(frame(TEXT, b"late"), frame(PING, b"p"), frame(CLOSE, (4001).to_bytes(2)))
    assert await served.receive() == ["late"]
    assert await served.receive() == []
    await peer.stream.send_eof()
    assert (await served.ending(), await peer.hear()) == (4001, ("CloseConnection", 4001))
    assert await peer.hear() is None


@pytest.mark.parametrize("answer", [b"", frame(CLOSE), frame(CLOSE, (1000).to_bytes(2))])
async def test_the_nodes_close_stays_the_reason_whatever_the_peer_answers(memory, answer):
    served, peer = memory
    served.ws.send_close(4001, "r")
    await peer.say(answer)
    await peer.stream.aclose()
    assert await served.ending() == 4001


async def test_messages_may_be_sent_until_the_peers_close_is_answered(memory):
    served, peer = memory
    await peer.say(frame(TEXT, b"1"), BYE)
    assert await served.receive() == ["1"]
    served.send("text")
    assert await peer.hear() == ("TextMessage", "text")
    await served.ws.finish()
    assert await peer.hear() == ("CloseConnection", 4321)
    served.send("x")
    assert await peer.hear() is None


async def test_a_pong_ends_the_time_for_it(memory):
    served, peer = memory
    served.keepalive.pong_by = 1.0
    served.ws.send_ping()
    assert await peer.hear() == ("Ping", b"")
    assert served.keepalive.pong_by == 1
    await peer.say(frame(10), frame(TEXT))
    assert (await served.receive(), served.keepalive.pong_by) == ([""], math.inf)
