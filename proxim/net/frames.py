"""WebSocket frames, without a socket (RFC 6455, 5), with a fast path for common messages.

A message in one masked text frame is decoded here. wsproto handles all other frames, one by one:
control frames, fragments, binary messages and protocol errors. So frames keep their order, and
only wsproto decides what breaks a rule.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from proxim.net.limits import Limits
from proxim.net.masking import apply_mask

_TEXT = 0x81
"""The first byte of a message in one text frame: final, no reserved bits, opcode 1."""

_BINARY = 0x82

_CLOSE = 0x88

_short_head = Struct("!BB").pack
_middle_head = Struct("!BBH").pack
_long_head = Struct("!BBQ").pack

_OPCODES = {0x0, 0x1, 0x2, 0x8, 0x9, 0xA}
_CONTROL = 0x8
_MASKED = 0x80
_TWO_MORE, _EIGHT_MORE = 126, 127
"""Short lengths that say how many bytes of the real length follow (RFC 6455, 5.2)."""

_MAX_CONTROL = 125
"""Bytes that the payload of a control frame has at most (RFC 6455, 5.5)."""

_NORMAL = {1000, 1001, *range(3000, 5000)}
"""The codes with which clients close; wsproto judges all others (RFC 6455, 7.4)."""


class PongFrame(NamedTuple):
    """The encoded pong to a ping that was received."""

    frame: bytes


Received = str | bytes | PongFrame | Event


class FrameCodec:
    """Decodes the bytes of one client into messages, and encodes the frames for it.

    ``feed`` returns a text message as ``str``, a binary message as ``bytes``, a ``PongFrame`` for a
    ping, and wsproto's events for the rest. The last event is a ``CloseConnection`` with the code
    to answer: for the peer's close, for a protocol error, and for a message with more than
    ``max_bytes`` bytes or too many fragments. ``was_plain`` is true if the last call of ``feed``
    found complete text messages and nothing else.

    trio-websocket uses ``state``, ``client`` and ``send``, as wsproto's ``WSConnection`` has them.
    """

    __slots__ = (
        "_ended",
        "_fragments",
        "_limits",
        "_parts",
        "_size",
        "_state",
        "_unread",
        "_wsproto",
        "max_bytes",
        "was_plain",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.max_bytes = limits.message_size
        self.was_plain = True
        self._unread = b""
        self._ended = False
        self._parts: tuple[str | bytes, ...] = ()
        self._fragments = 0
        self._size = 0
        # None unless it has state: unfinished fragments, or a closing handshake that is not plain.
        self._wsproto: Connection | None = None
        self._state = ConnectionState.OPEN

    @property
    def client(self) -> bool:
        """Return false: the node is the server."""
        return False

    @property
    def is_incomplete(self) -> bool:
        """Whether a message or a frame has begun and is not complete."""
        return bool(self._unread or self._parts)

    def feed(self, data: bytes) -> list[Received]:
        """Return what is complete with what was read, in order."""
        buffer = self._unread + data if self._unread else data
        found: list[Received] = []
        position = 0 if self._parts or self._ended else self._decode_plain(buffer, found)
        # Then there is nothing else to judge: no control frame, no close, no incomplete message.
        self.was_plain = position == len(buffer)
        if self.was_plain:
            self._unread = b""
            return found
        while not self._ended and (bounds := _payload_bounds(buffer, position)) is not None:
            start, stop = bounds
            is_broken = start == position
            size = 0 if is_broken or buffer[position] & _CONTROL else stop - start
            if self._size + size > self.max_bytes:
                found.append(self.reject(CloseReason.MESSAGE_TOO_BIG, "the message is too big"))
            elif stop > len(buffer):
                break
            elif buffer[position] == _TEXT and not is_broken and not self._parts:
                found.append(self._text(buffer, start, stop))
            elif buffer[position] == _CLOSE and not is_broken and self._wsproto is None:
                found += self._close(buffer, start, stop) or self._feed_wsproto(
                    buffer[position:stop]
                )
            else:
                self._size += size
                found += self._feed_wsproto(buffer[position:stop])
            position = stop
        self._unread = buffer[position:]
        return found

    def _decode_plain(self, buffer: bytes, found: list[Received]) -> int:
        """Decode the complete text frames at the head of the buffer; return where they end.

        Nearly all that is read is such frames. A frame that does not fit is left to ``feed``.
        """
        position, end, most = 0, len(buffer), self.max_bytes
        while end - position >= 8 and buffer[position] == _TEXT:
            length, start = buffer[position + 1] - _MASKED, position + 6
            if length == _TWO_MORE:
                length, start = buffer[position + 2] << 8 | buffer[position + 3], position + 8
                if length < _TWO_MORE:
                    break
            elif not 0 <= length < _TWO_MORE:
                break
            stop = start + length
            if stop > end or length > most:
                break
            try:
                found.append(_unmasked(buffer, start, stop))
            except UnicodeDecodeError:
                break
            position = stop
        return position

    def _text(self, buffer: bytes, start: int, stop: int) -> str | Event:
        try:
            return _unmasked(buffer, start, stop)
        except UnicodeDecodeError:
            return self.reject(CloseReason.INVALID_FRAME_PAYLOAD_DATA, "not UTF-8")

    @property
    def state(self) -> ConnectionState:
        """wsproto's state; after a protocol error the peer counts as closing, to be answered."""
        state = self._state if self._wsproto is None else self._wsproto.state
        if self._ended and state is ConnectionState.OPEN:
            return ConnectionState.REMOTE_CLOSING
        return state

    def send(self, event: Event) -> bytes:
        """Encode one of wsproto's events."""
        if self._state is ConnectionState.REMOTE_CLOSING and isinstance(event, CloseConnection):
            self._state = ConnectionState.CLOSED
            return _close_frame(event)
        wsproto = self._wsproto or Connection(ConnectionType.SERVER)
        frame = wsproto.send(event)
        self._keep_wsproto(wsproto)
        return frame

    def _close(self, buffer: bytes, start: int, stop: int) -> list[Received]:
        """Decode a close frame, the last of nearly every connection; empty if wsproto has to."""
        payload = apply_mask(buffer[start:stop], buffer[start - 4 : start])
        code = int.from_bytes(payload[:2]) if len(payload) > 1 else 0
        if payload and code not in _NORMAL:
            return []
        try:
            reason = payload[2:].decode()
        except UnicodeDecodeError:
            return []
        self._ended, self._state = True, ConnectionState.REMOTE_CLOSING
        return [CloseConnection(code=code or CloseReason.NO_STATUS_RCVD, reason=reason)]

    def _feed_wsproto(self, frame: bytes) -> list[Received]:
        """Have wsproto decode a frame."""
        wsproto = self._wsproto or Connection(ConnectionType.SERVER)
        wsproto.receive_data(frame)
        found: list[Received] = []
        for event in wsproto.events():
            if isinstance(event, TextMessage | BytesMessage):
                found += self._assemble(event)
            elif isinstance(event, Ping):
                # Encoded here, since a close may follow in the same read.
                if wsproto.state is ConnectionState.OPEN:
                    found.append(PongFrame(wsproto.send(event.response())))
            else:
                found.append(event)
                self._ended = isinstance(event, CloseConnection)
            if self._ended:
                break
        self._keep_wsproto(wsproto)
        return found

    def _keep_wsproto(self, wsproto: Connection) -> None:
        idle = wsproto.state is ConnectionState.OPEN and not self._parts
        self._wsproto = None if idle else wsproto

    def _assemble(self, event: TextMessage | BytesMessage) -> list[Received]:
        part = event.data if isinstance(event, TextMessage) else bytes(event.data)
        self._parts = (*self._parts, part)
        self._fragments += event.frame_finished
        if self._fragments > self._limits.message_fragments:
            return [self.reject(CloseReason.POLICY_VIOLATION, "the message has too many fragments")]
        if not event.message_finished:
            return []
        whole = "" if isinstance(event, TextMessage) else b""
        whole = whole.join(self._parts)  # type: ignore[arg-type]  # all parts are of its type
        self._parts, self._fragments, self._size = (), 0, 0
        return [whole]

    def reject(self, code: CloseReason, reason: str) -> CloseConnection:
        """Return the close that answers a protocol error; nothing after it is read."""
        self._ended = True
        return CloseConnection(code=code, reason=reason)


def _unmasked(buffer: bytes, start: int, stop: int) -> str:
    """Return the text of a masked payload; the mask is before ``start``."""
    return apply_mask(buffer[start:stop], buffer[start - 4 : start]).decode()


def text_frame(payload: bytes) -> bytes:
    """Encode a text message as one unmasked frame."""
    size = len(payload)
    if size < _TWO_MORE:
        return _short_head(_TEXT, size) + payload
    if size < 1 << 16:
        return _middle_head(_TEXT, _TWO_MORE, size) + payload
    return _long_head(_TEXT, _EIGHT_MORE, size) + payload


def _close_frame(event: CloseConnection) -> bytes:
    """Encode the answer to a close frame."""
    has_code = event.code != CloseReason.NO_STATUS_RCVD
    payload = event.code.to_bytes(2) + (event.reason or "").encode() if has_code else b""
    if len(payload) > _MAX_CONTROL:
        return Connection(ConnectionType.SERVER).send(event)
    return _short_head(_CLOSE, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    """Encode a binary message as one unmasked frame."""
    return b"%c%b" % (_BINARY, text_frame(payload)[1:])


def _payload_bounds(buffer: bytes, position: int) -> tuple[int, int] | None:
    """Return where a frame's payload starts and stops; None while its header is incomplete.

    For a frame that breaks a rule the bounds are ``position`` and the end of the buffer, so that
    wsproto gets all of it and reports the error at once.
    """
    end = len(buffer)
    if end - position < 2:
        return None
    broken = position, end
    first, second = buffer[position], buffer[position + 1]
    length = second & 0x7F
    is_control_too_long = first & _CONTROL and (first < 0x80 or length >= _TWO_MORE)
    if first & 0x0F not in _OPCODES or is_control_too_long:
        return broken
    more = 2 if length == _TWO_MORE else 8 if length == _EIGHT_MORE else 0
    if end - position < 2 + more:
        return None
    if first & 0x70 or second < _MASKED:
        return broken
    if more:
        length = int.from_bytes(buffer[position + 2 : position + 2 + more])
        least, most = (_TWO_MORE, 1 << 16) if more == 2 else (1 << 16, 1 << 63)
        if not least <= length < most:
            return broken
    start = position + 6 + more
    return (start, start + length) if end >= start else None
