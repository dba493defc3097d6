"""From an HTTP request to a WebSocket (RFC 6455, 4.2; protocol: Transport).

The handshake is checked here, and wsproto gets a plain one made of what was checked, so that none,
however odd, can raise anything in there.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from http import HTTPStatus

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from proxim.core.messages import SUBPROTOCOL
from proxim.net.http import Request, Response


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


async def upgrade(stream: trio.abc.Stream, request: Request) -> None:
    """Answer a good request with 101 (by wsproto, which is told only what was checked)."""
    offered = request.tokens(b"sec-websocket-protocol")
    handshake = WSConnection(ConnectionType.SERVER)
    headers = [
        (b"Host", b"node"),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Key", request.header(b"sec-websocket-key")),
    ]
    if offered:
        headers.append((b"Sec-WebSocket-Protocol", SUBPROTOCOL.encode()))
    handshake.initiate_upgrade_connection(headers, "/ws")
    accept = AcceptConnection(subprotocol=SUBPROTOCOL if offered else None)
    await stream.send_all(handshake.send(accept))


def _is_nonce(value: bytes) -> bool:
    try:
        return len(b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _bad(message: str) -> Response:
    return Response(HTTPStatus.BAD_REQUEST, f"This is no WebSocket handshake: {message}.\n")
