"""One side of a session, as host and guest have it in common: signals, presence, the end."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

import msgspec
import trio

from proxim.client.connection import wire_error
from proxim.client.ice import IceRefresher
from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage, ProximError, SessionOver
from proxim.protocol.messages import IceServer, Reason, Status

_Reply = TypeVar("_Reply", bound=wire.NodeMessage)


class Channel(Protocol):
    """How a session reaches its node: by a socket, or within one process.

    ``ice`` is told when ICE servers lapse, and has them asked for anew before.
    """

    ice: IceRefresher

    async def call(self, request: wire.ClientMessage, kind: type[_Reply]) -> _Reply:
        """Send a request and wait for its reply. Raises what the node refuses with."""
        ...

    async def send_signal(self, signal: wire.Signal) -> None:
        """Send a signal, in order. Raises ``BadMessage`` when it is larger than the node takes."""


class ClientSession:
    """A session from one side.

    ``ice_servers`` is what the node gave last for ``RTCPeerConnection``; while connected it is
    renewed before it lapses. ``over`` is why the session ended, if it did. ``unread_bytes`` is the
    size of what came and was not yet received.
    """

    def __init__(self, connection: Channel, session_id: str) -> None:
        self.session_id = session_id
        self.status = Status.PENDING
        self.device_info: wire.DeviceInfo | None = None
        self.ice_servers: list[IceServer] = []
        self.over: ProximError | None = None
        self.unread_bytes = 0
        self._connection = connection
        self._peer_online = False
        self._presence_changed = trio.Event()
        self._dropped: ProximError | None = None
        self._incoming, self._signals = trio.open_memory_channel[msgspec.Raw](math.inf)
        self._decided = trio.Event()
        self._ended = trio.Event()

    @property
    def peer_online(self) -> bool:
        """Whether the other side is connected to the node."""
        return self._peer_online

    @peer_online.setter
    def peer_online(self, online: bool) -> None:
        self._peer_online = online
        self._presence_changed.set()
        self._presence_changed = trio.Event()

    async def send(self, data: object) -> None:
        """Send any JSON value to the other side, in order, once approved.

        Raises ``SessionOver`` after the end, ``BadMessage`` when the value is no JSON, or larger
        than the node takes, and what the node has said of an *earlier* signal that it did not take:
        ``PeerOffline`` when no more is kept for an absent side, ``NotApproved``. This one has then
        been sent.
        """
        if self.over is not None:
            raise self.over
        signal = wire.Signal(session_id=self.session_id, data=msgspec.Raw(_encode(data)))
        await self._connection.send_signal(signal)
        if self._dropped is not None:
            dropped, self._dropped = self._dropped, None
            raise dropped

    async def receive(self) -> object:
        """The next value from the other side.

        Raises ``SessionOver`` when there is none to come, or what made the connection fail for
        good.
        """
        try:
            return self._read(await self._signals.receive())
        except trio.EndOfChannel:
            assert self.over is not None
            raise self.over from None

    async def signals(self) -> AsyncIterator[object]:
        """What the other side sends, until the session ends."""
        async for data in self._signals:
            yield self._read(data)

    async def close(self) -> None:
        """End the session. Closing one that has ended is no error."""
        if isinstance(self.over, SessionOver):
            return
        try:
            await self._connection.call(
                wire.CloseSession(session_id=self.session_id), wire.SessionEnded
            )
        except SessionOver:
            return

    async def refresh_ice(self) -> wire.IceServers:
        """Fresh ICE servers now; before those that are there lapse they come by themselves."""
        return await self._connection.call(
            wire.RefreshIce(session_id=self.session_id), wire.IceServers
        )

    async def ended(self) -> SessionOver:
        """Wait for the end, and say how it came. Raises what made the connection fail for good."""
        await self.wait_over()
        if isinstance(self.over, SessionOver):
            return self.over
        assert self.over is not None
        raise self.over

    async def wait_over(self) -> None:
        """Wait for the end, however it comes; ``over`` then says how."""
        await self._ended.wait()

    async def presence(self) -> AsyncIterator[bool]:
        """Whether the other side is connected: at each change, until the session ends."""
        online = await self.presence_after(self.peer_online)
        while online is not None:
            yield online
            online = await self.presence_after(online)

    async def presence_after(self, seen: bool) -> bool | None:
        """Whether the other side is connected, once that is not as ``seen``; None after the end."""
        while self.over is None:
            if self.peer_online is not seen:
                return self.peer_online
            await self._presence_changed.wait()
        return None

    # -- what the node says ------------------------------------------------------------------

    def handle(self, message: wire.NodeMessage) -> None:
        """Take in what the node says of this session."""
        match message:
            case wire.Signal(data=data):
                self.unread_bytes += len(data)
                self._incoming.send_nowait(data.copy())
            case wire.PairResult(status=Status.APPROVED):
                self.peer_online = True
                self.device_info = message.device_info
                self.set_ice_servers(message.ice_servers, message.ice_ttl)
                self._approve()
            case wire.IceServers():
                self.set_ice_servers(message.ice_servers, message.ttl)
            case wire.PeerOnline():
                self.peer_online = True
            case wire.PeerOffline():
                self.peer_online = False
            case wire.SessionEnded(status=status, reason=reason):
                self.finish(SessionOver(status, reason))
            case wire.Error(ref=msgspec.UNSET):
                self._dropped = wire_error(message)
            case _:
                pass

    def set_ice_servers(
        self,
        ice_servers: list[IceServer] | msgspec.UnsetType,
        ttl: float | msgspec.UnsetType,
    ) -> None:
        """Take in ICE servers, if some were told, and have them renewed in time."""
        if ice_servers is msgspec.UNSET:
            return
        self.ice_servers = ice_servers
        if ice_servers and ttl is not msgspec.UNSET:
            self._connection.ice.schedule(self.session_id, ttl)

    def update(self, info: wire.SessionInfo) -> None:
        """Take in the session object, which may tell what was missed while away."""
        self.device_info = info.device_info
        if isinstance(info.reason, Reason):
            self.finish(SessionOver(info.status, info.reason))
        elif info.status is Status.APPROVED:
            self._approve()

    def finish(self, over: ProximError) -> None:
        """The session is over for this side; whoever waits on it is told."""
        if self.over is not None:
            return
        self.over = over
        if isinstance(over, SessionOver):
            self.status = Status(over.status)
        self.peer_online = False
        self._connection.ice.remove(self.session_id)
        self._decided.set()
        self._ended.set()
        self._incoming.close()

    def _read(self, data: msgspec.Raw) -> object:
        self.unread_bytes -= len(data)
        return _decode(data)

    def _approve(self) -> None:
        self.status = Status.APPROVED
        self._decided.set()


def _decode(data: msgspec.Raw) -> object:
    """What the other side said. The node has checked that it is JSON, not that it is moderate."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        # A number such as 1e999: the standard library makes the best of it.
        return json.loads(bytes(data), parse_int=_parse_int)


def _parse_int(digits: str) -> int | float:
    """Python refuses to read thousands of digits; nearly the same number is no harm."""
    return int(digits) if len(digits) < 1000 else float(digits)


def _encode(value: object) -> bytes:
    try:
        text = msgspec.json.encode(value)
        if b"null" in text:
            # It may stand for a number that JSON does not have, and that would be lost.
            json.dumps(value, allow_nan=False, skipkeys=True, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadMessage(f"this is no JSON value: {error}") from None
    return text
