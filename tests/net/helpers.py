"""Clients of a node: correct ones, and raw bytes for all others."""

import json
from contextlib import asynccontextmanager
from typing import NamedTuple

import trio
import trio.testing
from trio_websocket import ConnectionClosed, wrap_client_stream

from proxim.net.limits import Limits
from proxim.node import Node, compose
from proxim.settings import Settings
from tests.wire import checked

KEY = "k" * 22
NONCE = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = {
    "Host": "node",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": NONCE,
}
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class House:
    """A node without its sockets: its listener is handed memory streams."""

    def __init__(self, nursery, tls=None, settings=None, url="http://node", **limits):
        self.node = Node(settings or Settings(), limits=Limits(**limits))
        self.supervisor = self.node.supervisor
        self.host, _, self.listener = compose(self.node, url, tls)
        self.nursery = nursery
        nursery.start_soon(self.supervisor.run)
        nursery.start_soon(self.listener.run, [])
        nursery.start_soon(self._fail_when_stuck)

    async def _fail_when_stuck(self):
        jumps = isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)
        await trio.sleep(20_000 if jumps else 60)
        raise AssertionError("the test is stuck")

    def plug(self, pair=trio.testing.memory_stream_pair, peer=None):
        """Return a stream to the listener, as if from that address."""
        ours, theirs = pair()
        self.nursery.start_soon(self.listener.serve, theirs, peer)
        return ours

    async def ask(self, request, peer=None):
        """Send the bytes of a request and return the whole response."""
        stream = self.plug(peer=peer)
        await stream.send_all(request)
        return parse(await read_all(stream))

    async def client(self, pair=trio.testing.memory_stream_pair, peer=None):
        """Return a client that has received its welcome."""
        ws = await wrap_client_stream(self.nursery, self.plug(pair, peer), "node", "/ws")
        return await Client(ws).welcomed()

    async def pair(self, kind="persistent", **guest):
        """Return a host and a guest of an approved session, and the session's id."""
        host, visitor = await self.client(), await self.client(**guest)
        return host, visitor, await approve(host, visitor, kind)


class Client:
    """One end of a WebSocket, in dicts."""

    def __init__(self, ws):
        self.ws = ws

    async def welcomed(self):
        self.welcome = await self.hear()
        assert self.welcome["type"] == "welcome"
        return self

    async def say(self, kind, **fields):
        await self.ws.send_message(json.dumps({"type": kind, **fields}))

    async def hear(self, kind=None):
        """Return the next message; with ``kind``, the next of that kind."""
        while True:
            message = checked(json.loads(await self.ws.get_message()))
            if kind in (None, message["type"]):
                return message

    async def ask(self, kind, **fields):
        await self.say(kind, **fields)
        return await self.hear()

    async def pings(self):
        """Return whether the node answers a ping."""
        return await self.ask("ping", ref="p") == {"type": "pong", "ref": "p"}

    async def ending(self):
        """Return the close code once the node closes; skip the messages before it."""
        try:
            while True:
                await self.ws.get_message()
        except ConnectionClosed as closed:
            return closed.reason.code


async def open_session(host, kind="persistent"):
    await host.say("register", uuid="desk", key=KEY)
    await host.hear("registered")
    created = await host.ask("create_session", session_type=kind)
    return created["session"]["session_id"], created["token"]


async def approve(host, guest, kind="persistent"):
    session_id, token = await open_session(host, kind)
    device = {"name": "Phone", "id": "phone-1"}
    await guest.say("pair_request", session_id=session_id, token=token, device_info=device)
    await host.hear("pair_prompt")
    await host.say("pair_decision", session_id=session_id, approve=True)
    for each in (host, guest):
        assert (await each.hear("pair_result"))["status"] == "approved"
    return session_id


@asynccontextmanager
async def dial(node):
    """Connect to a node; the socket is closed in any case."""
    address, _, port = node.url.split("/")[2].rpartition(":")
    stream = await trio.open_tcp_stream(address.strip("[]"), int(port))
    try:
        yield stream
    finally:
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def connected(node, tls=None):
    """Connect a client to a node by a socket."""
    async with dial(node) as stream, trio.open_nursery() as nursery:
        if tls is not None:
            stream = trio.SSLStream(stream, tls, server_hostname="127.0.0.1", https_compatible=True)
        yield await Client(await wrap_client_stream(nursery, stream, "node", "/ws")).welcomed()
        nursery.cancel_scope.cancel()


async def shake(stream):
    """Do the handshake on a raw stream, and read the welcome."""
    await stream.send_all(request())
    await read_until(stream, b'"welcome"')


async def read_until(stream, mark, end=b""):
    """Read until the mark has come, and after it, last of all, the end; return what was read."""
    heard = b""
    while mark not in heard or not heard.endswith(end):
        piece = await stream.receive_some()
        assert piece, f"the node has closed the connection, after {heard!r}"
        heard += piece
    return heard


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: str


def parse(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    headers = dict(field.lower().split(": ", 1) for field in fields)
    return Answer(int(first.split()[1]), headers, body.decode(errors="replace"))


def request(method="GET", path="/ws", version="1.1", headers=None, **changes):
    """Return a request's bytes; ``changes`` overrides headers of a handshake, None drops one."""
    fields = dict(UPGRADE if headers is None else headers)
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *lines, "", ""]).encode("latin-1")


def get(path, method="GET", host="node"):
    return request(method, path, headers={"Host": host})


def frame(opcode, payload=b"", *, fin=True, reserved=0, masked=True):
    """Return a client's frame; its mask is all zeros."""
    first = fin << 7 | reserved << 4 | opcode
    size = len(payload)
    if size < 126:
        length = bytes([size | masked << 7])
    elif size < 65536:
        length = bytes([126 | masked << 7]) + size.to_bytes(2, "big")
    else:
        length = bytes([127 | masked << 7]) + size.to_bytes(8, "big")
    return bytes([first]) + length + bytes(4 * masked) + payload


async def read_all(stream):
    return b"".join([chunk async for chunk in stream])
