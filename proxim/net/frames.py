"""WebSocket frames, without a socket (RFC 6455, 5): a fast path for what nearly all of them are.

A message in one masked text frame is taken apart here. Everything else – control frames,
fragments, binary, whatever breaks a rule – is wsproto's work, frame by frame, so that there is one
ordered path, and the rules are judged by one judge.
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
"""The first byte of a message in one text frame: final, no reserved bit, opcode 1."""

_BINARY = 0x82

_short_head = Struct("!BB").pack
_middle_head = Struct("!BBH").pack
_long_head = Struct("!BBQ").pack

_OPCODES = {0x0, 0x1, 0x2, 0x8, 0x9, 0xA}
_CONTROL = 0x8
_MASKED = 0x80
_TWO_MORE, _EIGHT_MORE = 126, 127
"""Lengths that say how many bytes of length follow (RFC 6455, 5.2)."""


class Answer(NamedTuple):
    """A frame that is to be sent at once: the pong to a ping."""

    frame: bytes


Found = str | bytes | Answer | Event


class FrameCodec:
    """The server's end of one WebSocket, as bytes in and bytes out.

    ``feed`` gives a text message as ``str``, a binary one as ``bytes``, the ``Answer`` to a ping,
    and wsproto's events for the rest. The peer's close, a broken rule, and a message of more bytes
    (all its fragments together) than ``max_bytes`` or of more fragments than ``limits`` has are
    each a ``CloseConnection`` with the code to answer; nothing comes after it. ``was_plain`` says
    whether the last of it was whole text messages and nothing else. It has as much of
    the shape of wsproto's ``WSConnection`` as trio-websocket needs: ``state``, ``client`` and
    ``send``.
    """

    __slots__ = (
        "_ended",
        "_fragments",
        "_limits",
        "_parts",
        "_rest",
        "_size",
        "_wsproto",
        "max_bytes",
        "was_plain",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.max_bytes = limits.message_size
        self.was_plain = True
        self._rest = b""
        self._ended = False
        self._parts: tuple[str | bytes, ...] = ()
        self._fragments = 0
        self._size = 0
        # Here only while it has something to remember: open fragments, or a close under way.
        self._wsproto: Connection | None = None

    @property
    def client(self) -> bool:
        """False: the node is the server."""
        return False

    @property
    def is_incomplete(self) -> bool:
        """Whether a message or a frame has begun and is not whole."""
        return bool(self._rest or self._parts)

    def feed(self, data: bytes) -> list[Found]:
        """Take in what was read, and give what is whole, in order."""
        buffer = self._rest + data if self._rest else data
        found: list[Found] = []
        position = 0 if self._parts or self._ended else self._take_plain(buffer, found)
        self.was_plain = position == len(buffer)
        if self.was_plain:
            self._rest = b""
            return found
        while not self._ended and (extent := _extent(buffer, position)) is not None:
            start, stop = extent
            is_broken = start == position
            size = 0 if is_broken or buffer[position] & _CONTROL else stop - start
            if self._size + size > self.max_bytes:
                found.append(self.end(CloseReason.MESSAGE_TOO_BIG, "the message is too big"))
            elif stop > len(buffer):
                break
            elif buffer[position] == _TEXT and not is_broken and not self._parts:
                found.append(self._text(buffer, start, stop))
            else:
                self._size += size
                found += self._judge(buffer[position:stop])
            position = stop
        self._rest = buffer[position:]
        return found

    def _take_plain(self, buffer: bytes, found: list[Found]) -> int:
        """Take the whole text frames of common lengths at the head; give where they end.

        So is nearly all that is read. Nothing is judged here: what does not fit goes the long way.
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
            return self.end(CloseReason.INVALID_FRAME_PAYLOAD_DATA, "not UTF-8")

    @property
    def state(self) -> ConnectionState:
        """As wsproto's; a peer that broke a rule counts as closing, so that it is answered."""
        state = ConnectionState.OPEN if self._wsproto is None else self._wsproto.state
        if self._ended and state is ConnectionState.OPEN:
            return ConnectionState.REMOTE_CLOSING
        return state

    def send(self, event: Event) -> bytes:
        """Any of wsproto's events as it is sent."""
        wsproto = self._wsproto or Connection(ConnectionType.SERVER)
        frame = wsproto.send(event)
        self._remember(wsproto)
        return frame

    def _judge(self, frame: bytes) -> list[Found]:
        """Let wsproto take a frame."""
        wsproto = self._wsproto or Connection(ConnectionType.SERVER)
        wsproto.receive_data(frame)
        found: list[Found] = []
        for event in wsproto.events():
            if isinstance(event, TextMessage | BytesMessage):
                found += self._assemble(event)
            elif isinstance(event, Ping):
                # Answered here: what follows in the same read may be a close.
                if wsproto.state is ConnectionState.OPEN:
                    found.append(Answer(wsproto.send(event.response())))
            else:
                found.append(event)
                self._ended = isinstance(event, CloseConnection)
            if self._ended:
                break
        self._remember(wsproto)
        return found

    def _remember(self, wsproto: Connection) -> None:
        idle = wsproto.state is ConnectionState.OPEN and not self._parts
        self._wsproto = None if idle else wsproto

    def _assemble(self, event: TextMessage | BytesMessage) -> list[Found]:
        part = event.data if isinstance(event, TextMessage) else bytes(event.data)
        self._parts = (*self._parts, part)
        self._fragments += event.frame_finished
        if self._fragments > self._limits.message_fragments:
            return [self.end(CloseReason.POLICY_VIOLATION, "the message has too many fragments")]
        if not event.message_finished:
            return []
        whole = "" if isinstance(event, TextMessage) else b""
        whole = whole.join(self._parts)  # type: ignore[arg-type]  # all parts are of its kind
        self._parts, self._fragments, self._size = (), 0, 0
        return [whole]

    def end(self, code: CloseReason, reason: str) -> CloseConnection:
        """The close that answers a broken rule; nothing comes after it."""
        self._ended = True
        return CloseConnection(code=code, reason=reason)


def _unmasked(buffer: bytes, start: int, stop: int) -> str:
    """The text that stands there, behind its mask."""
    return apply_mask(buffer[start:stop], buffer[start - 4 : start]).decode()


def text_frame(payload: bytes) -> bytes:
    """A text message as a server sends it: one frame, unmasked."""
    size = len(payload)
    if size < _TWO_MORE:
        return _short_head(_TEXT, size) + payload
    if size < 1 << 16:
        return _middle_head(_TEXT, _TWO_MORE, size) + payload
    return _long_head(_TEXT, _EIGHT_MORE, size) + payload


def binary_frame(payload: bytes) -> bytes:
    """A binary message as a server sends it."""
    return b"%c%b" % (_BINARY, text_frame(payload)[1:])


def _extent(buffer: bytes, position: int) -> tuple[int, int] | None:
    """Where a frame's payload starts and where it stops; None while its header is not whole.

    A frame that breaks a rule has no extent: it starts at ``position`` and takes all there is, so
    that wsproto sees at once what is wrong.
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
