"""trio-websocket's connection with a faster way for messages.

trio-websocket and wsproto do the closing handshake and judge fragments and control frames. What
differs is how a message goes in and out:

- Frames are written to an ``Outbox``, which gives them to the kernel at once. trio-websocket takes
  a lock and awaits each frame.
- ``FrameCodec`` decodes what was read, and ``feed`` returns the messages. trio-websocket has a task
  and a memory channel for that.
- State that most connections never need is created on first use.

This is the only module that touches trio-websocket's private names. ``tests/net/test_websocket.py``
fails when their shape changes.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import cast

import trio
from trio_websocket import CloseReason, ConnectionClosed, WebSocketConnection
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Event, Ping, Pong
from wsproto.frame_protocol import CloseReason as Code

from proxim.net.closing import close_now, lingering_close
from proxim.net.frames import FrameCodec, PongFrame, Received, binary_frame, text_frame
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox import Outbox
from proxim.net.stream import RECEIVE_BYTES

_ABNORMAL = 1006
_PONGS = {PongFrame, Pong}


class _NoChannel:
    """Stands in for trio-websocket's channel between its reader task and ``get_message``."""

    async def aclose(self) -> None:
        """Do nothing: there is no channel."""


class NodeWebSocket(WebSocketConnection):
    """Receives messages from one client, and sends to it by way of its outbox.

    It tells the ``keepalive`` when a pong arrives, and when a message is incomplete.
    """

    # Attributes that the inherited code reads and that are the same for each connection of a
    # server.
    _initial_request = None
    _path = "/ws"
    _handshake_headers = ()
    _subprotocol: str | None = None
    _recv_channel = _send_channel = _NoChannel()  # type: ignore[assignment]  # never used
    _close_reason: CloseReason | None = None

    # Defaults of what most connections never set, or only at their end.
    peer_has_ended = False
    """Whether the peer sends nothing more; ``finish`` is to be called then."""
    _peer_close: CloseConnection | None = None
    _peer_shut_down = False
    _controls_full_at = 0.0
    _has_pinged = False
    _pongs: tuple[Pong, ...] = ()
    _received: list[str | bytes] = []  # noqa: RUF012 - replaced, never changed

    def __init__(
        self, stream: trio.abc.Stream, limits: Limits, outbox: Outbox, keepalive: Keepalive
    ) -> None:
        # The inherited constructor is not called: it creates much state that is not used here.
        self._id = next(self.CONNECTION_ID)
        self._stream = stream
        self._wsproto = self._codec = FrameCodec(limits)  # type: ignore[assignment]  # same methods
        self._limits = limits
        self._outbox = outbox
        self._keepalive = keepalive

    # The inherited constructor sets these three at once; here each is made when it is first used.

    @cached_property
    def _pings(self) -> OrderedDict[bytes, trio.Event]:  # type: ignore[override]  # was an attribute
        self._has_pinged = True
        return OrderedDict()

    @cached_property
    def _close_handshake(self) -> trio.Event:  # type: ignore[override]  # was an attribute
        return trio.Event()

    @cached_property
    def _for_testing_peer_closed_connection(  # type: ignore[override]  # was an attribute
        self,
    ) -> trio.Event:
        return trio.Event()

    # -- in ----------------------------------------------------------------------------------

    @property
    def stream(self) -> trio.abc.Stream:
        """The stream to read from; what was read goes to ``feed``."""
        return self._stream

    def set_max_message_size(self, size: int) -> None:
        """Set how many bytes a message may have from now on."""
        self._codec.max_bytes = size

    def feed(self, data: bytes) -> list[str | bytes]:
        """Return the messages that are complete with what was read; empty data is the end."""
        if not data:
            self._peer_shut_down = True
            self.connection_lost()
            return []
        found = self._codec.feed(data)
        if self._codec.was_plain:  # The usual case: messages alone, and all of them complete.
            self._keepalive.message_complete()
            return cast("list[str | bytes]", found)
        messages = self._handle_control_frames(found)
        if self._codec.is_incomplete:
            self._keepalive.message_incomplete(is_new=bool(messages))
        else:
            self._keepalive.message_complete()
        return messages

    def connection_lost(self) -> None:
        """End without a closing handshake: the stream has ended or is broken."""
        self.peer_has_ended = True
        self.stop_sending()
        self._close_handshake.set()

    async def receive(self) -> list[str | bytes]:
        """Return the messages of the next read that has any; empty at the end.

        For callers of trio-websocket's interface; the reader of a node calls ``feed``.
        """
        messages: list[str | bytes] = []
        while not self.peer_has_ended and not messages:
            try:
                messages = self.feed(bytes(await self._stream.receive_some(RECEIVE_BYTES)))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.connection_lost()
            pongs, self._pongs = self._pongs, ()
            for pong in pongs:
                await self._handle_pong_event(pong)
        return messages

    async def get_message(self) -> str | bytes:
        """Return the next message. Raises ``ConnectionClosed`` at the end."""
        while not self._received:
            self._received = (await self.receive())[::-1]
            if not self._received:
                await self.finish()
                raise ConnectionClosed(self._close_reason)
        return self._received.pop()

    async def finish(self) -> None:
        """Answer the peer's close frame, if it sent one, and close the stream."""
        if (close := self._peer_close) is not None:
            # As the inherited method does, without what only its reader task needs.
            if self._codec.state is ConnectionState.REMOTE_CLOSING:
                self._outbox.write(self._codec.send(close.response()), is_last=True)
                self._outbox.close()
            self._close_reason = CloseReason(close.code, close.reason or None)
            self._close_handshake.set()
        await self._close_stream()

    def _handle_control_frames(self, found: list[Received]) -> list[str | bytes]:
        """Return the messages up to a close frame, which is answered after them."""
        messages: list[str | bytes] = []
        for each in found:
            if type(each) in _PONGS and self._exceeds_control_rate():
                each = self._codec.reject(Code.POLICY_VIOLATION, "too many pings or pongs")
            match each:
                case CloseConnection():  # First, as the usual one, and checks of others are slow.
                    self._peer_close = each
                    self.peer_has_ended = True
                    break
                case str() | bytes():
                    messages.append(each)
                case PongFrame(frame):
                    # A pong may be left out (RFC 6455, 5.5.3). A client that does not read gets no
                    # more memory for pongs than for messages.
                    if self._outbox.size <= self._limits.outbox_size:
                        self._outbox.write(frame)
                case Pong():
                    self._keepalive.pong_received()
                    if self._has_pinged:
                        self._pongs = (*self._pongs, each)
        return messages

    def _exceeds_control_rate(self) -> bool:
        now, bucket = trio.current_time(), self._limits.controls
        full_at = max(self._controls_full_at, now)
        self._controls_full_at = full_at + bucket.interval
        return full_at - now >= bucket.window

    # -- out ---------------------------------------------------------------------------------

    async def send_message(self, message: str | bytes) -> None:
        """Send a message. Raises ``ConnectionClosed`` when the connection is closed."""
        if self._close_reason is not None:
            raise ConnectionClosed(self._close_reason)
        # wsproto would refuse to send once the peer has closed, before our close is sent.
        self._outbox.write(
            text_frame(message.encode()) if isinstance(message, str) else binary_frame(message)
        )
        await trio.lowlevel.checkpoint()

    def send_ping(self) -> None:
        """Send a ping; the keepalive hears of its pong."""
        if self._outbox.is_open:
            self._outbox.write(self._codec.send(Ping()))

    def send_close(self, code: int, reason: str) -> None:
        """Send a close frame behind what is queued; the peer's own ends the reading."""
        self._outbox.write(self._codec.send(CloseConnection(code=code, reason=reason)))
        self._outbox.close()
        self._close_reason = CloseReason(code, reason)

    def stop_sending(self) -> None:
        """Send nothing from now on: the task that would write it may have ended."""
        self._outbox.close()
        if self._close_reason is None:
            self._close_reason = CloseReason(_ABNORMAL, None)

    async def _close_stream(self) -> None:
        """Let the outbox be written, then close the stream."""
        self.peer_has_ended = True
        try:
            if self._outbox.size:
                with trio.move_on_after(self._limits.write_time):
                    await self._outbox.wait_below(1)
        finally:
            if self._peer_shut_down or self._codec.state is ConnectionState.CLOSED:
                # The peer sends nothing after its end or its close frame, so nothing unread is left
                # that would reset the connection.
                await close_now(self._stream)
            else:
                await lingering_close(self._stream, self._limits.linger_time)

    async def _send(self, event: Event) -> None:
        if self._close_reason is not None and not isinstance(event, CloseConnection):
            raise ConnectionClosed(self._close_reason)
        self._outbox.write(self._codec.send(event))
        if isinstance(event, CloseConnection):
            self._outbox.close()
