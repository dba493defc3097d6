"""A proxy that can be cut, a scripted node, and helpers to open sessions."""

import contextlib
import json
from contextlib import aclosing, asynccontextmanager

import trio
import trio_websocket
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from proxim.client import open_guest, open_host
from proxim.protocol.errors import ConnectionLost, RequestError

PATIENCE = 60
"""Timeout in seconds."""


class Wire:
    """A TCP proxy between an SDK and a node. ``connections`` counts accepted connections."""

    def __init__(self, node, nursery, port):
        self.node = node
        self.connections = 0
        self._nursery = nursery
        self._port = port

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    async def mend(self):
        await self._nursery.start(self._run)

    async def cut(self, *peers):
        """Cut all connections and refuse new ones; return once the peers have noticed."""
        self._scope.cancel()
        with trio.fail_after(PATIENCE):
            for peer in peers:
                await _notice(peer)

    async def _run(self, *, task_status):
        with trio.CancelScope() as self._scope:
            listeners = await trio.open_tcp_listeners(self._port, host="127.0.0.1")
            await trio.serve_listeners(self._serve, listeners, task_status=task_status)

    async def _serve(self, near):
        self.connections += 1
        far = await trio.open_tcp_stream("127.0.0.1", port_of(self.node.url))
        async with near, far, trio.open_nursery() as nursery:
            nursery.start_soon(_pump, near, far, nursery.cancel_scope)
            nursery.start_soon(_pump, far, near, nursery.cancel_scope)


async def _notice(peer):
    while True:
        try:
            await peer.refresh_ice()
        except ConnectionLost:
            return
        except RequestError:
            pass


def port_of(url):
    return int(url.rpartition(":")[2])


async def _pump(source, sink, scope):
    with contextlib.suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        async for chunk in source:
            await sink.send_all(chunk)
    scope.cancel()


async def scripted(nursery, answer):
    """Return the URL of a scripted node: ``answer`` returns the messages for a request.

    An int is a close code, bytes are the content of a binary frame.
    """

    async def serve(request):
        ws = await request.accept()
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            while True:
                asked = json.loads(await ws.get_message())
                await ws._stream.send_all(b"".join(_frame(ws, each) for each in answer(asked)))

    async def run(*, task_status):
        await trio_websocket.serve_websocket(serve, "127.0.0.1", 0, None, task_status=task_status)

    server = await nursery.start(run)
    return f"http://127.0.0.1:{server.port}"


def _frame(ws, message):
    if isinstance(message, int):
        return ws._wsproto.send(CloseConnection(code=message))
    if isinstance(message, bytes):
        return ws._wsproto.send(BytesMessage(data=message))
    return ws._wsproto.send(TextMessage(data=json.dumps(message)))


def registered(asked, sessions=()):
    return {"type": "registered", "uuid": "desk", "sessions": list(sessions), "ref": asked["ref"]}


def info(**fields):
    """A session object."""
    return {
        "session_id": "s" * 22,
        "uuid": "desk",
        "session_type": "persistent",
        "created_at": "2026-11-22T08:00:00Z",
        "expires_at": None,
        "status": "pending",
        "device_info": None,
        "host_online": True,
        "guest_online": False,
        **fields,
    }


@asynccontextmanager
async def asked(host_url, kind="persistent", *, guest_url=None, **options):
    """A host's session with an open prompt, and the waiting guest."""
    async with open_host(host_url, uuid="desk") as host:
        session = await host.create(kind, **options)
        link = session.link
        if guest_url:
            link = guest_url + link[link.index("/join#") :]
        async with open_guest(link, name="Phone", device_id="phone-1") as guest:
            await session.prompt()
            yield session, guest


@asynccontextmanager
async def paired(host_url, kind="persistent", *, guest_url=None, **options):
    """Both sides of an approved session."""
    async with asked(host_url, kind, guest_url=guest_url, **options) as (session, guest):
        await session.decide(approve=True)
        await guest.approved()
        yield session, guest


async def until(condition):
    """Wait until a condition is true that has no event."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await trio.sleep(0.01)


async def listed(host):
    """Return the host's session once the host is connected."""
    with trio.fail_after(PATIENCE):
        while True:
            try:
                return await host.list()
            except ConnectionLost:
                await trio.sleep(0.01)


async def hear(peer, count):
    """Return the next ``count`` values from the other side."""
    with trio.fail_after(PATIENCE):
        return [await peer.receive() for _ in range(count)]


async def presence(peer, online):
    """Wait until the other side is online, or offline."""
    with trio.fail_after(PATIENCE):
        async with aclosing(peer.presence()) as changes:
            while peer.peer_online is not online:
                await anext(changes)


async def end(peer):
    """Return status and reason of the end."""
    with trio.fail_after(PATIENCE):
        over = await peer.ended()
    return over.status, over.reason
