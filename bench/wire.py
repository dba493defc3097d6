"""A WebSocket client that costs next to nothing, so that a benchmark measures the node.

It knows its peer: no extensions, no fragments, no rule checked. Not for anything else.
"""

from __future__ import annotations

import json
import time

import trio

TEXT, PING, PONG = 0x81, 0x89, 0x8A
"""The first bytes of whole frames of these kinds."""

_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Wire:
    """One connection. It keeps the messages that it reads as (moment, payload), in order.

    Pings are answered while the connection is read.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._rest = b""
        self._heard: list[tuple[float, bytes]] = []
        self._pings: list[bytes] = []

    @classmethod
    async def dial(cls, host: str, port: int, path: str = "/ws") -> Wire:
        wire = cls(await trio.open_tcp_stream(host, port))
        await wire._stream.send_all(_HANDSHAKE.format(path=path, host=host).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += await wire._stream.receive_some(4096)
        assert head.startswith(b"HTTP/1.1 101"), head
        wire._rest = head.partition(b"\r\n\r\n")[2]
        return wire

    async def say(self, **message: object) -> None:
        await self._stream.send_all(frame(TEXT, json.dumps(message).encode()))

    async def hear(self, kind: str) -> dict:
        """The next message of a kind; others before it are passed over, errors raise."""
        while True:
            _, payload = await self.next()
            message = json.loads(payload)
            if message["type"] == kind:
                return message
            assert message["type"] != "error", message

    async def next(self) -> tuple[float, bytes]:
        """The next message, and the moment (wall clock) at which it was read."""
        while not self._heard:
            self._split()
            while self._pings:
                await self._stream.send_all(frame(PONG, self._pings.pop()))
            if not self._heard:
                data = await self._stream.receive_some(65_536)
                assert data, "the node closed the connection"
                self._rest += data
        return self._heard.pop(0)

    def _split(self) -> None:
        now, at, data = time.time(), 0, self._rest
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < start + size:
                break
            if data[at] == TEXT:
                self._heard.append((now, data[start : start + size]))
            elif data[at] == PING:
                self._pings.append(data[start : start + size])
            at = start + size
        self._rest = data[at:]


def frame(first: int, payload: bytes) -> bytes:
    """A masked frame; with a mask of zeros the payload stands in it as it is."""
    size = len(payload)
    if size < 126:
        return b"%c%c\0\0\0\0%b" % (first, 0x80 | size, payload)
    return b"%c\xfe%b\0\0\0\0%b" % (first, size.to_bytes(2, "big"), payload)
