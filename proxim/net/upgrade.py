"""The WebSocket handshake (RFC 6455, 4.2; protocol: Transport).

wsproto is not used for it: some malformed handshakes make it raise undocumented exceptions, and
it would parse the head a second time.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha1
from http import HTTPStatus

from proxim.net.http import Request, Response
from proxim.protocol.messages import SUBPROTOCOL

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Each key is hashed together with this (RFC 6455, 1.3)."""

_ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
)


def refuse_upgrade(request: Request) -> Response | None:
    """Return the response that refuses a handshake; None if the handshake is correct."""
    if request.method != "GET" or not request.has_token(b"upgrade", "websocket"):
        return Response(
            HTTPStatus.UPGRADE_REQUIRED,
            "This is a WebSocket endpoint: connect with a WebSocket client.\n",
            headers=(("Upgrade", "websocket"),),
        )
    if request.tokens(b"sec-websocket-version") != ["13"]:
        return Response(
            HTTPStatus.UPGRADE_REQUIRED,
            "This node supports version 13 of the WebSocket protocol.\n",
            headers=(("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
        )
    if request.http_version < b"1.1":
        return _bad("a WebSocket needs HTTP/1.1")
    if not request.has_token(b"connection", "upgrade"):
        return _bad("Connection: Upgrade is missing")
    if not _is_nonce(request.header(b"sec-websocket-key")):
        return _bad("Sec-WebSocket-Key must be 16 bytes in base64")
    if request.rest:
        return _bad("the client must not send anything before the answer")
    offered = request.tokens(b"sec-websocket-protocol")
    if offered and SUBPROTOCOL not in offered:
        return _bad(f"the subprotocol of this node is {SUBPROTOCOL}")
    return None


def handshake_answer(request: Request) -> bytes:
    """Return the answer to a correct handshake: 101 (RFC 6455, 4.2.2)."""
    key = request.header(b"sec-websocket-key") + _GUID
    answer = _ACCEPT % b64encode(sha1(key, usedforsecurity=False).digest())
    if request.tokens(b"sec-websocket-protocol"):
        answer += b"Sec-WebSocket-Protocol: %b\r\n" % SUBPROTOCOL.encode()
    return answer + b"\r\n"


def _is_nonce(value: bytes) -> bool:
    try:
        return len(b64decode(value, validate=True)) == 16
    except ValueError:
        return False


def _bad(message: str) -> Response:
    return Response(HTTPStatus.BAD_REQUEST, f"This is not a WebSocket handshake: {message}.\n")
