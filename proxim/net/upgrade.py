"""From an HTTP request to a WebSocket (RFC 6455, 4.2; protocol: Transport).

The handshake is checked here, and trio-websocket gets a plain one made of what was checked, so
that none, however odd, can raise anything in there.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Generator
from http import HTTPStatus

import trio
from trio_websocket import WebSocketConnection
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, TextMessage
from wsproto.frame_protocol import CloseReason

from proxim.core.messages import SUBPROTOCOL
from proxim.net.http import Request, Response
from proxim.net.limits import Limits
from proxim.net.parting import part


class _Polite(trio.abc.Stream):
    """A stream that begins with ``first``, and closes without destroying what was sent last."""

    def __init__(self, stream: trio.abc.Stream, first: bytes, limits: Limits) -> None:
        self._stream = stream
        self._first = first
        self._limits = limits

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """What was handed over, then what comes."""
        if self._first:
            await trio.lowlevel.checkpoint()
            first, self._first = self._first, b""
            return first
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send on the stream beneath."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait on the stream beneath."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Part from the peer, and close the stream beneath."""
        await part(self._stream, self._limits.part_time)


def refuse_upgrade(request: Request) -> Response | None:
    """Why this request cannot become a WebSocket, or None if it can."""
    if request.method != "GET" or "websocket" not in [
        token.lower() for token in request.tokens(b"upgrade")
    ]:
        return Response(
            HTTPStatus.UPGRADE_REQUIRED,
            "This is a WebSocket endpoint: connect with a WebSocket client.\n",
            headers=(("Upgrade", "websocket"),),
        )
    if request.tokens(b"sec-websocket-version") != ["13"]:
        return Response(
            HTTPStatus.UPGRADE_REQUIRED,
            "This node speaks version 13 of the WebSocket protocol.\n",
            headers=(("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
        )
    if request.http_version < b"1.1":
        return _bad("a WebSocket needs HTTP/1.1")
    if "upgrade" not in [token.lower() for token in request.tokens(b"connection")]:
        return _bad("Connection: Upgrade is missing")
    if not _is_nonce(request.header(b"sec-websocket-key")):
        return _bad("Sec-WebSocket-Key must be 16 bytes in base64")
    if request.rest:
        return _bad("nothing may be sent before the answer")
    offered = request.tokens(b"sec-websocket-protocol")
    if offered and SUBPROTOCOL not in offered:
        return _bad(f"the subprotocol of this node is {SUBPROTOCOL}")
    return None


class _Strict(WSConnection):
    """The rules that trio-websocket leaves to its codec, kept here.

    - A broken rule is answered with its close frame (RFC 6455, 7.1.7). wsproto tells of it as if
      the peer had closed with 1002 or 1007, and trio-websocket sends a close frame back only if the
      state says that the peer is closing; so that is what it says here.
    - A message is bounded by its bytes, all fragments together, and by the number of fragments.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(ConnectionType.SERVER)
        self._limits = limits
        self._refused = False
        self._fragments = 0
        self._size = 0

    @property
    def state(self) -> ConnectionState:
        state = super().state
        closing = self._refused and state is ConnectionState.OPEN
        return ConnectionState.REMOTE_CLOSING if closing else state

    def events(self) -> Generator[Event, None, None]:
        for event in super().events():
            if isinstance(event, TextMessage | BytesMessage):
                event = self._measured(event)
            if isinstance(event, CloseConnection):
                self._refused = super().state is ConnectionState.OPEN
                yield event
                return  # Nothing that follows a close counts.
            yield event

    def _measured(self, event: TextMessage | BytesMessage) -> Event:
        data = event.data.encode() if isinstance(event.data, str) else event.data
        self._size += len(data)
        self._fragments += event.frame_finished
        if self._size > self._limits.message_bytes:
            reason = f"a message may have {self._limits.message_bytes} bytes"
            return CloseConnection(code=CloseReason.MESSAGE_TOO_BIG, reason=reason)
        if self._fragments > self._limits.message_fragments:
            reason = f"a message may have {self._limits.message_fragments} fragments"
            return CloseConnection(code=CloseReason.POLICY_VIOLATION, reason=reason)
        if event.message_finished:
            self._size = self._fragments = 0
        return event


async def upgrade(
    stream: trio.abc.Stream, request: Request, nursery: trio.Nursery, limits: Limits
) -> WebSocketConnection:
    """Answer a good request with 101; the connection's reader then runs in ``nursery``.

    This does what ``trio_websocket.wrap_server_stream`` does, which takes no codec from outside;
    it is the one place that touches the library's private names.
    """
    selected = SUBPROTOCOL if request.tokens(b"sec-websocket-protocol") else None
    ws = WebSocketConnection(
        _Polite(stream, _plain_handshake(request, selected), limits),
        _Strict(limits),
        max_message_size=limits.message_bytes,
    )
    nursery.start_soon(ws._reader_task)
    proposal = await ws._get_request()
    return await proposal.accept(subprotocol=selected)


def _plain_handshake(request: Request, subprotocol: str | None) -> bytes:
    """The same handshake with nothing in it but what was checked."""
    offer = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    key = request.header(b"sec-websocket-key").decode("ascii")
    return (
        "GET /ws HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offer}\r\n"
    ).encode("ascii")


def _is_nonce(value: bytes) -> bool:
    try:
        return len(b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _bad(message: str) -> Response:
    return Response(HTTPStatus.BAD_REQUEST, f"This is no WebSocket handshake: {message}.\n")
