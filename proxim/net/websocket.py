"""trio-websocket's connection with a lean way for messages.

Ping, pong, fragments and the closing handshake are done by trio-websocket and wsproto, as ever.
What differs is how a message goes in and out:

- What is sent is given to the kernel at once. What it does not take waits in a backlog, which a
  task writes for as long as there is one; there is no other task, and no lock.
- What is read is taken apart by ``FrameCodec`` and handed over by a plain call, with no channel
  between, and with no task switch where the stream needs none.
- What most connections never need is made when it is needed.

This is the one place that touches trio-websocket's private names; ``tests/net/test_websocket.py``
fails when their shape changes.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import cached_property
from typing import cast

import trio
from trio_websocket import CloseReason, ConnectionClosed, WebSocketConnection
from wsproto.events import CloseConnection, Event, Ping, Pong
from wsproto.frame_protocol import CloseReason as Code

from proxim.net.closing import lingering_close
from proxim.net.frames import Answer, Found, FrameCodec, binary_frame, text_frame
from proxim.net.limits import Limits
from proxim.net.stats import NetStats
from proxim.net.stream import RECEIVE_BYTES, TcpStream

_ABNORMAL = 1006


class _NoChannel:
    """Stands where trio-websocket has the channel between its reader and ``get_message``."""

    async def aclose(self) -> None:
        """Nothing to close."""


class Cork:
    """Holds back what is written until it is drawn, so that many frames leave in one call.

    All connections of a listener share one, and count in its ``stats``.
    """

    __slots__ = ("_held", "is_in", "stats")

    def __init__(self) -> None:
        self.is_in = False
        self.stats = NetStats()
        self._held: list[LeanWebSocket] = []

    def put_in(self) -> None:
        """From here on nothing leaves. Nobody may wait for anything until ``draw``."""
        self.is_in = True

    def draw(self) -> None:
        """Let out what was held back."""
        self.is_in = False
        held, self._held = self._held, []
        for ws in held:
            ws.flush_now()

    def hold(self, ws: LeanWebSocket) -> None:
        """What ``ws`` has to send leaves when the cork is drawn."""
        self._held.append(ws)


def _no_hurry(moment: float) -> None:
    """Nobody minds how long a message takes."""


class LeanWebSocket(WebSocketConnection):
    """The server's end of a WebSocket, after the handshake.

    ``start_soon`` starts the task that writes a backlog; ``cut`` has to end the connection at
    once, when half a frame stands on the wire and nothing can follow it. ``hurry`` hears by which
    moment the message that has begun has to be whole; ``whole_by`` says so, too.
    """

    # What a server's connection has from its handshake, or never. mypy is told to look away where
    # upstream sets in its constructor what is a constant, of a leaner kind, or made late here.
    _initial_request = None
    _path = "/ws"
    _handshake_headers = ()
    _subprotocol: str | None = None
    _reader_running = True
    _recv_channel = _send_channel = _NoChannel()  # type: ignore[assignment]
    _close_reason: CloseReason | None = None

    # What most connections have never, or not for long, stands here until then.
    unsent = 0
    left = 0
    """How much of all backlogs has been sent."""
    whole_by = math.inf
    _controls_until = 0.0
    has_ponged = False
    _backlog: deque[bytes] | None = None
    _farewell: CloseConnection | None = None
    _less: trio.Event | None = None
    _has_hung_up = False
    _has_pinged = False
    _pongs: tuple[Pong, ...] = ()
    _arrived: list[str | bytes] = []  # noqa: RUF012 - replaced, never changed

    def __init__(
        self,
        stream: trio.abc.Stream,
        limits: Limits,
        cork: Cork,
        *,
        start_soon: Callable[..., object],
        cut: Callable[[], object],
        hurry: Callable[[float], object] = _no_hurry,
    ) -> None:
        # Not the inherited constructor: it makes tasks' worth of state that nothing here uses.
        self._id = next(self.CONNECTION_ID)
        self._stream = stream
        self._wsproto = self._codec = FrameCodec(limits)  # type: ignore[assignment]
        self._limits = limits
        self._cork = cork
        self._start_soon = start_soon
        self._cut = cut
        self._hurry = hurry

    @cached_property
    def _pings(self) -> OrderedDict[bytes, trio.Event]:  # type: ignore[override]
        self._has_pinged = True
        return OrderedDict()

    @cached_property
    def _close_handshake(self) -> trio.Event:  # type: ignore[override]
        return trio.Event()

    @cached_property
    def _for_testing_peer_closed_connection(self) -> trio.Event:  # type: ignore[override]
        return trio.Event()

    # -- in ----------------------------------------------------------------------------------

    async def read_while(self, take: Callable[[list[str | bytes]], bool]) -> bool:
        """Call ``take`` with the messages of each read, as long as it returns true.

        False at the end of what the peer has to say; ``finish`` is what to call then. May be
        cancelled without loss.
        """
        self._take, self._is_enough = take, False
        while self._reader_running and not self._is_enough:
            try:
                # Not by way of one more coroutine, which each connection would keep.
                if isinstance(self._stream, TcpStream):
                    await self._stream.read_while(self._feed)
                else:
                    await self._read_pieces()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._end_abruptly()
            pongs, self._pongs = self._pongs, ()
            for pong in pongs:
                await self._handle_pong_event(pong)
        return self._reader_running

    @property
    def has_ended(self) -> bool:
        """Whether the peer has nothing more to say."""
        return not self._reader_running

    async def receive(self) -> list[str | bytes]:
        """The messages of the next read that has any; none when the peer is done."""
        received: list[str | bytes] = []

        def take(messages: list[str | bytes]) -> bool:
            received.extend(messages)
            return False

        await self.read_while(take)
        return received

    async def get_message(self) -> str | bytes:
        """The next message. Raises ``ConnectionClosed`` when there is none to come."""
        while not self._arrived:
            self._arrived = (await self.receive())[::-1]
            if not self._arrived:
                await self.finish()
                raise ConnectionClosed(self._close_reason)
        return self._arrived.pop()

    async def finish(self) -> None:
        """Answer the peer's close frame, if it sent one, and close the stream."""
        if self._farewell is not None:
            await self._handle_close_connection_event(self._farewell)
        await self._close_stream()

    def _end_abruptly(self) -> None:
        self._reader_running = False
        self.give_up()
        self._close_handshake.set()

    async def _read_pieces(self) -> None:
        while self._feed(bytes(await self._stream.receive_some(RECEIVE_BYTES))):
            pass

    def _feed(self, data: bytes) -> bool:
        """Take apart what was read; false where something has to be done before the next read."""
        if not data:
            self._has_hung_up = True
            self._end_abruptly()
            return False
        self._cork.stats.bytes_read += len(data)
        found = self._codec.feed(data)
        was_plain = self._codec.was_plain
        messages = cast("list[str | bytes]", found) if was_plain else self._sort_out(found)
        if not was_plain and self._codec.is_amid:
            self._expect_the_rest(is_new=bool(messages))
        else:
            self.whole_by = math.inf
        if messages and not self._take(messages):
            self._is_enough = True
        return self._reader_running and not self._is_enough and not self._pongs

    def _sort_out(self, found: list[Found]) -> list[str | bytes]:
        """See to what is no message; the messages up to a close, which is answered after them."""
        messages: list[str | bytes] = []
        for each in found:
            if isinstance(each, Answer | Pong) and self._is_one_too_many():
                each = self._codec.end(Code.POLICY_VIOLATION, "too many pings or pongs")
            match each:
                case str() | bytes():
                    messages.append(each)
                case Answer(frame):
                    # Not every ping needs a pong of its own (RFC 6455, 5.5.3), and who does not
                    # read gets no more memory for pongs than for messages.
                    if self.unsent <= self._limits.outbox_size:
                        self._write(frame)
                case Pong():
                    self.has_ponged = True
                    if self._has_pinged:
                        self._pongs = (*self._pongs, each)
                case CloseConnection():
                    self._farewell = each
                    self._reader_running = False
                    break
        return messages

    def _is_one_too_many(self) -> bool:
        now, rate = trio.current_time(), self._limits.controls
        begin = max(self._controls_until, now)
        self._controls_until = begin + rate.interval
        return begin - now >= rate.window

    def _expect_the_rest(self, *, is_new: bool) -> None:
        if is_new or self.whole_by == math.inf:
            self.whole_by = trio.current_time() + self._limits.message_time
            self._hurry(self.whole_by)

    def allow_messages_of(self, size: int) -> None:
        """Let messages have so many bytes from here on."""
        self._codec.max_bytes = size

    # -- out ---------------------------------------------------------------------------------

    def write_text(self, payload: bytes) -> None:
        """Send a text message, or queue it behind those that wait; never waits itself."""
        if self._close_reason is None:
            self._write(text_frame(payload))

    async def send_message(self, message: str | bytes) -> None:
        """Send a message. Raises ``ConnectionClosed`` when the connection is closed."""
        if self._close_reason is not None:
            raise ConnectionClosed(self._close_reason)
        # Not by way of wsproto: what was asked before the peer's close is answered before ours.
        self._write(
            text_frame(message.encode()) if isinstance(message, str) else binary_frame(message)
        )
        await trio.lowlevel.checkpoint()

    def write_raw(self, data: bytes) -> None:
        """Send bytes that are no frame: the answer to the handshake."""
        self._write(data)

    def write_ping(self) -> None:
        """Ask for a sign of life; ``has_ponged`` is true once it has come."""
        if self._close_reason is None:
            self.has_ponged = False
            self._write(self._codec.send(Ping()))

    def say_goodbye(self, code: int, reason: str) -> None:
        """Send the close frame behind what waits; the peer's own ends ``receive``."""
        if self._close_reason is None:
            frame = self._codec.send(CloseConnection(code=code, reason=reason))
            self._close_reason = CloseReason(code, reason)
            self._write(frame)

    def give_up(self) -> None:
        """From here on nothing is sent: the task that would write it may be gone already."""
        if self._close_reason is None:
            self._close_reason = CloseReason(_ABNORMAL, None)

    def let_go(self) -> None:
        """Give up, and know nobody any more: else only the garbage collector frees the two."""
        self.give_up()
        self._take = self._cut = self._hurry = bool

    def forget_unsent(self) -> None:
        """Drop the frames of the backlog that have not begun to leave."""
        if self._backlog:
            first = self._backlog[0]
            self._backlog = deque([first])
            self.unsent = len(first)

    def flush_now(self) -> None:
        """Give the kernel what it takes of the backlog; a task sees to the rest."""
        assert self._backlog is not None
        data, held = b"".join(self._backlog), self.unsent
        self._backlog, self.unsent = None, 0
        self._write(data)
        self.left += held - self.unsent

    def _write(self, data: bytes) -> None:
        if self._backlog is None:
            if self._cork.is_in:
                self._cork.hold(self)
                self._backlog = deque()
            else:
                taken = self._give(data)
                if taken == len(data):
                    return
                data = data[taken:]
                self._backlog = deque()
                self._start_soon(self._write_backlog)
        self._backlog.append(data)
        self.unsent += len(data)

    def _give(self, data: bytes) -> int:
        send_now = getattr(self._stream, "send_now", None)
        if send_now is None:
            return 0
        try:
            taken: int = send_now(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The reader meets the same, and ends the connection.
            return len(data)
        return taken

    async def _write_backlog(self) -> None:
        self._cork.stats.backlogged.add(self)
        try:
            while self._backlog:
                with trio.move_on_after(self._limits.write_time) as patience:
                    await self._stream.send_all(self._backlog[0])
                if patience.cancelled_caught:
                    self._cut()
                    return
                size = len(self._backlog.popleft())
                self.unsent -= size
                self.left += size
                self._tell_less()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # The reader meets the same, and ends the connection.
        finally:
            if self._backlog:
                # A frame was begun and will not be finished: nothing can follow it.
                self.give_up()
            self._backlog, self.unsent = None, 0
            self._cork.stats.backlogged.discard(self)
            self._tell_less()

    def _tell_less(self) -> None:
        if self._less is not None:
            self._less.set()
            self._less = None

    async def wait_unsent_below(self, size: int) -> None:
        """Wait until fewer bytes than that are unsent, or nothing can be sent any more."""
        while self._backlog is not None and self.unsent >= size:
            if self._less is None:
                self._less = trio.Event()
            await self._less.wait()

    async def _close_stream(self) -> None:
        """Let what waits leave, then part from the peer."""
        self._reader_running = False
        try:
            if self._backlog is not None:
                with trio.move_on_after(self._limits.write_time):
                    await self.wait_unsent_below(1)
        finally:
            if self._has_hung_up:
                # There is nothing unread that could take our last word with it.
                await trio.aclose_forcefully(self._stream)
            else:
                await lingering_close(self._stream, self._limits.linger_time)

    async def _send(self, event: Event) -> None:
        if self._close_reason is not None and not isinstance(event, CloseConnection):
            raise ConnectionClosed(self._close_reason)
        self._write(self._codec.send(event))
        await trio.lowlevel.checkpoint()
