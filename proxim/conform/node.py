"""The node of a case: it accepts WebSockets, and says what the script tells it to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from proxim.conform.case import Nonconforming
from proxim.protocol import codec
from proxim.protocol.errors import BadMessage
from proxim.protocol.messages import PROTOCOL_VERSION, SEAL_VERSION, SUBPROTOCOL

Fields = dict[str, Any]

PLAYED = ("confirm", "rotate", "join_url", "seal")
"""The features that the cases play: a client may not rely on others here."""

_PLUMBING = ("ping", "refresh_ice")
"""Requests that a client may send at any time."""


def welcome(**fields: Any) -> Fields:
    """Return the fields of a ``welcome``; None leaves one out."""
    told = {
        "protocol": PROTOCOL_VERSION,
        "server": "proxim-conform",
        "approval_timeout": 40.0,
        "max_message_bytes": 65_536,
        "features": list(PLAYED),
        "seal": SEAL_VERSION,
        **fields,
    }
    return {name: each for name, each in told.items() if each is not None}


class Wire:
    """One WebSocket of the client under test."""

    def __init__(self, ws: WebSocketConnection, patience: float) -> None:
        self._ws = ws
        self._patience = patience
        self._ref: Fields = {}

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        await self.say_text(json.dumps({"type": kind, **fields}))

    async def answer(self, kind: str, **fields: Any) -> None:
        """Send the reply to the message that was expected last, with its `ref`."""
        await self.say(kind, **fields, **self._ref)
        self._ref = {}

    async def say_text(self, text: str) -> None:
        """Send a frame, whatever it holds."""
        try:
            await self._ws.send_message(text)
        except ConnectionClosed:
            raise Nonconforming("the client closed the connection") from None

    async def expect(self, kind: str, *, within: float | None = None) -> Fields:
        """Return the next message, which has to be of this kind and valid.

        Pings are answered, and requests for ICE servers are skipped if another kind is expected.
        Raises ``Nonconforming``.
        """
        within = self._patience if within is None else within
        with trio.move_on_after(within):
            while True:
                message = await self._next(f"`{kind}`")
                if message["type"] == "ping" and kind != "ping":
                    await self.say("pong", **_ref(message))
                elif message["type"] not in _PLUMBING or message["type"] == kind:
                    break
            if message["type"] != kind:
                raise Nonconforming(f"the client sent {_short(message)}; right is `{kind}`")
            self._ref = _ref(message)
            return message
        raise Nonconforming(f"the client did not send `{kind}` within {within:g} s")

    async def expect_end(self, *kinds: str) -> Fields:
        """Return the next message of these kinds; nothing if the client closes the connection.

        Raises ``Nonconforming`` if the client does neither in time.
        """
        with trio.move_on_after(self._patience):
            while True:
                message = await self._next("", may_close=True)
                if not message or message["type"] in kinds:
                    return message
        raise Nonconforming("the client stays, although it should have left")

    async def expect_none(self, kind: str = "", seconds: float = 1.0) -> None:
        """Raise ``Nonconforming`` if such a message comes within ``seconds``; by default any."""
        with trio.move_on_after(seconds):
            while True:
                message = await self._next("nothing", may_close=True)
                if not message:
                    return
                if kind == message["type"] or (not kind and message["type"] not in _PLUMBING):
                    raise Nonconforming(f"the client sent {_short(message)}, which is wrong here")

    async def expect_pong(self) -> None:
        """Send a WebSocket ping. Raises ``Nonconforming`` if the client does not answer it."""
        with trio.move_on_after(self._patience):
            await self._ws.ping(b"conform")
            return
        raise Nonconforming("the client did not answer a WebSocket ping (RFC 6455, 5.5.2)")

    async def closed(self) -> None:
        """Wait until the client has closed; what it sends before is dropped."""
        with trio.move_on_after(self._patience):
            try:
                while True:
                    await self._ws.get_message()
            except ConnectionClosed:
                return
        raise Nonconforming("the client keeps the connection open, although it is of no use now")

    async def close(self, code: int) -> None:
        """Close the connection."""
        with trio.move_on_after(self._patience):
            await self._ws.aclose(code)

    async def _next(self, wanted: str, *, may_close: bool = False) -> Fields:
        try:
            frame = await self._ws.get_message()
        except ConnectionClosed:
            if may_close:
                return {}
            raise Nonconforming(f"the client closed the connection; right is {wanted}") from None
        if not isinstance(frame, str):
            raise Nonconforming("the client sent a binary frame; each message is one text frame")
        try:
            codec.decode_client(frame)
        except BadMessage as error:
            raise Nonconforming(f"the client sent {frame[:300]}: {error}") from None
        message: Fields = json.loads(frame)
        return message


class ScriptedNode:
    """Accepts the connections of the client under test, in their order."""

    def __init__(self, port: int, patience: float) -> None:
        self._patience = patience
        self.url = f"http://127.0.0.1:{port}"
        self._wires, self._arrivals = trio.open_memory_channel[Wire](100)
        self._fault: str | None = None

    async def connection(self, *, is_welcomed: bool = True, **fields: Any) -> Wire:
        """Return the client's next connection, after its ``welcome`` with these ``fields``.

        Raises ``Nonconforming`` if the client does not connect in time.
        """
        wire: Wire | None = None
        with trio.move_on_after(2 * self._patience):
            wire = await self._arrivals.receive()
        if self._fault:
            raise Nonconforming(self._fault)
        if wire is None:
            raise Nonconforming(f"the client did not connect to {self.url}/ws in time")
        if is_welcomed:
            await wire.say("welcome", **welcome(**fields))
        return wire

    async def no_connection(self, seconds: float = 3.0) -> None:
        """Raise ``Nonconforming`` if the client connects within ``seconds``."""
        with trio.move_on_after(seconds):
            await self._arrivals.receive()
            raise Nonconforming("the client connected, which is wrong here")

    async def _serve(self, request: WebSocketRequest) -> None:
        if request.path != "/ws":
            self._fault = f"the client asked for {request.path}; the WebSocket is at /ws"
        offered = request.proposed_subprotocols
        if offered and SUBPROTOCOL not in offered:
            self._fault = f"the client offered {', '.join(offered)}; right is {SUBPROTOCOL} or none"
        ws = await request.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await self._wires.send(Wire(ws, self._patience))
        await trio.sleep_forever()


@asynccontextmanager
async def open_node(patience: float) -> AsyncIterator[ScriptedNode]:
    """Serve on a free port of loopback inside the block."""
    node: ScriptedNode

    async def serve(request: WebSocketRequest) -> None:
        await node._serve(request)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda task_status: serve_websocket(
                serve,
                "127.0.0.1",
                0,
                None,
                handler_nursery=nursery,
                connect_timeout=patience,
                disconnect_timeout=1,
                task_status=task_status,
            )
        )
        node = ScriptedNode(server.port, patience)
        try:
            yield node
        finally:
            nursery.cancel_scope.cancel()


def now() -> str:
    """Return the time as the wire has it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _ref(message: Fields) -> Fields:
    return {"ref": message["ref"]} if message.get("ref") is not None else {}


def _short(message: Fields) -> str:
    text = json.dumps(message, ensure_ascii=False)
    return text if len(text) < 300 else f"{text[:300]}…"
