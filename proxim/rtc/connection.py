"""A connection and its data channels, by aiortc. Everything here runs in the asyncio loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceGatherer,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.sdp import candidate_from_sdp

from proxim.protocol.errors import ChannelClosed
from proxim.protocol.messages import IceServer
from proxim.rtc.datagrams import guard_datagrams
from proxim.rtc.gate import Gate, is_flushed
from proxim.rtc.negotiation import MAX_MEDIA, Description
from proxim.rtc.path import Path, path_of

log = logging.getLogger(__name__)

T = TypeVar("T")

guard_datagrams()

SEND_BUFFER = 256 * 1024
LOW = 128 * 1024
"""Bytes of a data channel that wait to be sent: above the first, ``send`` waits for the second."""

FLUSH_INTERVAL = 0.01
"""Seconds between two looks at what is still to be acknowledged: aiortc has no event for it."""

MESSAGE_OVERHEAD = 200
"""About how many bytes a waiting message takes beside its content."""


class Sink(Protocol):
    """Gets what happens at a data channel, in the asyncio loop."""

    def opened(self) -> None:
        """The data channel is open."""

    def received(self, message: str | bytes, size: int) -> None:
        """A message has come; ``size`` is what the gate counts for it."""

    def closed(self) -> None:
        """The data channel is closed."""


class Pipe:
    """A data channel. Set ``sink`` before the loop runs on."""

    sink: Sink

    def __init__(self, channel: RTCDataChannel, gate: Gate) -> None:
        self.label = channel.label
        self.is_open = channel.readyState == "open"
        self.is_closed = False
        self._channel = channel
        self._gate = gate
        self._turn = asyncio.Lock()
        self._low = asyncio.Event()
        channel.bufferedAmountLowThreshold = LOW
        channel.on("open", self._opened)
        channel.on("message", self._received)
        channel.on("bufferedamountlow", self._low.set)
        channel.on("close", self.end)

    async def send(self, message: str | bytes) -> None:
        """Send a message once there is room. Raises ``ChannelClosed`` if it was not sent."""
        async with self._turn:
            while self._channel.bufferedAmount > SEND_BUFFER and not self.is_closed:
                self._low.clear()
                await self._low.wait()
            if self.is_closed:
                raise ChannelClosed("the data channel is closed")
            try:
                self._channel.send(message)
            except InvalidStateError:
                raise ChannelClosed("the data channel is closed") from None

    def close(self) -> None:
        """Send what waits, and close the data channel; it reports when it is closed."""
        self._channel.close()

    def end(self) -> None:
        """Report that the data channel is closed, once."""
        if not self.is_closed:
            self.is_closed = True
            self.is_open = False
            self._low.set()
            self.sink.closed()

    def _opened(self) -> None:
        self.is_open = True
        self.sink.opened()

    def _received(self, message: str | bytes) -> None:
        if not self.is_closed:
            size = MESSAGE_OVERHEAD + len(message)
            self._gate.add(size)
            self.sink.received(message, size)


class Connection:
    """One ``RTCPeerConnection``, which never offers again and never changes its servers.

    ``on_state`` is called with each new state, ``on_channel`` with each data channel that the other
    side opens.
    """

    def __init__(
        self,
        ice_servers: Sequence[IceServer],
        *,
        relay_only: bool,
        gate: Gate,
        on_state: Callable[[Connection, str], None],
        on_channel: Callable[[Pipe], None],
    ) -> None:
        policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        # Without a list aiortc would ask a server of Google.
        configuration = RTCConfiguration(_usable(ice_servers), iceTransportPolicy=policy)
        self._pc = RTCPeerConnection(configuration)
        self._gate = gate
        self._is_guarded = False
        self._on_state = on_state
        self._on_channel = on_channel
        self._pipes: list[Pipe] = []
        self._tasks = set[asyncio.Task[Any]]()
        self._pc.on("connectionstatechange", self._state_changed)
        self._pc.on("datachannel", self._channel_came)

    @classmethod
    async def make(cls, *args: Any, **kwargs: Any) -> Connection:
        """Return a new connection; aiortc makes one only inside of the loop."""
        return cls(*args, **kwargs)

    async def offer(self) -> Description:
        """Return an offer, with all candidates."""
        return await asyncio.shield(self._begin(self._describe()))

    async def answer(self, offer: Description) -> Description:
        """Apply an offer, and return the answer, with all candidates. Raises what aiortc does."""
        return await asyncio.shield(self._begin(self._answer(offer)))

    async def _answer(self, offer: Description) -> Description:
        await self._apply(offer)
        transceivers = self._pc.getTransceivers()
        if len(transceivers) > MAX_MEDIA:
            # Each offer may name other ones, and aiortc answers for all of them.
            raise ValueError("the other side sends too many media, one offer after the other")
        for transceiver in transceivers:
            # No program would take its sound or picture, which would pile up.
            transceiver.direction = "inactive"
        return await self._describe()

    async def accept(self, answer: Description) -> None:
        """Apply an answer. Raises what aiortc does."""
        await asyncio.shield(self._begin(self._apply(answer)))

    async def add_candidate(self, candidate: Mapping[str, Any] | None) -> None:
        """Add a candidate of the other side, or None after the last one."""
        # Not waited for: it takes a while to find out the address behind a `.local` name.
        self._begin(self._add_candidate(candidate))

    async def open(self, label: str, make: Callable[[Pipe], T]) -> T:
        """Open a data channel, and return what ``make`` makes of it, before it can report.

        Raises ``ChannelClosed`` if the connection is closed.
        """
        try:
            channel = self._pc.createDataChannel(label)
        except InvalidStateError:
            raise ChannelClosed("the connection is closed") from None
        self._guard()
        return make(self._add(channel))

    async def is_connected(self) -> bool:
        """Return whether data channels can be opened."""
        return self._pc.connectionState == "connected"

    async def path(self) -> Path | None:
        """Return how this reaches the other side; None while it does not."""
        return await path_of(self._pc)

    async def flush(self) -> None:
        """Wait until the other side has got all that was sent, or the connection is lost."""
        while self._pc.connectionState == "connected" and not is_flushed(self._pc):  # noqa: ASYNC110
            await asyncio.sleep(FLUSH_INTERVAL)

    async def close(self) -> None:
        """Close everything, and report nothing more but the ends of the data channels."""
        self._pc.remove_all_listeners()
        for pipe in self._pipes:
            pipe.end()
        # One that is cancelled while it opens sockets would leave them open.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pc.close()

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _apply(self, description: Description) -> None:
        await self._pc.setRemoteDescription(
            RTCSessionDescription(sdp=description["sdp"], type=description["type"])
        )
        self._guard()

    async def _describe(self) -> Description:
        await self._pc.setLocalDescription()
        local = self._pc.localDescription
        return {"type": local.type, "sdp": local.sdp}

    def _guard(self) -> None:
        if self._pc.sctp is not None and not self._is_guarded:
            self._is_guarded = True
            self._gate.attach(self._pc.sctp)

    async def _add_candidate(self, told: Mapping[str, Any] | None) -> None:
        try:
            if told is None:
                await self._pc.addIceCandidate(None)
                return
            text = str(told.get("candidate") or "").removeprefix("candidate:")
            if not text:
                return
            candidate = candidate_from_sdp(text)
            candidate.sdpMid = told.get("sdpMid")
            candidate.sdpMLineIndex = told.get("sdpMLineIndex")
            await self._pc.addIceCandidate(candidate)
        except Exception as error:
            log.debug("a candidate cannot be used: %s", type(error).__name__)

    def _state_changed(self) -> None:
        self._on_state(self, self._pc.connectionState)

    def _channel_came(self, channel: RTCDataChannel) -> None:
        self._on_channel(self._add(channel))

    def _add(self, channel: RTCDataChannel) -> Pipe:
        pipe = Pipe(channel, self._gate)
        self._pipes = [each for each in self._pipes if not each.is_closed]
        self._pipes.append(pipe)
        return pipe


def _usable(ice_servers: Sequence[IceServer]) -> list[RTCIceServer]:
    """Return the servers that aiortc can use."""
    servers = []
    for each in ice_servers:
        server = RTCIceServer(each.urls, username=each.username, credential=each.credential)
        try:
            RTCIceGatherer([server])
        except ValueError as error:
            log.warning("an ICE server cannot be used: %s", error)
        else:
            servers.append(server)
    return servers
