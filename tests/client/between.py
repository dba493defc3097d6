"""A node between a client and the node: it records, changes and drops what they say."""

import json
from contextlib import suppress

import trio
import trio_websocket

from tests.client.helpers import port_of
from tests.wire import checked

UP, DOWN = "to the node", "from the node"
SENT = {UP: "ClientMessage", DOWN: "NodeMessage"}
_GONE = (
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    OSError,
)


class Between:
    """A proxy of WebSocket messages.

    ``seen`` has the text of all messages. ``change`` is called with each message and its direction;
    it returns the message, another one, a list of them, or None to drop it. The client finds all
    of a list at once.
    """

    def __init__(self, node):
        self.node = node
        self.seen = []
        self.change = lambda message, direction: message
        self.url = ""
        self.connections = 0
        self._scopes = set()

    async def start(self, nursery):
        server = await nursery.start(self._run)
        self.url = f"http://127.0.0.1:{server.port}"

    def types(self, direction):
        """Return the types of all messages in one direction."""
        return [message["type"] for message, way in self.messages() if way == direction]

    def messages(self):
        return [(json.loads(text), way) for text, way in self.seen]

    def cut(self):
        """Cut all connections."""
        for scope in self._scopes:
            scope.cancel()

    async def _run(self, *, task_status):
        await trio_websocket.serve_websocket(
            self._serve, "127.0.0.1", 0, None, task_status=task_status
        )

    async def _serve(self, request):
        self.connections += 1
        number = self.connections
        near = await request.accept(subprotocol="proxim.v1")
        url = f"ws://127.0.0.1:{port_of(self.node.url)}/ws"
        async with trio.open_nursery() as nursery:
            far = await trio_websocket.connect_websocket_url(
                nursery, url, subprotocols=["proxim.v1"]
            )
            self._scopes.add(nursery.cancel_scope)
            try:
                nursery.start_soon(self._pump, near, far, UP, number, nursery.cancel_scope)
                nursery.start_soon(self._pump, far, near, DOWN, number, nursery.cancel_scope)
                await trio.sleep_forever()
            finally:
                self._scopes.discard(nursery.cancel_scope)
                for ws in (near, far):
                    with suppress(trio.Cancelled):
                        await trio.aclose_forcefully(ws._stream)

    def pass_on(self, message, way, connection):
        """Return what goes on in place of a message of the connection with this number."""
        return self.change(message, way)

    async def _pump(self, source, sink, way, number, scope):
        with suppress(*_GONE):
            while True:
                text = await source.get_message()
                self.seen.append((text, way))
                message = checked(json.loads(text), SENT[way])
                changed = self.pass_on(message, way, number)
                each = changed if isinstance(changed, list) else [changed]
                messages = [json.dumps(message) for message in each if message is not None]
                if len(messages) > 1 and way == DOWN:
                    async with sink._stream_lock:
                        await sink._stream.send_all(b"".join(map(_frame, messages)))
                    continue
                for text in messages:
                    await sink.send_message(text)
        scope.cancel()


def _frame(text):
    """Return a text as a frame of a server (RFC 6455, 5.2)."""
    data = text.encode()
    assert len(data) < 2**16
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    return b"\x81" + size + data
