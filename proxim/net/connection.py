"""One WebSocket: its reader, its outbox, its keepalive (protocol: Transport, Close codes)."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable

import trio

from proxim.actors.crash import log_crash
from proxim.actors.router import Router
from proxim.actors.seat import Owner, Seat
from proxim.net.limits import Limits
from proxim.net.websocket import Cork, LeanWebSocket
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage, InternalError, RequestError

log = logging.getLogger(__name__)

_Request = tuple[str | bytes, wire.ClientMessage]

Spawn = Callable[[Callable[[], Awaitable[None]]], None]
"""Starts a task that outlives its connection by nothing."""

_NO_ALARM = trio.CancelScope()

_A_MOMENT = 0.1
"""Seconds for messages that were told all at once to leave, before they count as waiting."""

_LET_OFF = 0.5
"""Seconds without being slowed down after which a peer has let off."""

_INTRODUCTIONS = (wire.Register, wire.PairRequest, wire.Resume)


class SocketConnection:
    """A client, as the actors see it: somebody to ``tell`` things, who may hold seats.

    After ``open``, ``run`` reads until the socket ends, and is the only place that waits. What is
    told is given to the kernel at once; when more waits than ``limits`` have it the client is too
    slow and is closed with 4001, so that it holds up nobody. ``spawn`` starts the task that such a
    backlog needs.

    A client that sends faster than it may is read more slowly: its messages wait, here and in the
    kernel, until a *pause* is over. So does the answer to a wrong guess, and what comes behind it.
    """

    __slots__ = (
        "_alarm",
        "_allowance",
        "_controls",
        "_cork",
        "_crowded_by",
        "_cut_at",
        "_frames",
        "_full_at",
        "_gone",
        "_introduce_by",
        "_is_gone",
        "_late",
        "_limits",
        "_overrate_since",
        "_pause_until",
        "_ping_at",
        "_pong_by",
        "_request",
        "_router",
        "_spawn",
        "_ws",
        "address",
        "owner",
        "seats",
    )

    def __init__(
        self,
        router: Router,
        limits: Limits,
        cork: Cork,
        spawn: Spawn,
        address: str | None = None,
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self.owner: Owner | None = None
        self.address = address
        self._router = router
        self._limits = limits
        self._cork = cork
        self._spawn = spawn
        self._frames: list[str | bytes] = []
        self._request: _Request | None = None
        self._alarm = _NO_ALARM
        self._allowance = 0
        self._controls: deque[int] | None = None
        self._late: tuple[str | bytes, Exception] | None = None
        self._full_at = self._pause_until = self._overrate_since = -math.inf
        self._introduce_by = self._ping_at = self._pong_by = math.inf
        self._cut_at = self._crowded_by = math.inf
        self._is_gone = False
        self._gone: trio.Event | None = None

    # -- what the actors call ----------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._ws.closed is not None

    def tell(self, message: wire.NodeMessage) -> None:
        """Send a message, or queue it."""
        ws = self._ws
        ws.write_text(codec.encode(message))
        unsent = ws.unsent
        if unsent and (unsent > self._limits.outbox_size or not isinstance(message, wire.Signal)):
            self._judge_outbox(isinstance(message, wire.Signal))

    def tell_backlog(self, message: wire.NodeMessage) -> None:
        """Send a signal of the seat's backlog, which the outbox limit does not count."""
        before = self._ws.unsent
        self._ws.write_text(codec.encode(message))
        self._allowance = min(self._allowance, before) + self._ws.unsent - before

    async def wait_for_room(self) -> None:
        """Wait until half of the outbox is free, so that at most one backlog comes on top of it."""
        await self._ws.wait_unsent_below(self._limits.outbox_size // 2)

    def _judge_outbox(self, is_signal: bool) -> None:
        """Close the connection if more bytes wait than may, or soon if more messages do."""
        ws, limits = self._ws, self._limits
        self._allowance = min(self._allowance, ws.unsent)
        if not is_signal:
            # Each by the place at which it ends among all that has waited here.
            self._controls = self._controls or deque()
            self._controls.append(ws.left + ws.unsent)
            if self._crowded_by == math.inf and self._is_crowded():
                self._crowded_by = trio.current_time() + _A_MOMENT
                self._alarm.deadline = min(self._alarm.deadline, self._crowded_by)
        if ws.unsent - self._allowance > limits.outbox_size:
            self._give_up_on_it()

    def _is_crowded(self) -> bool:
        controls = self._controls or deque()
        while controls and controls[0] <= self._ws.left:
            controls.popleft()
        self._controls = controls or None
        return len(controls) > self._limits.outbox_messages

    def _give_up_on_it(self) -> None:
        self._router.census.refusals["outbox_size"] += 1
        self._ws.forget_unsent()
        self.close(4001, "too slow: more waits here than may")

    def close(self, code: int, reason: str) -> None:
        """Close with ``code`` once what was told is written; nothing more is told or heard.

        The seats are left at once, so that what comes for them now is kept or refused there.
        """
        if not self.closed:
            self._ws.say_goodbye(code, reason)
            now = trio.current_time()
            self._cut_at = now + self._limits.close_time
            # A pause ends here: the peer's own close may stand behind what waits.
            self._alarm.deadline = now if self._pause_until > now else self._cut_at
            self._router.left(self)

    # -- its life ----------------------------------------------------------------------------

    def open(self, stream: trio.abc.Stream, greeting: bytes) -> None:
        """Take over a stream, and send ``greeting``: the answer to the handshake, and the welcome.

        Both together and not told, since to judge the outbox would leave a deque with everybody.
        """
        now = trio.current_time()
        self._introduce_by = now + self._limits.introduction_time
        self._ping_at = now + self._limits.ping_interval
        self._ws = LeanWebSocket(
            stream,
            self._limits,
            self._cork,
            start_soon=self._spawn,
            cut=self._cut,
            hurry=self._hurry,
        )
        self._ws.allow_messages_of(self._limits.message_size_unseated)
        self._ws.write_raw(greeting)

    async def run(self) -> None:
        """Serve the client until the socket ends, whoever ends it."""
        try:
            while await self._read():
                if self._request is not None:
                    await self._answer(*self._request)
            self._router.left(self)
            if self._ws.has_ended:
                await self._ws.finish()
        finally:
            self._ws.let_go()
            self._cork.stats.count_close(self._ws.closed)
            self._router.left(self)
            self._is_gone = True
            if self._gone is not None:
                self._gone.set()

    async def gone(self) -> None:
        """Wait until ``run`` has come to its end."""
        if not self._is_gone:
            self._gone = self._gone or trio.Event()
            await self._gone.wait()

    def _cut(self) -> None:
        """End it without another word: half a frame stands on the wire."""
        self._cut_at = self._alarm.deadline = -math.inf

    def _hurry(self, moment: float) -> None:
        """A message has begun that has to be whole by that moment."""
        self._alarm.deadline = min(self._alarm.deadline, moment)

    async def _read(self) -> bool:
        """Take what comes until there is a request, with one alarm for all that may be overdue.

        False when it is over: at the end of what the peer sends, or of its time.
        """
        self._request = None
        if self._pause_until > trio.current_time() and not self.closed:
            return await self._rest()
        if self._late is not None:
            (frame, error), self._late = self._late, None
            self._refuse(frame, error)
        if self._frames and not self._relay():
            return True
        with trio.CancelScope(deadline=self._next_alarm()) as self._alarm:
            goes_on = await self._ws.read_while(self._arrived)
            return goes_on or self._request is not None or bool(self._frames)
        return not self._is_lost(trio.current_time())

    async def _rest(self) -> bool:
        """Answer nobody until the pause is over; keepalives go on. False when it is over."""
        with trio.CancelScope(deadline=min(self._next_alarm(), self._pause_until)) as self._alarm:
            if self._frames:
                # What comes has to wait in the kernel, and a pong may be behind it.
                self._pong_by = max(self._pong_by, self._pause_until + self._limits.pong_time)
                await trio.sleep_forever()
            return await self._ws.read_while(self._put_by) or bool(self._frames)
        return not self._is_lost(trio.current_time())

    def _put_by(self, frames: list[str | bytes]) -> bool:
        self._frames = frames
        return False

    def _arrived(self, frames: list[str | bytes]) -> bool:
        self._frames = frames
        return self._relay()

    def _relay(self) -> bool:
        """Relay the signals at the head of what was read; false where a request stands next.

        It may have to wait for an actor, and nothing behind it may overtake it.
        """
        frames, self._frames = self._frames, []
        now, rate = trio.current_time(), self._limits.messages
        full_at = self._full_at if self._full_at > now else now
        empty_at = now + rate.window
        several = len(frames) > 1
        number = refused = size = 0
        if several:
            self._cork.put_in()
        try:
            for number, frame in enumerate(frames, start=1):
                if self._cut_at < math.inf:
                    break  # It was closed meanwhile.
                if full_at >= empty_at:
                    self._frames = frames[number - 1 :]
                    self._slow_down(now, rate.next_at(full_at))
                    return False
                full_at += rate.interval
                try:
                    message = _decode(frame)
                    if type(message) is not wire.Signal:
                        self._request, self._frames = (frame, message), frames[number:]
                        return False
                    self._router.relay(self, message, now)
                    size += len(message.data)
                except Exception as error:
                    refused += 1
                    self._refuse(frame, error)
            else:
                number += 1
        finally:
            self._full_at = full_at
            self._cork.stats.signals += number - 1 - refused
            self._cork.stats.signal_bytes += size
            if several:
                self._cork.draw()
        return True

    def _slow_down(self, now: float, until: float) -> None:
        """Wait with what has come until it may; who does not let off is closed with 1008."""
        self._router.census.refusals["message_rate"] += 1
        if now > self._pause_until + _LET_OFF:
            self._overrate_since = now
        self._pause_until = until
        if now - self._overrate_since >= self._limits.overrate_time:
            self.close(1008, "too many messages in too short a time")

    async def _answer(self, frame: str | bytes, message: wire.ClientMessage) -> None:
        if isinstance(message, _INTRODUCTIONS):
            self._introduce_by = math.inf
        try:
            await self._router.route(self, message)
        except RequestError as error:
            if error.delay:
                self._late = frame, error
                self._pause_until = trio.current_time() + error.delay
            else:
                self._refuse(frame, error)
        except Exception as error:
            self._refuse(frame, error)
        if self.seats:
            self._ws.allow_messages_of(self._limits.message_size)

    def _refuse(self, frame: str | bytes, error: Exception) -> None:
        if not isinstance(error, RequestError):
            log_crash(log, "a request failed; the connection goes on", error)
            error = InternalError("the node failed at this request")
        address = codec.address_of(frame)
        error.session_id = error.session_id or address.session_id
        self.tell(codec.error_message(error, address.ref))

    # -- what may be overdue -----------------------------------------------------------------

    def _next_alarm(self) -> float:
        pong_by = math.inf if self._ws.has_ponged else self._pong_by
        soon = min(self._ws.whole_by, self._crowded_by)
        return min(self._introduce_by, self._ping_at, pong_by, self._cut_at, soon)

    def _is_lost(self, now: float) -> bool:
        """Do what is due. True when the peer had its time and the connection is to be cut."""
        if now >= self._cut_at or (now >= self._pong_by and not self._ws.has_ponged):
            return True
        if now >= self._introduce_by:
            self._introduce_by = math.inf
            self._router.census.refusals["introduction_time"] += 1
            self.close(4002, "idle: no register, pair_request or resume in time")
        if now >= self._crowded_by:
            self._crowded_by = math.inf
            if self._is_crowded():
                self._give_up_on_it()
        if now >= self._ws.whole_by:
            self._ws.whole_by = math.inf
            self._router.census.refusals["message_time"] += 1
            self.close(1008, "a message took too long")
        if now >= self._ping_at:
            # While an earlier ping waits for its pong, the time for that pong goes on.
            if self._ws.has_ponged or self._pong_by == math.inf:
                self._pong_by = now + self._limits.pong_time
            self._ws.write_ping()
            self._ping_at = now + self._limits.ping_interval
        return False


def _decode(frame: str | bytes) -> wire.ClientMessage:
    if isinstance(frame, bytes):
        raise BadMessage("a message is one text frame; this one was binary")
    return codec.decode_client(frame)
