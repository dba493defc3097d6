"""Whether STUN and TURN servers answer.

Both answer a Binding request (RFC 8489) without credentials. This does not check whether a TURN
server accepts the credentials.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator
from functools import partial

import trio

from proxim.doctor.result import TIMEOUT, CheckResult, ask, error
from proxim.ice.urls import Server, parse
from proxim.settings import Settings

TRIES = 3
"""Requests sent over UDP within the time for an answer."""

_COOKIE = b"\x21\x12\xa4\x42"
_REQUEST, _SUCCESS = b"\x00\x01", b"\x01\x01"
_HEAD_BYTES = 20


async def check(settings: Settings) -> AsyncIterator[CheckResult]:
    """Yield one result for each server."""
    for name in ("stun", "turn"):
        for url in getattr(settings, name, ()):
            server = parse(url)
            if server is None:
                yield error(name, f"{url} is not a STUN or TURN URL", "write it as stun:host:3478")
                continue
            port = f"{server.transport.upper()} {server.port}"
            remedy = f"is the server running, and does a firewall let {port} through?"
            by = _ask_by_udp if server.transport == "udp" else _ask_by_tcp
            yield await ask(name, url, remedy, partial(by, server))


async def _ask_by_udp(server: Server) -> None:
    found = await trio.socket.getaddrinfo(server.host, server.port, type=trio.socket.SOCK_DGRAM)
    family, _, _, _, address = found[0]
    with trio.socket.socket(family, trio.socket.SOCK_DGRAM) as socket:
        await socket.connect(address)
        transaction = secrets.token_bytes(12)
        while True:
            await socket.send(_request(transaction))
            with trio.move_on_after(TIMEOUT / TRIES):
                while not is_answer(await socket.recv(2048), transaction):
                    pass  # From another sender, or for an older request.
                return


async def _ask_by_tcp(server: Server) -> None:
    stream: trio.abc.Stream = await trio.open_tcp_stream(server.host, server.port)
    if server.transport == "tls":
        context = ssl.create_default_context()
        stream = trio.SSLStream(stream, context, server_hostname=server.host)
    async with stream:
        transaction = secrets.token_bytes(12)
        await stream.send_all(_request(transaction))
        data = b""
        while len(data) < _HEAD_BYTES:
            more = bytes(await stream.receive_some(2048))
            if not more:
                raise ValueError("the server closed the connection")
            data += more
        if not is_answer(data, transaction):
            raise ValueError("the answer is not STUN")


def _request(transaction: bytes) -> bytes:
    return _REQUEST + b"\x00\x00" + _COOKIE + transaction


def is_answer(data: bytes, transaction: bytes) -> bool:
    """Return whether this is the success response to that Binding request (RFC 8489, 5)."""
    return data[:2] == _SUCCESS and data[4:_HEAD_BYTES] == _COOKIE + transaction
