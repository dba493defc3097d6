"""A WebSocket after its handshake: control frames, and the closing handshake (RFC 6455, 5.5, 7).

``FrameCodec`` decodes what was read, and ``feed`` returns the messages. Frames are written to an
``Outbox``, which gives them to the kernel at once. So no message needs a task, a lock or a channel
of its own.
"""

from __future__ import annotations

import math
from typing import cast

import trio
from wsproto.events import CloseConnection, Ping, Pong
from wsproto.frame_protocol import CloseReason

from proxim.net.closing import lingering_close
from proxim.net.frames import FrameCodec, PongFrame, Received
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.outbox import Outbox


class WebSocket:
    """The server's end of a WebSocket. What is read from ``stream`` goes to ``feed``.

    It tells the ``keepalive`` when a pong arrives, and when a message is incomplete.
    ``peer_has_ended`` says that the peer sends nothing more, and ``finish`` is to be called.
    ``close_code`` is that of the first close frame, or 1006 without any (RFC 6455, 7.1.5).
    """

    __slots__ = (
        "_codec",
        "_controls_full_at",
        "_keepalive",
        "_limits",
        "_outbox",
        "_peer_close",
        "_peer_shut_down",
        "close_code",
        "peer_has_ended",
        "stream",
    )

    def __init__(
        self, stream: trio.abc.Stream, limits: Limits, outbox: Outbox, keepalive: Keepalive
    ) -> None:
        self.stream = stream
        self.peer_has_ended = False
        self.close_code: int = CloseReason.ABNORMAL_CLOSURE
        self._codec = FrameCodec(limits)
        self._limits = limits
        self._outbox = outbox
        self._keepalive = keepalive
        self._peer_close: CloseConnection | None = None
        self._peer_shut_down = False
        self._controls_full_at = 0.0

    # -- in ----------------------------------------------------------------------------------

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
        if self._codec.was_plain:
            self._keepalive.message_by = math.inf
            return cast("list[str | bytes]", found)
        messages = self._handle_control_frames(found)
        if self._codec.is_incomplete:
            self._keepalive.message_incomplete(is_new=bool(messages))
        else:
            self._keepalive.message_by = math.inf
        return messages

    def connection_lost(self) -> None:
        """End without a closing handshake: the stream has ended or is broken."""
        self.peer_has_ended = True
        self._outbox.close()

    def _handle_control_frames(self, found: list[Received]) -> list[str | bytes]:
        """Return the messages up to a close frame, which is answered after them."""
        messages: list[str | bytes] = []
        for each in found:
            if isinstance(each, PongFrame | Pong) and self._exceeds_control_rate():
                each = self._codec.reject(CloseReason.POLICY_VIOLATION, "too many pings or pongs")
            match each:
                case str() | bytes():
                    messages.append(each)
                case PongFrame(frame):
                    # A pong may be left out (RFC 6455, 5.5.3). A client that does not read gets no
                    # more memory for pongs than for messages.
                    if self._outbox.size <= self._limits.outbox_size:
                        self._outbox.write(frame)
                case Pong():
                    self._keepalive.pong_by = math.inf
                case CloseConnection():
                    self._peer_close = each
                    self.peer_has_ended = True
                    break
        return messages

    def _exceeds_control_rate(self) -> bool:
        now, bucket = trio.current_time(), self._limits.controls
        full_at = max(self._controls_full_at, now)
        self._controls_full_at = full_at + bucket.interval
        return full_at - now >= bucket.window

    # -- out ---------------------------------------------------------------------------------

    def send_ping(self) -> None:
        """Send a ping; the keepalive hears of its pong."""
        if self._outbox.is_open:
            self._outbox.write(self._codec.send(Ping()))

    def send_close(self, code: int, reason: str | None) -> None:
        """Send a close frame behind what is queued; the peer's own ends the reading."""
        self.close_code = code
        self._outbox.write(self._codec.send(CloseConnection(code=code, reason=reason)))
        self._outbox.close()

    async def finish(self) -> None:
        """Answer the peer's close frame, let the outbox be written, and close the stream."""
        if self._peer_close is not None and self.close_code == CloseReason.ABNORMAL_CLOSURE:
            self.send_close(self._peer_close.code, self._peer_close.reason)
        try:
            with trio.move_on_after(self._limits.write_time):
                await self._outbox.wait_below(1)
        finally:
            if self._peer_shut_down:
                # Nothing unread is left that would reset the connection.
                await trio.aclose_forcefully(self.stream)
            else:
                await lingering_close(self.stream, self._limits.linger_time)
