"""The reader of one connection: it relays signals, paces the client and returns its requests."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from enum import Enum, auto
from functools import partial
from typing import NamedTuple

import trio

from proxim import clock
from proxim.actors.connection import Connection
from proxim.actors.inbox import Receipt
from proxim.actors.log import log_crash
from proxim.actors.relay import relay
from proxim.actors.router import Router
from proxim.net.cork import Cork
from proxim.net.keepalive import Keepalive
from proxim.net.limits import Limits
from proxim.net.stats import NetStats
from proxim.net.stream import RECEIVE_BYTES, TcpStream
from proxim.net.websocket import NodeWebSocket
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage, InternalError, RequestError

log = logging.getLogger(__name__)

_SLOW_TIME = 0.1
"""Seconds for which a client is not read after a signal for which its peer has little room."""

_INTRODUCTIONS = (wire.Register, wire.PairRequest, wire.Resume)

_IN_A_ROW = 16
"""Messages of one read of which requests are answered at once; then other clients have their turn.
"""

_RECOVERY_TIME = 0.5
"""Seconds without a pause after which a client counts as having slowed down."""


class ClientRequest(NamedTuple):
    """A message other than a signal, and the frame that it came in."""

    frame: str | bytes
    message: wire.ClientMessage


class Read(Enum):
    """Why reading stopped, where it found no request."""

    DEADLINE = auto()
    """A deadline has passed, or a pause is over."""
    PAUSED = auto()
    """The client has to wait until the pause is over, and so does what it has sent."""
    ASKING = auto()
    """The client has to wait until the session has answered its request, as what it sends has."""
    CLOSED = auto()
    """The client sends nothing more."""


class Reader:
    """Relays the signals of one client, and returns its requests, at the permitted rate.

    A signal is relayed by a plain call, while the connection's task sleeps, and a request that has
    nothing to wait for is routed so. ``read`` returns the others, and keeps what arrived behind one
    for the next call.

    A client that sends too fast, or faster than its peer reads, is read more slowly: its messages
    wait, here and in the kernel, until a *pause* is over. The refusal of a wrong guess waits for a
    pause as well.
    """

    __slots__ = (
        "_connection",
        "_cork",
        "_delayed_refusal",
        "_frames",
        "_full_at",
        "_is_seated",
        "_keepalive",
        "_limits",
        "_overrate_since",
        "_overrate_until",
        "_pause_until",
        "_receipt",
        "_router",
        "_stats",
        "_ws",
    )

    def __init__(
        self,
        connection: Connection,
        ws: NodeWebSocket,
        keepalive: Keepalive,
        router: Router,
        limits: Limits,
        cork: Cork,
        stats: NetStats,
    ) -> None:
        self._connection = connection
        self._ws = ws
        self._keepalive = keepalive
        self._router = router
        self._limits = limits
        self._cork = cork
        self._stats = stats
        self._frames: Sequence[str | bytes] = ()
        self._is_seated = False
        # Of the request that was put into an inbox last, and may be refused there.
        self._receipt: Receipt | None = None
        self._delayed_refusal: tuple[str | bytes, RequestError] | None = None
        self._full_at = self._pause_until = -math.inf
        self._overrate_since = self._overrate_until = -math.inf

    @property
    def has_more(self) -> bool:
        """Whether messages that were read wait for the next call."""
        return bool(self._frames)

    async def read(self) -> ClientRequest | Read:
        """Read until there is a request, the client has closed, or a deadline has passed.

        Return ``PAUSED`` when a pause begins. A call during the pause waits until it is over.
        """
        ws, until = self._ws, math.inf
        if self._frames or self._pause_until > -math.inf:
            result = self._relay_signals()
            if isinstance(result, ClientRequest):
                return result
            until = self._pause_until if result is Read.PAUSED else math.inf
        if self._frames:
            with self._keepalive.deadline_scope(until):
                # What comes next has to wait in the kernel, and a pong may be behind it.
                self._keepalive.reading_paused(self._pause_until)
                await trio.sleep_forever()
            return Read.DEADLINE
        if ws.peer_has_ended:
            return Read.CLOSED
        try:
            # Not in a coroutine of its own, which every idle connection would keep.
            if isinstance(ws.stream, TcpStream) and ws.stream.is_polled:
                self._keepalive.set_deadline(ws.stream, until)
                return await ws.stream.read_until(self._feed) or Read.DEADLINE
            with self._keepalive.deadline_scope(until):
                result = None
                while result is None:
                    result = self._feed(bytes(await ws.stream.receive_some(RECEIVE_BYTES)))
                return result
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            ws.connection_lost()
            return Read.CLOSED
        # The scope cancelled the wait.
        return Read.DEADLINE

    async def answered(self) -> None:
        """Wait until the session has answered the request that ``read`` said is ``ASKING``."""
        if self._receipt is not None:
            await self._receipt.wait()

    def refuse(self, frame: str | bytes, error: Exception) -> None:
        """Send a refusal, after its delay; what arrived behind the request waits as long."""
        if isinstance(error, RequestError) and error.delay:
            self._delayed_refusal = frame, error
            self._pause_until = trio.current_time() + error.delay
            self._keepalive.wake_by(self._pause_until)
        else:
            send_refusal(self._connection, frame, error)

    def _feed(self, data: bytes) -> ClientRequest | Read | None:
        """Take what was read; return what the connection's task has to look at, or None.

        The poller calls this in its own task, while the connection's task sleeps in ``read``. So
        this relays signals at once.
        """
        self._stats.bytes_read += len(data)
        if not self._is_seated and self._connection.seats:
            self._is_seated = True
            self._ws.set_max_message_size(self._limits.message_size)
        self._frames = self._ws.feed(data)
        if self._receipt is not None and not self._receipt.is_set:
            return Read.ASKING
        result = self._relay_signals()
        if self._ws.peer_has_ended and not (self._frames or isinstance(result, ClientRequest)):
            return Read.CLOSED
        return result

    def _relay_signals(self) -> ClientRequest | Read | None:
        """Relay the signals that were read, in order, and return the first other message.

        Return None if no frame is left, and ``PAUSED`` during a pause; a client that sends too
        fast is paused here. The frames behind are kept for the next call. A refusal that waited
        for the end of the pause is sent first. A frame that is refused is answered with an error.
        Frames that arrive after the node has closed the connection are dropped.
        """
        now, bucket, keepalive = trio.current_time(), self._limits.messages, self._keepalive
        if now < self._pause_until and not keepalive.is_closing:
            return Read.PAUSED
        if self._delayed_refusal is not None:
            delayed, self._delayed_refusal = self._delayed_refusal, None
            send_refusal(self._connection, *delayed)
        frames, self._frames = self._frames, ()
        full_at = self._full_at if self._full_at > now else now
        empty_from = now + bucket.window
        moment = now + clock.slept()  # The same by the clock of sessions, which counts sleep.
        several, connection = len(frames) > 1, self._connection
        relayed = size = 0
        if several:
            self._cork.put_in()
        try:
            for number, frame in enumerate(frames, start=1):
                if keepalive.is_closing:
                    break  # The node has closed the connection: nothing more is heard.
                # The token bucket is empty if it needs a whole window until it is full again.
                if full_at >= empty_from:
                    self._frames = frames[number - 1 :]
                    self._pause_fast_sender(now, bucket.next_at(full_at))
                    return Read.PAUSED
                full_at += bucket.interval
                try:
                    message = _decode(frame)
                    if type(message) is not wire.Signal:
                        if isinstance(message, _INTRODUCTIONS):
                            keepalive.introduced()
                        if number <= _IN_A_ROW and self._router.route_now(connection, message):
                            continue
                        if number == len(frames):
                            refuse = partial(self.refuse, frame)
                            self._receipt = self._router.ask_now(connection, message, refuse)
                            if self._receipt is not None:
                                continue
                        self._frames = frames[number:]
                        return ClientRequest(frame, message)
                    congestion = relay(connection, message, moment)
                    relayed += 1
                    size += len(message.data)
                    if congestion is not None:
                        self._frames = frames[number:]
                        self._pause_until = now + _SLOW_TIME
                        return Read.PAUSED
                except Exception as error:
                    send_refusal(self._connection, frame, error)
        finally:
            self._full_at = full_at
            self._stats.signals += relayed
            self._stats.signal_bytes += size
            if several:
                self._cork.pull_out()
        return None

    def _pause_fast_sender(self, now: float, until: float) -> None:
        """Pause a client that sends too fast; close it with 1008 if it does not slow down."""
        self._router.stats.refusals["message_rate"] += 1
        if now > self._overrate_until + _RECOVERY_TIME:
            self._overrate_since = now
        self._pause_until = self._overrate_until = until
        if now - self._overrate_since >= self._limits.overrate_time:
            self._connection.close(1008, "too many messages in too short a time")


def send_refusal(connection: Connection, frame: str | bytes, error: Exception) -> None:
    """Send the ``error`` message for a frame; a crash is logged and is an ``internal_error``."""
    if not isinstance(error, RequestError):
        log_crash(log, "a request failed; the connection goes on", error)
        error = InternalError("the node failed at this request")
    reference = codec.reference_of(frame)
    error.session_id = error.session_id or reference.session_id
    connection.tell(codec.error_message(error, reference.ref))


def _decode(frame: str | bytes) -> wire.ClientMessage:
    if isinstance(frame, bytes):
        raise BadMessage("a message is one text frame; this one was binary")
    return codec.decode_client(frame)
