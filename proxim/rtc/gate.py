"""Bounds the messages that wait to be received. With ``path``, it touches private names of aiortc.

aiortc itself acknowledges each message and emits it, however many wait.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from proxim.rtc.loop import Loop

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection
    from aiortc.rtcsctptransport import DataChunk, RTCSctpTransport

CLOSE_AT = 4 * 1024 * 1024
OPEN_AT = 1024 * 1024
"""Bytes that wait when the receive window closes, and when it opens again."""

REFUSE_AT = 8 * 1024 * 1024
"""Bytes that wait when data is not even acknowledged, so that the sender sends it again later."""

WINDOW = 1024 * 1024
"""The receive window of aiortc."""


class Gate:
    """Bounds the bytes that wait to be received, over all data channels of a session.

    A sender that keeps to SCTP (RFC 9260) stops at ``CLOSE_AT``. One that does not, such as
    aiortc's, is not heard beyond ``REFUSE_AT``, and sends the rest again later.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_closed = False
        self._sctp: RTCSctpTransport | None = None

    def attach(self, sctp: RTCSctpTransport) -> None:
        """Guard a new connection, before it receives anything."""
        receive = sctp._receive_data_chunk

        async def guarded(chunk: DataChunk) -> None:
            if self._waiting < REFUSE_AT:
                await receive(chunk)

        sctp._receive_data_chunk = guarded  # type: ignore[method-assign]  # aiortc has no hook here
        self._sctp = sctp
        if self._is_closed:
            sctp._advertised_rwnd -= WINDOW

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
