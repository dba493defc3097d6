"""What host and guest sessions share: signals, presence, ICE servers, the end."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, ClassVar

import msgspec
import trio

from proxim.client.base_connection import BaseConnection, wire_error
from proxim.client.notices import Notice, NoticeLog
from proxim.client.peering import Peering
from proxim.client.values import decode, encode
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    ConnectionLost,
    NotApproved,
    ProximError,
    SealUnavailable,
    SessionOver,
)
from proxim.protocol.messages import IceServer, Reason, Status

if TYPE_CHECKING:
    from proxim.client.sealed import SealedSignals
    from proxim.rtc.channel import Channel
    from proxim.rtc.negotiation import Role

MAX_UNREAD = 1024
"""Signals of one session that may wait to be received."""

TOO_SLOW = 4001
"""The close code for a side that does not read (protocol: Close codes)."""


class ClientSession:
    """Sends and receives for one side of a session, as host or as guest.

    ``ice_servers`` are the latest for ``RTCPeerConnection``; while connected they are refreshed
    before they expire. ``peer_online`` says whether the other side is connected to the node.
    ``over`` is the reason why the session ended; None before.

    At most 1,024 signals wait to be received, with ``unread_bytes`` of at most 4 MiB. If the
    application receives too slowly, the session ends for both sides: ``over`` is a
    ``ConnectionLost`` with the close code 4001. The signals that wait can still be received.
    """

    _role: ClassVar[Role]

    def __init__(self, connection: BaseConnection, session_id: str) -> None:
        self.session_id = session_id
        self.status = Status.PENDING
        self.device_info: wire.DeviceInfo | None = None
        self.ice_servers: list[IceServer] = []
        self.over: ProximError | None = None
        self.unread_bytes = 0
        self.peer_online = False
        self._connection = connection
        self._unread: deque[msgspec.Raw] = deque()
        self._readable = trio.lowlevel.ParkingLot()
        self._earlier_error: ProximError | None = None
        self._peering: Peering | None = None
        self._arrivals = 0  # How often one of the two sides has come online.
        self._changed = trio.lowlevel.ParkingLot()
        self._notices = NoticeLog()
        self._signals: SealedSignals | None = None

    @property
    def sealed(self) -> bool:
        """Whether the node can read and forge neither names, nor decisions, nor signals."""
        return False

    async def send(self, data: object) -> None:
        """Send a JSON value to the other side, in order, once approved.

        While this side is offline, the value is queued.

        Raises ``NotApproved`` before the approval, ``SessionOver`` after the end, and
        ``BadMessage`` if the value is not JSON or larger than the node accepts. Also raises the
        node's error for an *earlier* signal: ``PeerOffline`` if the backlog for an offline side is
        full, ``RateLimited`` if the other side reads too slowly, or ``NotApproved`` if a restarted
        node got it before the guest was back. This signal has then been sent.

        In a sealed session the value is queued, too, while the other side is offline. Raises
        ``PeerOffline`` if 256 of them wait; this signal has then not been sent.
        """
        if self.over is not None:
            raise self.over
        if self.status is not Status.APPROVED:
            why = "nothing was sent: the session is not approved yet"
            raise NotApproved(why, session_id=self.session_id)
        await self._send_data(msgspec.Raw(encode(data)))
        if self._earlier_error is not None:
            error, self._earlier_error = self._earlier_error, None
            raise error

    async def _send_data(self, data: msgspec.Raw) -> None:
        """Send JSON as a signal, sealed in a sealed session."""
        if self._signals is not None:
            await self._signals.send(data)
        elif self.sealed:
            raise SealUnavailable("this program does not have the secret of this sealed session")
        else:
            signal = wire.Signal(session_id=self.session_id, data=data)
            await self._connection.send_one_way(signal)

    async def receive(self) -> object:
        """Return the next value from the other side.

        Raises ``SessionOver`` after the last one, or the error that ended the connection.
        """
        await self.wait_readable()
        return self.receive_nowait()

    def receive_nowait(self) -> object:
        """Return the next value from the other side, if it has arrived.

        Raises ``trio.WouldBlock`` if none has, and otherwise what ``receive`` raises.
        """
        if self._unread:
            data = self._unread.popleft()
            self.unread_bytes -= len(data)
            return decode(data)
        raise trio.WouldBlock if self.over is None else self.over

    async def wait_readable(self) -> None:
        """Wait until a value has arrived, or the session has ended."""
        await trio.lowlevel.checkpoint()
        while not self._unread and self.over is None:
            await self._readable.park()

    async def signals(self) -> AsyncIterator[object]:
        """Iterate over the values from the other side until the session ends."""
        while True:
            await self.wait_readable()
            if not self._unread:
                return
            yield self.receive_nowait()

    async def channel(self, *, relay_only: bool = False) -> Channel:
        """Return the channel to the other side, by WebRTC, once it is open.

        The first call starts to connect, as soon as the session is approved; there is one channel
        for each session, and later calls return it. From the first call on, the signals that
        ``proxim.js`` and the SDK use to connect are not received by ``receive`` and ``signals``. So
        call it before you receive. With ``relay_only`` nothing goes to the other side but through
        a TURN server.

        Raises ``Unreachable`` if the two sides can't connect to each other, after several attempts,
        or if the other side has no WebRTC; then the next call tries again. Raises ``SessionOver``
        at the end. Raises ``NotSupported`` if aiortc is not installed; the other side is told so.
        """
        return await self._get_peering().channel(relay_only=relay_only)

    def expect_channel(self) -> None:
        """Keep the signals of the connection for a later ``channel``, as that does by itself.

        For a program that receives before it calls ``channel``.
        """
        if self.over is None:
            self._get_peering()

    def refuse_channel(self) -> None:
        """Tell the other side that there will be no channel, so that it does not wait for one.

        It is told once the session is approved, and again each time it comes back online. Its
        attempts to connect are then not received by ``receive`` and ``signals``. ``channel`` can
        still be called later. Once it was called, this does nothing.
        """
        if self.over is None:
            self._get_peering().refuse()

    async def close(self) -> None:
        """End the session, or cancel a guest's request to pair. Does nothing after the end."""
        if not isinstance(self.over, SessionOver):
            await self._close()

    async def _close(self) -> None:
        await self._connection.close_session(self.session_id)

    async def refresh_ice(self) -> wire.IceServers:
        """Request new ICE servers now, although they are refreshed before they expire."""
        return await self._connection.refresh_ice(self.session_id)

    async def ended(self) -> SessionOver:
        """Wait for the end, and return its reason. Raises the error that ended the connection."""
        await self.wait_over()
        if isinstance(self.over, SessionOver):
            return self.over
        assert self.over is not None
        raise self.over

    async def wait_over(self) -> None:
        """Wait until ``over`` is set."""
        await self._wait_for(lambda: False)

    async def wait_approved(self) -> None:
        """Wait until the session is approved, or ``over`` is set."""
        await self._wait_for(lambda: self.status is Status.APPROVED)

    async def presence(self) -> AsyncIterator[bool]:
        """Yield at each change whether the other side is connected, until the session ends."""
        seen = self.peer_online
        while (online := await self.presence_after(seen)) is not None:
            seen = online
            yield online

    async def presence_after(self, seen: bool) -> bool | None:
        """Wait until ``peer_online`` differs from ``seen``, and return it; None after the end."""
        await self._wait_for(lambda: self.peer_online is not seen)
        return self.peer_online if self.over is None else None

    async def notices(self) -> AsyncIterator[Notice]:
        """Yield each notice, from the beginning of the session to its end."""
        count = 0
        while (notice := await self.notice_after(count)) is not None:
            yield notice
            count += 1

    async def notice_after(self, count: int) -> Notice | None:
        """Wait for the notice after the first ``count``, and return it; None after the end."""
        await self._wait_for(lambda: len(self._notices) > count)
        return self._notices[count] if len(self._notices) > count else None

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition is true, or the session has ended."""
        await trio.lowlevel.checkpoint()
        while self.over is None and not condition():
            await self._changed.park()

    # -- messages from the node --------------------------------------------------------------

    def _handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node."""
        match message:
            case wire.Signal(data=data):
                opened = self._open(data)
                if opened is not None:
                    self._queue(opened)
                return  # Nobody waits for this through `_changed`.
            case wire.PairResult(status=Status.APPROVED) if self._accept_approval():
                self.peer_online = True
                self._arrivals += 1
                self._set_device(message.device_info)
                self._set_ice_servers(message.ice_servers, message.ice_ttl)
                self.status = Status.APPROVED
                if self._signals is not None:
                    self._signals.begin()
            case wire.IceServers():
                self._set_ice_servers(message.ice_servers, message.ttl)
            case wire.PeerOnline():
                self.peer_online = True
                self._arrivals += 1
                if self._signals is not None:
                    self._signals.peer_came_back()
            case wire.PeerOffline():
                self.peer_online = False
            case wire.SessionEnded(status=status, reason=reason):
                self._finish(SessionOver(status, reason))
            case wire.Error(ref=msgspec.UNSET):
                self._earlier_error = wire_error(message)
            case _:
                pass
        self._wake()

    def _open(self, data: msgspec.Raw) -> msgspec.Raw | None:
        """Return what the other side has sent; None if nothing is to be received."""
        if self._signals is not None:
            return self._signals.receive(data)
        return None if self.sealed else data

    def _wake(self) -> None:
        """Wake the tasks that wait for a change."""
        self._changed.unpark_all()
        if self._signals is not None:
            self._signals.wake()

    def _get_peering(self) -> Peering:
        if self._peering is None:
            self._peering = peering = Peering(self)
            # Of the signals that wait to be received, it takes those of the channel.
            self._unread = deque(data for data in self._unread if not peering.receive(data))
            self.unread_bytes = sum(map(len, self._unread))
        return self._peering

    def _queue(self, data: msgspec.Raw) -> None:
        if self.over is not None or (self._peering is not None and self._peering.receive(data)):
            return
        size = self.unread_bytes + len(data)
        # A single signal of any size has room.
        if len(self._unread) >= MAX_UNREAD or (
            self._unread and size > self._connection.max_unread_bytes
        ):
            why = "too slow: too many signals wait to be received"
            self._abandon(ConnectionLost(why, close_code=TOO_SLOW))
            return
        self.unread_bytes = size
        self._unread.append(data.copy())
        self._readable.unpark_all()

    def _set_ice_servers(
        self, ice_servers: list[IceServer] | msgspec.UnsetType, ttl: float | msgspec.UnsetType
    ) -> None:
        """Store new ICE servers, if any, and schedule their refresh."""
        if ice_servers is msgspec.UNSET:
            return
        self.ice_servers = ice_servers
        if ice_servers and ttl is not msgspec.UNSET:
            self._connection.ice.schedule(self.session_id, ttl)

    def _update(self, info: wire.SessionInfo) -> None:
        """Store the session object, which shows what happened while this side was offline."""
        self._set_device(info.device_info)
        self._arrivals += 1
        if isinstance(info.reason, Reason):
            self._finish(SessionOver(info.status, info.reason))
        elif info.status is Status.APPROVED and self._accept_approval():
            self.status = Status.APPROVED
            if self._signals is not None:
                self._signals.start()
        self._wake()

    def _accept_approval(self) -> bool:
        """Return whether the session is approved, as the node says."""
        return True

    def _set_device(self, device_info: wire.DeviceInfo | None) -> None:
        """Store what the node says of the guest."""
        self.device_info = device_info

    def _abandon(self, over: ProximError) -> None:
        """End the session for both sides, without waiting for the node."""
        if self.over is None:
            self._finish(over)
            self._connection.abandon(self.session_id)

    def _finish(self, over: ProximError) -> None:
        """End the session on this side, and wake the tasks that wait for it."""
        if self.over is not None:
            return
        self.over = over
        if isinstance(over, SessionOver):
            self.status = Status(over.status)
        self.peer_online = False
        self._connection.ice.remove(self.session_id)
        self._readable.unpark_all()
        self._wake()
        self._signals = None
