"""Bounds what waits to be received. It uses private names of aiortc, as ``reassembly`` does.

aiortc itself acknowledges each message and emits it, however many wait, and it stores the chunks
of messages that are not complete, however many they are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from proxim.rtc.loop import Loop

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection
    from aiortc.rtcsctptransport import (
        DataChunk,
        ForwardTsnChunk,
        InboundStream,
        RTCSctpTransport,
    )

log = logging.getLogger(__name__)

CLOSE_AT = 4 * 1024 * 1024
OPEN_AT = 1024 * 1024
"""Bytes that wait when the receive window closes, and when it opens again."""

REFUSE_AT = 8 * 1024 * 1024
"""Bytes that wait when data is not even acknowledged, so that the sender sends it again later."""

WINDOW = 1024 * 1024
"""The receive window of aiortc."""

MAX_INCOMPLETE = 16 * 1024 * 1024
"""Bytes of messages that are not complete, over all data channels of a connection."""

MAX_CHUNKS = 32_768
"""Chunks of messages that are not complete. Each takes about 500 bytes beside its content."""

MAX_STREAMS = 2048
"""Streams on which chunks may arrive."""

MAX_CHANNELS = 1024
"""Data channels of a connection that are not closed at both sides."""

MAX_OPENING = 1024
"""Bytes of the message that opens a data channel: its label and its protocol, and 12 more."""

DCEP = 50
"""The protocol of the messages that open data channels (RFC 8832)."""


class LimitExceeded(ConnectionError):
    """The other side sends more than it may, so the connection is closed."""


class Gate:
    """Bounds the bytes that wait to be received, over all data channels of a session.

    A sender that keeps to SCTP (RFC 9260) stops at ``CLOSE_AT``. One that does not, such as
    aiortc's, is not heard beyond ``REFUSE_AT``, and sends the rest again later.

    A connection is closed when the other side exceeds one of the limits of what is not complete,
    since a chunk of an incomplete message that is refused would never be complete.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_closed = False
        self._sctp: RTCSctpTransport | None = None

    def attach(self, sctp: RTCSctpTransport) -> None:
        """Guard a new connection, before it receives anything."""
        # Here, so that this module can be imported without aiortc.
        from proxim.rtc.packets import check_packet
        from proxim.rtc.reassembly import Stream, mark_received

        receive, receive_packet = sctp._receive_data_chunk, sctp._handle_data
        receive_message, skip = sctp._data_channel_receive, sctp._receive_forward_tsn_chunk
        chunks = 0

        async def guarded_packet(packet: bytes) -> None:
            check_packet(sctp, packet)
            await receive_packet(packet)

        async def guarded(chunk: DataChunk) -> None:
            nonlocal chunks
            if self._waiting >= REFUSE_AT:
                return
            await receive(chunk)
            chunks += 1
            if chunks > MAX_CHUNKS:
                streams = sctp._inbound_streams.values()
                chunks = sum(len(stream.reassembly) for stream in streams)
            if chunks > MAX_CHUNKS or self._incomplete(sctp) > MAX_INCOMPLETE:
                raise LimitExceeded("too much of incomplete messages")

        async def guarded_skip(chunk: ForwardTsnChunk) -> None:
            # aiortc searches a stream each time that it is named; its last number counts.
            chunk.streams = list(dict(chunk.streams).items())
            await skip(chunk)

        async def guarded_message(stream_id: int, pp_id: int, data: bytes) -> None:
            if pp_id == DCEP and len(data) > MAX_OPENING:
                raise LimitExceeded("too long a label of a data channel")
            await receive_message(stream_id, pp_id, data)
            if len(sctp._data_channels) > MAX_CHANNELS:
                raise LimitExceeded("too many data channels")

        def stream(stream_id: int) -> InboundStream:
            streams = sctp._inbound_streams
            if stream_id not in streams:
                if len(streams) >= MAX_STREAMS:
                    raise LimitExceeded("too many streams")
                streams[stream_id] = Stream()
            return streams[stream_id]

        # aiortc has no hooks for any of these, and mypy takes no other method in a method's place.
        sctp._handle_data = _refusing(sctp, guarded_packet)  # type: ignore
        sctp._receive_data_chunk = guarded  # type: ignore[method-assign]
        sctp._receive_forward_tsn_chunk = guarded_skip  # type: ignore[method-assign]
        sctp._data_channel_receive = guarded_message  # type: ignore[method-assign]
        sctp._get_inbound_stream = stream  # type: ignore[method-assign]
        sctp._mark_received = lambda tsn: mark_received(sctp, tsn)  # type: ignore[method-assign]
        self._sctp = sctp
        if self._is_closed:
            sctp._advertised_rwnd -= WINDOW

    def _incomplete(self, sctp: RTCSctpTransport) -> int:
        """Return the bytes of messages that are not complete."""
        window = 0 if self._is_closed else WINDOW
        return window - sctp._advertised_rwnd

    def add(self, size: int) -> None:
        """Count a message that has arrived. Call this in the loop."""
        with self._lock:
            self._waiting += size
            if self._is_closed or self._waiting < CLOSE_AT:
                return
            self._is_closed = True
        if self._sctp is not None:
            self._sctp._advertised_rwnd -= WINDOW

    def remove(self, size: int) -> None:
        """Count a message that was received, in any thread."""
        with self._lock:
            self._waiting -= size
            if not self._is_closed or self._waiting > OPEN_AT:
                return
            self._is_closed = False
        self._loop.soon(self._open)

    def _open(self) -> None:
        sctp = self._sctp
        if sctp is None:
            return
        sctp._advertised_rwnd += WINDOW
        if sctp.state == "connected":
            # Otherwise the sender notices only at its next probe.
            sctp._sack_needed = True
            self._loop.asyncio.create_task(_send_sack(sctp))


def _refusing(
    sctp: RTCSctpTransport, receive: Callable[[bytes], Coroutine[Any, Any, None]]
) -> Callable[[bytes], Coroutine[Any, Any, None]]:
    """Return ``receive``, which frees what has arrived when the other side exceeds a limit.

    The transport of aiortc reads until a ``ConnectionError``, and then reports that it is closed.
    """

    async def receive_or_refuse(packet: bytes) -> None:
        try:
            await receive(packet)
        except LimitExceeded as error:
            log.warning("a connection is closed, since the other side sends %s", error)
            sctp._inbound_streams.clear()
            sctp._sack_misordered.clear()
            raise

    return receive_or_refuse


async def _send_sack(sctp: RTCSctpTransport) -> None:
    # The state of the connection says that it is lost.
    with suppress(ConnectionError):
        await sctp._send_sack()


def is_flushed(pc: RTCPeerConnection) -> bool:
    """Return whether the other side has acknowledged all that was sent."""
    sctp = pc.sctp
    return sctp is None or not (
        sctp._data_channel_queue or sctp._outbound_queue or sctp._sent_queue
    )
