import inspect
import math
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping

from proxim.net.cork import Cork
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox import Outbox
from proxim.net.outbox_totals import OutboxTotals
from proxim.net.stats import NetStats
from proxim.net.stream import TcpStream
from proxim.net.websocket import NodeWebSocket
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


def lean(stream, nursery, **limits):
    limits = Limits(**limits)
    keepalive = Keepalive(limits)
    totals = OutboxTotals(limits.max_outbox_bytes, NetStats())
    outbox = Outbox(stream, limits, Cork(), totals, keepalive, nursery.start_soon)
    return NodeWebSocket(stream, limits, outbox, keepalive)


def plain(stream, nursery):
    ws = WebSocketConnection(stream, Connection(ConnectionType.SERVER), message_queue_size=99)
    nursery.start_soon(ws._reader_task)
    return ws


@asynccontextmanager
async def streams(kind):
    if kind == "tcp":
        ours, theirs = map(TcpStream, sockets())
    else:
        ours, theirs = trio.testing.memory_stream_pair()
    async with ours, theirs:
        yield ours, theirs


@pytest.fixture(params=["memory", "tcp"])
async def ends(request):
    async with streams(request.param) as pair:
        yield pair


@pytest.fixture(params=[plain, lean])
def both(request, ends, nursery):
    """A server's connection of either class, and its peer."""
    nursery.start_soon(fail_when_stuck)
    return request.param(ends[0], nursery), Peer(ends[1])


async def fail_when_stuck():
    await trio.sleep(60)
    raise AssertionError("the test is stuck")


async def ending(ws):
    try:
        while True:
            await ws.get_message()
    except ConnectionClosed as closed:
        return closed.reason


# -- the contract of trio-websocket, on both classes ------------------------------------------


async def test_messages_are_received_in_order(both):
    ws, peer = both
    await peer.say(frame(TEXT, b"1"), frame(BINARY, b"2"), frame(TEXT, b"3", fin=False))
    await peer.say(frame(PING, b"p"), frame(0, b"4"), frame(TEXT, b"5"))
    assert [await ws.get_message() for _ in range(4)] == ["1", b"2", "34", "5"]
    assert await peer.hear() == ("Pong", b"p")


async def test_messages_are_sent_in_order(both):
    ws, peer = both
    for message in ("é", b"\xff", "x" * 70_000):
        await ws.send_message(message)
    await ws.pong(b"p")
    heard = [await peer.hear(), await peer.hear()]
    assert heard == [("TextMessage", "é"), ("BytesMessage", b"\xff")]
    size = 0
    while (event := await peer.hear())[0] == "TextMessage":
        size += len(event[1])
    assert (size, event) == (70_000, ("Pong", b"p"))


async def test_a_ping_waits_for_its_pong(both, nursery):
    ws, peer = both
    nursery.start_soon(ending, ws)
    async with trio.open_nursery() as pinging:
        pinging.start_soon(ws.ping, b"p")
        assert await peer.hear() == ("Ping", b"p")
        await peer.say(frame(10, b"p"))
    await peer.say(BYE)


async def test_a_close_by_the_peer_is_answered_after_earlier_messages(both):
    ws, peer = both
    await peer.say(frame(TEXT, b"1"), frame(PING, b"p"), frame(TEXT, b"2"), BYE)
    assert [await ws.get_message(), await ws.get_message()] == ["1", "2"]
    async with trio.open_nursery() as hearing:
        hearing.start_soon(ending, ws)
        assert await peer.hear() == ("Pong", b"p")
        assert await peer.hear() == ("CloseConnection", 4321)
        assert await peer.hear() is None
        await peer.stream.aclose()
    for _ in range(2):
        reason = await ending(ws)
        assert (reason.code, reason.reason, ws.closed.code) == (4321, "bye", 4321)


async def test_a_close_by_the_node_does_the_closing_handshake(both):
    ws, peer = both
    async with trio.open_nursery() as closing:
        closing.start_soon(ending, ws)
        await trio.testing.wait_all_tasks_blocked()
        closing.start_soon(ws.aclose, 4001, "r")
        assert await peer.hear() == ("CloseConnection", 4001)
        await peer.say(frame(CLOSE, (4001).to_bytes(2)))
        assert await peer.hear() is None
        await peer.stream.aclose()
    await ws.aclose()


@pytest.mark.parametrize("act", [("send_message", "x"), ("ping",), ("pong",), ("get_message",)])
async def test_every_call_raises_after_the_end(both, act):
    ws, peer = both
    await peer.stream.aclose()
    assert (await ending(ws)).code == 1006
    with pytest.raises(ConnectionClosed):
        await getattr(ws, act[0])(*act[1:])


async def test_a_cancelled_close_closes_the_stream(both):
    ws, _peer = both
    await trio.aclose_forcefully(ws)
    with pytest.raises(trio.ClosedResourceError):
        await ws._stream.receive_some()


async def test_the_properties_of_a_server_connection(both):
    ws, _peer = both
    assert (ws.is_server, ws.is_client, ws.closed, ws.subprotocol) == (True, False, None, None)
    assert str(ws).startswith("server-")


# -- receiving ----------------------------------------------------------------------------------


@pytest.fixture
def memory(nursery):
    nursery.start_soon(fail_when_stuck)
    ours, theirs = trio.testing.memory_stream_pair()
    return lean(ours, nursery, linger_time=0.1), Peer(theirs)


async def test_the_messages_of_one_read_are_received_together(memory):
    ws, peer = memory
    await peer.say(frame(TEXT, b"1"), frame(BINARY, b"2"), BYE)
    assert await ws.receive() == ["1", b"2"]
    assert (await ws.receive(), await ws.receive()) == ([], [])


async def test_a_cancelled_receive_loses_nothing(memory):
    ws, peer = memory
    heard = []

    async def read_one():
        heard.append(await ws.get_message())

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as reading:
            reading.start_soon(read_one)
            await trio.testing.wait_all_tasks_blocked()
            ws._stream.receive_stream.put_data(frame(TEXT, b"1") + frame(PING) + frame(TEXT, b"2"))
            scope.cancel()
    await peer.say(frame(TEXT, b"3"))
    with trio.move_on_after(30):
        while len(heard) < 3:
            heard.append(await ws.get_message())
    assert heard == ["1", "2", "3"]


async def test_the_stream_is_closed_as_soon_as_both_have_sent_a_close_frame(nursery):
    async with streams("tcp") as (ours, theirs):
        ws, peer = lean(ours, nursery, linger_time=1000), Peer(theirs)
        await peer.say(BYE)
        with trio.fail_after(60):
            await ending(ws)
        assert ours.socket.fileno() < 0
        assert await peer.hear() == ("CloseConnection", 4321)
        assert await peer.hear() is None


async def test_a_ping_after_the_nodes_close_is_ignored(memory):
    ws, peer = memory
    ws.send_close(4001, "r")
    await peer.say(frame(TEXT, b"late"), frame(PING, b"p"), frame(CLOSE, (4001).to_bytes(2)))
    assert await ws.receive() == ["late"]
    assert await ws.receive() == []
    assert (await peer.hear(), ws.closed.code) == (("CloseConnection", 4001), 4001)


async def test_the_nodes_close_stays_the_reason_if_the_peer_just_leaves(memory):
    ws, peer = memory
    ws.send_close(4001, "r")
    await peer.stream.aclose()
    assert (await ending(ws)).code == 4001


async def test_messages_may_be_sent_until_the_peers_close_is_answered(memory):
    ws, peer = memory
    await peer.say(frame(TEXT, b"1"), BYE)
    assert await ws.receive() == ["1"]
    await ws.send_message("text")
    await ws.send_message(b"binary")
    assert await peer.hear() == ("TextMessage", "text")
    assert await peer.hear() == ("BytesMessage", b"binary")
    await ws.finish()
    assert await peer.hear() == ("CloseConnection", 4321)
    with pytest.raises(ConnectionClosed):
        await ws.send_message(b"x")


async def test_a_pong_ends_the_time_for_it(memory):
    ws, peer = memory
    ws._keepalive._pong_by = 1.0
    ws.send_ping()
    assert await peer.hear() == ("Ping", b"")
    assert ws._keepalive._pong_by == 1
    await peer.say(frame(10), frame(TEXT))
    assert (await ws.receive(), ws._keepalive._pong_by) == ([""], math.inf)


# -- the private names of trio-websocket that are used ------------------------------------------

PRIVATE = {
    "_aclose": "(self, code: 'int', reason: 'str | None') -> 'None'",
    "_close_stream": "(self) -> 'None'",
    "_close_web_socket": "(self, code: 'int', reason: 'str | None' = None) -> 'None'",
    "_handle_ping_event": "(self, event: 'wsproto.events.Ping') -> 'None'",
    "_handle_pong_event": "(self, event: 'wsproto.events.Pong') -> 'None'",
    "_handle_close_connection_event": "(self, event: 'wsproto.events.CloseConnection') -> 'None'",
    "_send": "(self, event: 'wsproto.events.Event') -> 'None'",
}
USED = {
    "_close_handshake", "_close_reason", "_for_testing_peer_closed_connection",
    "_handshake_headers", "_id", "_path", "_pings", "_recv_channel", "_send", "_send_channel",
    "_stream", "_subprotocol", "_wsproto",
}  # fmt: skip


def test_the_private_methods_of_trio_websocket_are_as_known():
    shapes = {name: str(inspect.signature(getattr(WebSocketConnection, name))) for name in PRIVATE}
    assert shapes == PRIVATE
    assert all(inspect.iscoroutinefunction(getattr(WebSocketConnection, name)) for name in PRIVATE)


async def test_every_attribute_that_inherited_code_reads_exists(nursery):
    inherited = [vars(WebSocketConnection)[name] for name in (
        "closed", "is_client", "is_server", "local", "remote", "path", "subprotocol",
        "handshake_headers", "aclose", "ping", "pong", "__str__", "_aclose", "_close_web_socket",
        "_handle_ping_event", "_handle_pong_event", "_handle_close_connection_event",
    )]  # fmt: skip
    codes = [getattr(each, "fget", each).__code__ for each in inherited]
    read = {name for code in codes for name in code.co_names if name.startswith("_")}
    lines = set(vars(WebSocketConnection)["__init__"].__code__.co_names)
    read &= lines | set(vars(WebSocketConnection))
    assert read - set(PRIVATE) == USED - {"_send"}
    ws = lean(trio.testing.memory_stream_pair()[0], nursery)
    assert [name for name in read if not hasattr(ws, name)] == []
